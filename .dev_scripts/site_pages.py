"""Pages of the site that are made of the code, when mkdocs builds it.

These are the verbs with their arguments, the public names of every room, the
changelog, and a copy of each file of the repository that a page links to, so
that the site needs no network.
"""

from __future__ import annotations

import argparse
import ast
import posixpath
import re
import sys
from html import escape
from importlib import import_module
from pathlib import Path

from mkdocs.structure.files import File, Files

TOP = Path(__file__).parents[1]
PACKAGE = TOP / 'mmseg_missing'
CLI = PACKAGE / 'cli'
# Room: what stands above its public names.
ROOMS = {
    'apis': 'Functions to import',
    'adapters': 'Adapters',
    'modality': 'Modalities and combinations',
    'present': 'What is present',
    'sampling': 'Samplers',
    'fill': 'Fills',
    'corruptions': 'Faults',
    'monitoring': 'Ill sensors',
    'registry': 'Registries',
    'models': 'Networks',
    'datasets': 'Data sets',
    'datasets.transforms': 'Transforms',
    'engine': 'Loops',
    'engine.hooks': 'Hooks',
    'evaluation': 'Metric, measures, report',
    'reporting': 'Reports',
    'comparison': 'Comparison',
    'importance': 'Importance',
    'benchmark': 'Benchmark',
    'exporting': 'Export',
    'runtime': 'Runtime',
    'visualization': 'Pictures',
}
COPIED = {
    'changelog.md': 'CHANGELOG.md',
    'contributing.md': 'CONTRIBUTING.md',
    'security.md': 'SECURITY.md',
}
LINK = re.compile(r'(\]\()([^)\s#]+)(#[^)\s]*)?(\))')
sys.path.insert(0, str(TOP))


def on_config(config):
    """Fill the entry of the API, and leave out pages that are not there."""
    config.nav = _entries(config.nav, Path(config.docs_dir))
    return config


def _entries(nav: list, folder: Path) -> list:
    kept = []
    for entry in nav:
        [(title, value)] = (
            entry.items() if isinstance(entry, dict) else [(None, entry)]
        )
        if value == 'reference/api':
            value = [{title: _api(room)} for room, title in ROOMS.items()]
        elif isinstance(value, list):
            value = _entries(value, folder)
        elif not (_is_made(value) or (folder / value).is_file()):
            continue
        kept.append({title: value} if title else value)
    return kept


def _is_made(page: str) -> bool:
    source = COPIED.get(page)
    if source:
        return (TOP / source).is_file()
    return page in ('reference/verbs.md', 'reference/tools.md')


def on_files(files: Files, config) -> Files:
    """Add the pages that are made."""
    pages = {_api(room): _room_page(room) for room in ROOMS}
    pages['reference/verbs.md'] = verbs_page()
    pages['reference/tools.md'] = tools_page()
    for page, source in COPIED.items():
        if (TOP / source).is_file():
            pages[page] = _with_blank_lines((TOP / source).read_text('utf-8'))
    for page, text in pages.items():
        files.append(File.generated(config, page, content=text))
    return files


def on_page_markdown(markdown: str, page, config, files: Files) -> str:
    """Let links to files of the repository lead to copies in the site."""
    home = COPIED.get(page.file.src_uri, f'docs/{page.file.src_uri}')

    def turned(match: re.Match) -> str:
        start, target, anchor, end = match.groups()
        if '://' in target or target.startswith('mailto:'):
            return match[0]
        path = posixpath.normpath(posixpath.join(home, '..', target))
        if path.startswith('docs/'):
            path = path.removeprefix('docs/')
        elif path == 'README.md':
            path = 'index.md'
        else:
            path = _copy(path, files, config)
        where = posixpath.relpath(path, posixpath.dirname(page.file.src_uri))
        return f'{start}{where}{anchor or ""}{end}'

    return LINK.sub(turned, markdown)


def on_page_content(html: str, page, config, files: Files) -> str:
    """Read what docstrings say in the language of Sphinx."""
    html = re.sub(r':(class|func|mod|meth|attr):(?=<code>)', '', html)
    return re.sub(r'::</p>(?=\s*<(?:div|pre))', ':</p>', html)


def _copy(path: str, files: Files, config) -> str:
    """Add a file, or the list of a folder's files; return its place."""
    source = TOP / path
    place = f'source/{path}.txt'
    if source.is_dir():
        text = '\n'.join(sorted(p.name for p in source.glob('[!_.]*')))
    elif source.is_file():
        text = source.read_text('utf-8')
    else:
        return path  # mkdocs says that it is not there
    if files.get_file_from_path(place) is None:
        file = File.generated(config, place, content=text)
        files.append(file)
    return place


def _with_blank_lines(markdown: str) -> str:
    """Set lists apart from the line above, as Python-Markdown wants them."""
    return re.sub(r'(?m)^((?!- |  )\S.*)\n(?=- )', r'\1\n\n', markdown)


def _api(room: str) -> str:
    return f'reference/api/{room.replace(".", "_")}.md'


def _room_page(room: str) -> str:
    members = public_names(room)
    lines = [f'# {ROOMS[room]}: `mmseg_missing.{room}`', '']
    lines += [f'::: mmseg_missing.{room}', '    options:']
    if members:
        lines += ['      members:']
        lines += [f'        - {name}' for name in members]
    return '\n'.join(lines) + '\n'


def public_names(room: str) -> list[str]:
    """Return ``__all__`` of a room, or the public names it defines."""
    path = PACKAGE.joinpath(*room.split('.'))
    path = path / '__init__.py' if path.is_dir() else path.with_suffix('.py')
    body = ast.parse(path.read_text('utf-8')).body
    for node in body:
        targets = getattr(node, 'targets', ())
        if any(getattr(t, 'id', '') == '__all__' for t in targets):
            return ast.literal_eval(node.value)
    kinds = (ast.ClassDef, ast.FunctionDef)
    names = [node.name for node in body if isinstance(node, kinds)]
    return [name for name in names if not name.startswith('_')]


def verbs_page() -> str:
    """Return the page of all verbs, made of their parsers."""
    from mmseg_missing.cli.convert import KINDS
    from mmseg_missing.cli.main import HEAD, TAIL, VERBS

    text = f'# Verbs\n\n```\n{HEAD.strip()}\n{TAIL.rstrip()}\n```\n'
    for title, verbs in VERBS.items():
        text += f'\n## {title.capitalize()}\n'
        for verb in verbs:
            if verb == 'convert':
                kinds = [kind for group in KINDS.values() for kind in group]
                text += '\n### convert\n\nOfficial data sets and weights '
                text += 'into ours.\n'
                text += ''.join(_verb(f'convert {k}', 4) for k in kinds)
            else:
                text += _verb(verb, 3)
    return text


def _verb(verb: str, level: int) -> str:
    module = verb.replace(' ', '.').replace('-', '_')
    module = import_module(f'mmseg_missing.cli.{module}')
    parser = module.parser() if hasattr(module, 'parser') else None
    if parser is None:
        parser = _parser_of(module)
    example = parser.epilog.partition('Example:')[2] if parser.epilog else ''
    text = f'\n{"#" * level} {verb}\n\n{escape(parser.description)}\n'
    if example.strip():
        text += f'\n```\n{_dedented(example)}\n```\n'
    rows = [_row(a, parser) for a in parser._actions if _is_shown(a)]
    return f'{text}\n| argument | what it says |\n|---|---|\n{"".join(rows)}'


def _parser_of(module) -> argparse.ArgumentParser:
    """Catch the parser that a verb builds when it is asked for help."""
    caught = []

    def catch(self, *args, **kwargs):
        caught.append(self)
        raise SystemExit

    keep = argparse.ArgumentParser.parse_args
    argparse.ArgumentParser.parse_args = catch
    try:
        module.main([])
    except SystemExit:
        pass
    finally:
        argparse.ArgumentParser.parse_args = keep
    return caught[0]


def _is_shown(action: argparse.Action) -> bool:
    return action.help != argparse.SUPPRESS


def _row(action: argparse.Action, parser: argparse.ArgumentParser) -> str:
    words = ', '.join(f'`{word}`' for word in action.option_strings)
    value = _value(action)
    name = f'{words} `{value}`' if words and value else words or f'`{value}`'
    keys = {'default': action.default, 'prog': parser.prog}
    says = escape(' '.join(((action.help or '') % keys).split()))
    cells = [cell.replace('|', '\\|') for cell in (name, says)]
    return f'| {cells[0]} | {cells[1]} |\n'


def _value(action: argparse.Action) -> str:
    """Return what is written behind an option, or for an argument."""
    if action.nargs == 0:
        return ''
    named = action.metavar or action.choices or action.dest.upper()
    if action.metavar is None and action.choices:
        named = '{' + ','.join(map(str, action.choices)) + '}'
    if isinstance(named, tuple):
        return ' '.join(named)
    if not action.option_strings:
        named = action.metavar or action.dest
    return f'{named} ...' if action.nargs in ('+', '*') else named


def _dedented(text: str) -> str:
    lines = text.strip('\n').split('\n')
    return '\n'.join(line.removeprefix('  ') for line in lines).rstrip()


def tools_page() -> str:
    """Return the page of the scripts in tools/."""
    text = (
        '# Tools\n\nThe scripts in `tools/` are the [verbs](verbs.md) under '
        'the names that OpenMMLab uses; each takes the arguments of its '
        'verb.\n\n| script | what it does |\n|---|---|\n'
    )
    for path in sorted((TOP / 'tools').rglob('*.py')):
        doc = ast.get_docstring(ast.parse(path.read_text('utf-8'))) or ''
        name = path.relative_to(TOP)
        line = doc.split('\n')[0].replace('|', '\\|')
        text += f'| `{name}` | {line} |\n'
    return text
