"""What the public names say of themselves, and that it is true."""

import ast
import doctest
import inspect
import re
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

import mmseg_missing
from mmseg_missing.modality import Stack

PACKAGE = Path(mmseg_missing.__file__).parent
FRAGMENT = re.compile(r'^\s+\*{0,2}\w+: Of ', re.MULTILINE)
# What every example may use without importing it.
KNOWN = {'np': np, 'nn': nn, 'torch': torch, 'Stack': Stack}


def module_of(path):
    parts = path.relative_to(PACKAGE.parent).with_suffix('').parts
    return '.'.join(parts).removesuffix('.__init__')


def names_of(path):
    """Return `__all__` of a file, without running it."""
    for node in ast.parse(path.read_text('utf-8')).body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == (
            '__all__'
        ):
            return ast.literal_eval(node.value)
    return []


FILES = sorted(PACKAGE.rglob('*.py'))
WITH_EXAMPLES = [path for path in FILES if '>>>' in path.read_text('utf-8')]
PUBLIC = [(module_of(path), n) for path in FILES for n in names_of(path)]


@pytest.mark.parametrize('path', WITH_EXAMPLES, ids=module_of)
def test_examples(path, forgetting):
    """Each example gives what it says, in the order of the file."""
    module = import_module(module_of(path))
    globs = {**KNOWN, **vars(module)}
    runner = doctest.DocTestRunner()
    heard = []
    with forgetting():
        for test in doctest.DocTestFinder().find(module, globs=globs):
            torch.manual_seed(0)
            runner.run(test, out=heard.append)
    assert not runner.failures, ''.join(heard)


def test_public_names_are_found():
    assert len(PUBLIC) > 250


# Public names without an example, by the reason why.
ELSEWHERE = {
    'a config names it; tests/test_configs.py builds them all': (
        'CoDistillation FeatureImputer FeatureMoments MaskedCompletion '
        'MissingModalityCascadeSegmentor MissingModalityMixin '
        'MissingModalitySegmentor'
    ),
    'it reads files of a data set; docs/datasets.md has the config': (
        'DELIVERDataset FMBDataset FolderDataset LoadLabel MCubeSDataset '
        'MFNetDataset MultiModalDataset NYUv2Dataset OMBRIADataset '
        'PST900Dataset SUNRGBDDataset'
    ),
    'it works within a Runner, which a config builds': (
        'AdapterCheckpointHook AmpOptimWrapper AtomicCheckpointHook '
        'CombinationIoUMetric CombinationLossHook CombinationPicturesHook '
        'CombinationTestLoop CombinationValLoop CostHook FiniteCheckHook '
        'FrozenBaseCheckHook PerCombination ProgressBarHook RandomStateHook '
        'ResumeCheckHook TraceProtocol check_numbers'
    ),
    'a function makes it; its fields are what there is to know': (
        'ChannelStatistics Comparison Cost Exported FolderGuess Found '
        'Hidden Measurement NewConfigs Recommendation Repaired Sample '
        'SampleCheck Scored SiteDrift SiteSensitivity TraceTable Unclear '
        'View ZooFiles'
    ),
    'a verb calls it on files; docs show the verb': (
        'SampleChecks Summary absence_curves collect compare compare_formats '
        'comparison_table find_base find_dedicated findings leaders '
        'modality_lines page_of problem_lines repair shared_samples '
        'summary_tables write_comparison write_curve write_page'
    ),
    'a verb calls it on a network and its data; docs show the verb': (
        'Benchmark Drift EvenImages Findings Graph Imputation '
        'ModalityAnalyzer Samples Sensitivity SensorMonitor Studio '
        'SubsetScores Variants Watch add_monitor build_probe cost_table '
        'find_stems imputation_tables load_graph load_monitor manifest_of '
        'networks_of peak_bytes quantize write_graph'
    ),
    'the example of its neighbour shows it': (
        'FillGenerator MixedRows annotate_adapter drop_norms fold_norms '
        'load_adapters read_adapter read_rows start_from'
    ),
    'others of this package call it, users hardly do': (
        'before_loading hearing_samples mend_cross_entropy tell_samples'
    ),
}
EXCUSED = [name for names in ELSEWHERE.values() for name in names.split()]


def test_public_names_have_an_example_or_a_reason():
    things = {name: getattr(import_module(m), name) for m, name in PUBLIC}
    documented = {
        name: '>>>' in (thing.__doc__ or '')
        for name, thing in things.items()
        if inspect.isclass(thing) or inspect.isfunction(thing)
    }
    lacking = {name for name, has in documented.items() if not has}
    assert lacking == set(EXCUSED)
    assert len(lacking) == len(EXCUSED)


def test_arguments_are_named():
    """No riddles such as ``seed: Of the draws.``."""
    assert not [p for p in FILES if FRAGMENT.search(p.read_text('utf-8'))]
