"""Who may import whom, and what the package does without the stack."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

import mmseg_missing

PACKAGE = Path(mmseg_missing.__file__).parent
FILES = sorted(PACKAGE.rglob('*.py'))

COMMON = {'compat', 'data_pickle', 'moved', 'registry', 'remote', 'version'}
CORE = {
    'modality',
    'names',
    'present',
    'context',
    'external',
    'fill',
    'finite',
    'sampling',
    'corruptions',
    'monitoring',
    'adapters',
    'products',
    'recomputing',
    'torch_versions',
    'values',
}
# From the bottom up. A floor may use what lies below it, its rooms not each
# other, but for BESIDE.
FLOORS = (
    {'runtime', 'visualization'},
    {'models', 'datasets', 'engine', 'evaluation'},
    {'comparison', 'exporting', 'importance', 'benchmark'},
    {'reporting', 'startup'},
    {'apis'},
    {'page'},
    {'cli'},
)
BESIDE = {'engine': {'evaluation'}, 'importance': {'benchmark'}}
STACKED = set().union(*FLOORS)
OWN = {
    **{part: CORE | {'version'} for part in CORE},
    **{
        room: CORE
        | COMMON
        | {room}
        | BESIDE.get(room, set())
        | set().union(*FLOORS[:level])
        for level, floor in enumerate(FLOORS)
        for room in floor
    },
    '__init__': STACKED | COMMON,
    '__main__': {'cli'},
    'analysis': {'moved'},
    'compat': {'data_pickle', 'recomputing'},
    'data_pickle': set(),
    'moved': set(),
    'registry': CORE | {'compat'},
    'remote': set(),
    'version': set(),
}

CORE_FOREIGN = {'torch', 'safetensors'}
STACK = {'mmcv', 'mmengine', 'mmseg'}
FROM_STACK = {
    'PIL',
    'cv2',
    'gradio',
    'h5py',
    'imagecodecs',
    'jinja2',
    'markupsafe',
    'matplotlib',
    'numpy',
    'onnxruntime',
    'prettytable',
    'rich',
    'scipy',
    'starlette',
    'tifffile',
}
FOREIGN = CORE_FOREIGN | STACK | FROM_STACK


def imported_names(source, package):
    """Dotted names that a module of ``package`` imports, anywhere in it."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            parents = package.split('.')
            parents = parents[: len(parents) + 1 - node.level]
            base = '.'.join(parents) if node.level else ''
            module = '.'.join(filter(None, [base, node.module]))
            if module == 'mmseg_missing':
                yield from (f'{module}.{alias.name}' for alias in node.names)
            else:
                yield module


def violations(source, package, part):
    """Imports that ``part`` of mmseg_missing must not have."""
    foreign = CORE_FOREIGN if part in CORE else FOREIGN
    for name in imported_names(source, package):
        root, _, rest = name.partition('.')
        if root == 'mmseg_missing':
            child = rest.partition('.')[0]
            if child not in OWN[part] | {'__version__'}:
                yield name
        elif root not in foreign | sys.stdlib_module_names:
            yield name


@pytest.mark.parametrize(
    'path', FILES, ids=lambda path: str(path.relative_to(PACKAGE))
)
def test_file_keeps_the_rule(path):
    relative = path.relative_to(PACKAGE)
    package = '.'.join(['mmseg_missing', *relative.parts[:-1]])
    part = relative.parts[0].removesuffix('.py')
    assert list(violations(path.read_text('utf-8'), package, part)) == []


@pytest.mark.parametrize(
    ('part', 'source'),
    [
        ('adapters', 'import numpy'),
        ('adapters', 'from ..models import CMNeXt'),
        ('adapters', 'from mmseg_missing.compat import require_stack'),
        ('models', 'from mmseg_missing import evaluation'),
        ('models', 'def f():\n    from ..datasets.nyuv2 import CLASSES'),
        ('datasets', 'from mmdet.registry import DATASETS'),
        ('evaluation', 'import mmseg_missing.engine.hooks'),
    ],
)
def test_rule_is_able_to_fail(part, source):
    assert list(violations(source, f'mmseg_missing.{part}', part))


def test_the_page_names_the_same_floors():
    page = (PACKAGE.parent / 'docs' / 'structure.md').read_text('utf-8')
    floors, rooms = (
        re.findall(r'^\| (.+) \| (.+) \|$', part, re.MULTILINE)[1:]
        for part in page.split('## ')[1:3]
    )
    named = [set(re.findall(r'`(\w+)`', rooms)) for _, rooms in floors]
    assert named == [CORE, *FLOORS]
    explained = {re.sub(r'\W|\.py', '', room) for room, _ in rooms}
    assert explained >= STACKED


def test_files_are_found():
    assert PACKAGE / '__init__.py' in FILES
    assert PACKAGE / 'adapters' / '__init__.py' in FILES


WITHOUT_STACK = """
import sys
for name in ('mmengine', 'mmcv', 'mmseg', 'numpy', 'cv2'):
    sys.modules[name] = None
import mmseg_missing, mmseg_missing.adapters, mmseg_missing.sampling
import mmseg_missing.corruptions, mmseg_missing.monitoring
print(mmseg_missing.__version__)
for statement in (
    'mmseg_missing.models',
    'from mmseg_missing import datasets',
    'import mmseg_missing.engine',
    'import mmseg_missing.apis',
    'from mmseg_missing.registry import SAMPLERS',
    'from mmseg_missing.evaluation import Report',
):
    try:
        exec(statement)
    except ImportError as error:
        print('pip install "mmseg-missing[onedl]"' in str(error))
"""


def run_python(code):
    return subprocess.run(
        [sys.executable, '-c', code],
        capture_output=True,
        text=True,
        check=True,
    )


def test_without_the_stack():
    """Adapters work with torch only; the rest says what to install."""
    lines = run_python(WITHOUT_STACK).stdout.splitlines()
    assert lines == [mmseg_missing.__version__, *['True'] * 6]


def test_own_import_error_is_not_taken_for_a_missing_stack():
    code = """
import sys
sys.modules['mmseg_missing.models.backbones'] = None
try:
    import mmseg_missing
except ImportError as error:
    print(error)
"""
    assert 'mmseg_missing.models.backbones' in run_python(code).stdout


def test_unknown_attribute_is_an_attribute_error():
    with pytest.raises(AttributeError, match='nonsense'):
        _ = mmseg_missing.nonsense
