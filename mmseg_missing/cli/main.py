"""The door: ``mmseg-missing VERB``, and each verb in a file of its own.

Nothing is imported here before a verb needs it, not even this package, so
that the list of verbs comes at once and on any machine.
"""

from __future__ import annotations

import ast
import difflib
import re
import sys
from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path

HERE = Path(__file__).parent
# In the order in which people meet them.
VERBS = {
    'your data': ('new', 'check', 'browse', 'convert'),
    'networks': ('train', 'test', 'predict', 'serve'),
    'missing sensors': (
        'repair',
        'recommend',
        'analyze',
        'fit',
        'monitor',
        'compare',
        'report',
    ),
    'files': ('inspect', 'export-adapter', 'fold', 'export'),
    'speed': ('benchmark', 'benchmark-loading'),
    'first look': ('demo',),
}
HEAD = """usage: mmseg-missing VERB ...

Multi-modal segmentation that keeps working when a sensor is missing.
"""
TAIL = """
mmseg-missing VERB --help says what a verb takes, with an example. The name of
a CONFIG is enough: it is found in ./configs, the sources, the installation.
"""


def main(argv: Sequence[str] | None = None) -> None:
    """Run the verb that the command line names, or list all."""
    argv = list(sys.argv[1:] if argv is None else argv)
    dispatch('mmseg-missing', HEAD, TAIL, VERBS, HERE, argv)


def dispatch(
    prog: str,
    head: str,
    tail: str,
    groups: Mapping[str, Sequence[str]],
    folder: Path,
    argv: list[str],
) -> None:
    """Run one of several verbs, whose files lie in a folder of ``cli``.

    Args:
        prog: What stands before the verb.
        head: Text above the list of verbs.
        tail: Text below the list of verbs.
        groups: Title to verbs.
        folder: Folder of ``<verb>.py``; a verb without a file is left out.
        argv: The verb and its arguments.
    """
    files = {
        verb: path
        for verbs in groups.values()
        for verb in verbs
        if (path := _file(folder, verb)).is_file()
    }
    verb, rest = (argv[0], argv[1:]) if argv else ('--help', [])
    if verb in ('-h', '--help', 'help'):
        print(f'{head}{_listed(groups, files)}{tail}', end='')
    elif verb == '--version':
        text = (HERE.parent / 'version.py').read_text(encoding='utf-8')
        print(re.search(r"__version__ = '(.+)'", text).group(1))
    elif verb in files:
        module = '.'.join(
            ['mmseg_missing.cli', *folder.relative_to(HERE).parts]
        )
        _run(f'{module}.{verb.replace("-", "_")}', rest)
    else:
        close = difflib.get_close_matches(verb, files, 1)
        meant = f'; did you mean {close[0]!r}?' if close else ''
        _end(f'{prog} has no verb {verb!r}{meant} ({prog} --help lists all)')


def _file(folder: Path, verb: str) -> Path:
    name = verb.replace('-', '_')
    is_folder = (folder / name).is_dir()
    return (
        folder / name / '__init__.py' if is_folder else folder / f'{name}.py'
    )


def _listed(
    groups: Mapping[str, Sequence[str]], files: Mapping[str, Path]
) -> str:
    """Return a line for each verb: the first of its docstring."""
    width = max(map(len, files)) + 2
    lines = []
    for title, verbs in groups.items():
        there = [verb for verb in verbs if verb in files]
        lines += [f'\n{title}:'] if there else []
        lines += [f'  {v:{width}}{first_line(files[v])}' for v in there]
    return '\n'.join(lines) + '\n'


def first_line(path: Path) -> str:
    """Return the first line of a file's docstring, without importing it."""
    text = ast.get_docstring(ast.parse(path.read_text('utf-8'))) or ''
    return text.split('\n')[0].rstrip('.')


def _run(module: str, argv: list[str]) -> None:
    try:
        ending = import_module('mmseg_missing.cli.ending')
    except ImportError as error:  # says what to install
        _end(error)
    ending.run_tool(lambda: import_module(module).main(argv))


def _end(message: object) -> None:
    print(f'error: {message}', file=sys.stderr)
    sys.exit(2)
