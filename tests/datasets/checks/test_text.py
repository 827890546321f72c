import numpy as np
import pytest
from mmengine.config import Config
from mmseg.registry import DATASETS

from mmseg_missing.datasets.checks import (
    SampleChecks,
    Summary,
    modality_lines,
    problem_lines,
    summary_tables,
)
from mmseg_missing.modality import Stack


@pytest.fixture
def checks(options):
    return SampleChecks(DATASETS.build(options))


@pytest.fixture
def summary(checks):
    return Summary(checks.stack, checks)


def test_the_lines_are_a_config(summary):
    written = Config.fromstring(modality_lines(summary), '.py').modalities
    stack = Stack(written)
    for modality, declared in zip(stack, summary.stack, strict=True):
        for key in ('name', 'channels', 'interpolation', 'sensor'):
            assert getattr(modality, key) == getattr(declared, key)
        found = summary.statistics[modality.name]
        np.testing.assert_allclose(modality.mean, found.mean, rtol=1e-3)
        np.testing.assert_allclose(modality.std, found.std, rtol=1e-3)
    assert 'interpolation' not in written[0]
    assert len(repr(written[0].mean[0])) <= 5  # four digits


def cells(line):
    return [cell.strip() for cell in line.strip('|').split('|')]


def test_tables(summary, checks):
    text = summary_tables(summary, 'train', checks.classes, checks.formats)
    first, *lines = text.splitlines()
    assert first == ('train: 4 samples, 4 labels, height x width 5 x 7 (4)')
    rows = [cells(line) for line in lines if line.startswith('| ')]
    ir = rows[2]
    assert ir[:5] == ['ir', 'uint16 * 0.01 -20', '1', '3', '1']
    pixels = summary.label_pixels
    share = f'{100 * pixels[1] / (pixels[0] + pixels[1]):.2f}'
    assert rows[-2] == ['1', 'person', share, '4']
    assert rows[-1] == ['255', '(ignored)', '20.00 of all', '4']


def test_one_is_no_plural(summary, checks):
    summary.samples = summary.labels = 1
    text = summary_tables(summary, 'val', checks.classes, checks.formats)
    assert text.startswith('val: 1 sample, 1 label, height x width')
    assert problem_lines(['no file']).startswith('1 problem:')


def test_how_encoded_depth_is_stored(summary):
    form = {'dtype': 'uint16', 'scale': 0.001, 'encode': {'encoding': 'hha'}}
    text = summary_tables(summary, 'train', (), {'ir': form})
    assert '| uint16 * 0.001 as hha |' in text


def test_nothing_could_be_read(options, root, checks):
    for path in root.rglob('*.*'):
        path.write_bytes(b'')
    summary = Summary(checks.stack, checks)
    assert len(summary.problems) == 11  # the absent ir is none
    assert summary_tables(summary, 'a', ('b', 'c'), {}).startswith(
        'a: 4 samples, 0 labels, height x width unknown'
    )
    assert modality_lines(summary) == 'modalities = [\n]'


def test_the_first_ten_problems():
    assert problem_lines([]) == 'no problems'
    assert problem_lines(['a']) == '1 problem:\n- a'
    lines = problem_lines([str(i) for i in range(12)]).splitlines()
    assert lines[0] == '12 problems:' and lines[10] == '- 9'
    assert lines[11:] == ['... and 2 more']
