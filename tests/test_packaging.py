"""What is installed, and what the wheel carries."""

import os
import re
import shutil
import subprocess
import sys
import tarfile
from importlib import metadata
from pathlib import Path
from zipfile import ZipFile

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

import mmseg_missing

ROOT = Path(mmseg_missing.__file__).parents[1]
SOURCES = (
    'setup.py',
    'pyproject.toml',
    'CITATION.cff',
    'CONTRIBUTING.md',
    'LICENSE',
    'MANIFEST.in',
    'README.md',
    'SECURITY.md',
    'model-index.yml',
    'mmseg_missing',
    'mmseg_missing_command.py',
    'configs',
    'tools',
    'tests',
)


def declared(extra):
    """Requirements of an extra, or the hard ones for an empty name."""
    for requirement in map(Requirement, metadata.requires('mmseg-missing')):
        marker = str(requirement.marker or '')
        if f'"{extra}"' in marker if extra else not marker:
            yield requirement


def lines_of(name):
    """Requirements of a file in requirements/, those it includes too."""
    text = (ROOT / 'requirements' / f'{name}.txt').read_text()
    for line in text.splitlines():
        if line.startswith('-r '):
            yield from lines_of(line[3:].removesuffix('.txt'))
        elif line and not line.startswith('#'):
            yield Requirement(line)


def pinned(name):
    """{package: version} of a file in requirements/, those it includes too."""
    pins = {}
    for requirement in lines_of(name):
        (specifier,) = requirement.specifier
        assert specifier.operator == '=='
        pins[requirement.name] = specifier.version
    return pins


def test_installed_version():
    assert metadata.version('mmseg-missing') == mmseg_missing.__version__


def test_hard_requirements_leave_the_stack_alone():
    names = {requirement.name for requirement in declared('')}
    assert names == {'numpy', 'safetensors', 'torch'}


@pytest.mark.parametrize(
    'extra', ['onedl', 'openmmlab', 'test', 'page', 'dev']
)
def test_extra_takes_the_tested_set(extra):
    pins = {**pinned('onedl'), **pinned(extra)}
    requirements = list(declared(extra))
    assert requirements
    for requirement in requirements:
        assert requirement.specifier.contains(pins[requirement.name])


def test_lowest_versions_are_those_that_are_tested():
    oldest = pinned('oldest')
    for requirement in declared(''):
        (lowest,) = {
            s.version for s in requirement.specifier if s.operator == '>='
        } or {'0'}
        version = oldest[requirement.name]
        assert version.startswith(lowest) or lowest == '0'
        assert requirement.specifier.contains(version)


@pytest.mark.parametrize('name', ['onedl', 'openmmlab', 'test'])
def test_pins_are_for_the_lowest_python_too(name):
    """What is pinned for Python 3.10 can be installed there."""
    lowest = {'python_version': '3.10', 'python_full_version': '3.10.0'}
    looked = 0
    for requirement in lines_of(name):
        if requirement.marker and not requirement.marker.evaluate(lowest):
            continue
        try:
            there = metadata.metadata(requirement.name)
        except metadata.PackageNotFoundError:
            continue
        if requirement.specifier.contains(there['Version']):
            pythons = SpecifierSet(there['Requires-Python'] or '')
            assert pythons.contains('3.10.0'), requirement
            looked += 1
    assert looked


@pytest.fixture(scope='module')
def tree(tmp_path_factory):
    """A copy of what a distribution is built from."""
    tree = tmp_path_factory.mktemp('tree')
    for source in filter(Path.exists, (ROOT / name for name in SOURCES)):
        copy = shutil.copytree if source.is_dir() else shutil.copy
        copy(source, tree / source.name)
    return tree


@pytest.fixture(scope='module')
def built(tree):
    """The wheel that pip builds of the source distribution."""
    code = "from setuptools import build_meta as b; b.build_sdist('dist')"
    command = [sys.executable, '-c', code]
    subprocess.run(command, cwd=tree, check=True, stdout=subprocess.DEVNULL)
    [archive] = tree.glob('dist/*.tar.gz')
    command = [sys.executable, '-m', 'pip', 'wheel', '--quiet', '--no-deps']
    command += ['--no-build-isolation', '--no-index', '-w', 'dist', archive]
    subprocess.run(command, cwd=tree, check=True)
    [path] = tree.glob('dist/*.whl')
    return path


@pytest.fixture(scope='module')
def wheel(built):
    """Names in it."""
    return set(ZipFile(built).namelist())


def test_wheel_carries_every_module(wheel):
    modules = (ROOT / 'mmseg_missing').rglob('*.py')
    assert {str(path.relative_to(ROOT)) for path in modules} <= wheel
    assert 'mmseg_missing/reporting/page.html' in wheel


def test_wheel_carries_configs_and_tools_for_mim(wheel):
    files = [ROOT / 'model-index.yml']
    for folder in ('configs', 'tools'):
        files += (ROOT / folder).rglob('*.py')
    files += (ROOT / 'configs').rglob('metafile.yml')
    assert len(files) > 1
    expected = {f'mmseg_missing/.mim/{p.relative_to(ROOT)}' for p in files}
    assert expected <= wheel
    assert not [name for name in wheel if '__pycache__' in name]


def test_wheel_is_typed_and_small(built, wheel):
    assert 'mmseg_missing/py.typed' in wheel
    assert built.stat().st_size < 10e6


def test_source_distribution_has_all_tests_or_none(built):
    [path] = built.parent.glob('*.tar.gz')
    with tarfile.open(path) as archive:
        names = archive.getnames()
    assert [name for name in names if name.endswith('/setup.py')]
    assert not [name for name in names if '/tests' in name]


def test_citation_names_this_version():
    text = (ROOT / 'CITATION.cff').read_text()
    assert yaml.safe_load(text)['version'] == mmseg_missing.__version__


def test_the_workflow_runs_what_ci_runs(built):
    """And the wheel claims no Python that it does not test."""
    workflow = (ROOT / '.github/workflows/ci.yml').read_text()
    made = re.compile(r'make ([a-z-]+)')
    ours = made.findall((ROOT / '.ci/run').read_text())
    assert ours and set(ours) <= set(made.findall(workflow))
    matrix = yaml.safe_load(workflow)['jobs']['test']['strategy']['matrix']
    archive = ZipFile(built)
    [path] = [n for n in archive.namelist() if n.endswith('/METADATA')]
    listed = re.findall(r'Python :: (3\.\d+)', archive.read(path).decode())
    assert matrix['python'] == listed


SMALL = 'cmnext_small-ssf_1xb8-12e_scenes-rgbdt-64x96'


@pytest.fixture(scope='module')
def installed(built, tmp_path_factory):
    """Return a function that runs Python where only the wheel is."""
    folder = tmp_path_factory.mktemp('installed')
    ZipFile(built).extractall(folder / 'site')
    (folder / 'here').mkdir()

    def installed(*arguments):
        done = subprocess.run(
            [sys.executable, *arguments],
            cwd=folder / 'here',
            env={**os.environ, 'PYTHONPATH': str(folder / 'site')},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    return installed


def test_wheel_has_the_command(built, installed):
    archive = ZipFile(built)
    [points] = [n for n in archive.namelist() if n.endswith('points.txt')]
    assert 'mmseg-missing = mmseg_missing_command:main' in (
        archive.read(points).decode()
    )
    listed = installed('-c', 'import mmseg_missing_command as c; c.main()')
    assert '\n  repair ' in listed and '\n  demo ' in listed


def test_wheel_finds_configs_by_name(installed):
    """The installed files, not those of the sources, and a recipe."""
    command = ('-m', 'mmseg_missing', 'train', SMALL, '--dry-run')
    out = installed(*command)
    assert '66,088 numbers for a combination' in out
    assert f'site/mmseg_missing/.mim/configs/cmnext/{SMALL}.py' in out
    code = (
        'from mmseg_missing.startup.config_files import shipped\n'
        "print(shipped('configs/_base_/adapt.py'))"
    )
    assert '/site/mmseg_missing/.mim/configs/_base_/' in installed('-c', code)
