"""The door: one command, a verb per file."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

import mmseg_missing_command
from mmseg_missing.cli.convert import KINDS
from mmseg_missing.cli.main import HERE, VERBS, first_line, main

ROOT = HERE.parents[1]
ALL = [verb for verbs in VERBS.values() for verb in verbs]
CONVERTERS = [kind for kinds in KINDS.values() for kind in kinds]
LINES, WIDTH = 40, 80
# Tools and the verbs whose main they call.
TOOLS = {
    'analyze_modalities': 'analyze',
    'browse_dataset': 'browse',
    'check_dataset': 'check',
    'export_adapter': 'export_adapter',
    'fit_adapter': 'fit',
    'fold_adapter': 'fold',
    'inspect_adapter': 'inspect',
    'encode_depth': 'convert.depth',
    'cmnext2mmseg': 'convert.cmnext',
    'cmx2mmseg': 'convert.cmx',
    'mit2cmnext': 'convert.mit',
    'mmsformer2mmseg': 'convert.mmsformer',
    'mobilenetv2_tv2mmseg': 'convert.mobilenetv2',
    **{n: f'convert.{n}' for n in ('nyuv2', 'ombria', 'sunrgbd')},
}


def said(capsys, *argv):
    """Return what a command line prints that ends well."""
    try:
        main(argv)
    except SystemExit as end:
        assert not end.code
    return capsys.readouterr().out


def refused(capsys, *argv):
    """Return the line of a command line that is refused."""
    with pytest.raises(SystemExit) as end:
        main(argv)
    assert end.value.code == 2
    [line] = capsys.readouterr().err.splitlines()
    return line


def is_there(verb):
    return any(HERE.glob(f'{verb.replace("-", "_")}*'))


@pytest.mark.parametrize('argv', [(), ('--help',), ('-h',), ('help',)])
def test_list_of_verbs(capsys, argv):
    text = said(capsys, *argv)
    listed = re.findall(r'^  ([\w-]+) {2,}(\S.*)$', text, re.M)
    assert [verb for verb, _ in listed] == [v for v in ALL if is_there(v)]
    assert all(len(line) <= WIDTH for line in text.splitlines())
    assert text.count('\n') <= LINES


def test_every_file_of_the_room_is_a_verb_or_serves_them():
    files = {path.stem for path in HERE.glob('*.py')} - {'__init__'}
    served = {'main', 'arguments', 'ending'}
    assert files - served <= {verb.replace('-', '_') for verb in ALL}


@pytest.mark.parametrize('verb', [v for v in ALL if is_there(v)])
def test_help_fits_a_screen(capsys, monkeypatch, verb):
    monkeypatch.setenv('COLUMNS', str(WIDTH))
    text = said(capsys, verb, '--help')
    assert text.startswith(f'usage: mmseg-missing {verb} ')
    assert text.count('\n') <= LINES
    assert all(len(line) <= WIDTH for line in text.splitlines())
    assert f'\n  mmseg-missing {verb}' in text.partition('Example:')[2]


@pytest.mark.parametrize('kind', CONVERTERS)
def test_help_of_converters(capsys, monkeypatch, kind):
    monkeypatch.setenv('COLUMNS', str(WIDTH))
    text = said(capsys, 'convert', kind, '--help')
    assert text.startswith(f'usage: mmseg-missing convert {kind} ')
    assert text.count('\n') <= LINES
    assert f'mmseg-missing convert {kind} ' in text.partition('Example:')[2]
    assert kind in said(capsys, 'convert', '--help')


@pytest.mark.parametrize('verb', ['train', 'inspect', 'browse'])
def test_a_frequent_help_fits_a_small_screen(capsys, monkeypatch, verb):
    monkeypatch.setenv('COLUMNS', str(WIDTH))
    assert said(capsys, verb, '--help').count('\n') <= 24


def test_unknown_verbs(capsys):
    line = refused(capsys, 'tran')
    assert line.startswith("error: mmseg-missing has no verb 'tran'")
    assert "did you mean 'train'?" in line
    assert '--help lists all' in refused(capsys, 'x')
    line = refused(capsys, 'convert', 'nyu')
    assert "mmseg-missing convert has no verb 'nyu'; did you mean" in line
    # A file of the room that is no verb.
    assert 'no verb' in refused(capsys, 'ending')


def test_mistakes_are_one_line(capsys):
    line = refused(capsys, 'inspect', 'nowhere.safetensors')
    assert line.startswith("error: no adapter file 'nowhere")


def test_version(capsys):
    from mmseg_missing import __version__

    assert said(capsys, '--version') == f'{__version__}\n'


def test_console_script_does_not_import_the_package():
    code = (
        'import sys, mmseg_missing_command as command\n'
        'command.main()\n'
        "assert 'mmseg_missing' not in sys.modules\n"
        "assert 'torch' not in sys.modules\n"
    )
    done = subprocess.run(
        [sys.executable, '-c', code],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.startswith('usage: mmseg-missing VERB')


def test_console_script_runs_verbs(capsys, monkeypatch):
    monkeypatch.setattr(sys, 'argv', ['mmseg-missing', 'fold', '--help'])
    with pytest.raises(SystemExit):
        mmseg_missing_command.main()
    assert 'mmseg-missing fold CONFIG' in capsys.readouterr().out


WITHOUT_STACK = """
import sys
for name in ('mmengine', 'mmcv', 'mmseg', 'rich', 'cv2'):
    sys.modules[name] = None
from mmseg_missing.cli.main import main
main([])
main(['train', 'x'])
"""


def test_without_the_stack():
    done = subprocess.run(
        [sys.executable, '-c', WITHOUT_STACK],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert 'usage: mmseg-missing VERB' in done.stdout
    [line] = done.stderr.splitlines()
    assert line.startswith('error: ') and 'pip install "mmseg-missing' in line


def test_module(capfd):
    command = [sys.executable, '-m', 'mmseg_missing', 'browse', 'nowhere']
    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert done.stderr == "error: no config file 'nowhere'\n"


@pytest.mark.parametrize(
    'path', sorted((ROOT / 'tools').rglob('*.py')), ids=lambda p: p.stem
)
def test_tools_are_thin(path):
    """A docstring, an import of a verb's main, and the call."""
    docstring, *imports, call = ast.parse(path.read_text()).body
    names = {
        (node.module, alias.name) for node in imports for alias in node.names
    }
    verb = TOOLS.get(path.stem, path.stem)
    assert names == {
        ('mmseg_missing.cli.ending', 'run_tool'),
        (f'mmseg_missing.cli.{verb}', 'main'),
    }
    assert isinstance(docstring, ast.Expr)
    assert ast.unparse(call) == (
        "if __name__ == '__main__':\n    run_tool(main)"
    )


@pytest.mark.parametrize('verb', [v for v in ALL if is_there(v)])
def test_first_lines_are_sentences_without_a_dot(verb):
    name = verb.replace('-', '_')
    places = (HERE / f'{name}.py', HERE / name / '__init__.py')
    [path] = filter(Path.is_file, places)
    assert re.fullmatch(r'[A-Z][^.]{9,58}', first_line(path))
