"""Print what an adapter file says of itself.

Example:
  mmseg-missing inspect work_dirs/NAME/adapter.safetensors
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from prettytable import PrettyTable

from ..adapters import read_adapter
from ..remote import located
from .arguments import verb_parser
from .ending import say_next


def parser() -> argparse.ArgumentParser:
    """Return the parser of this verb."""
    parser = verb_parser('inspect', __doc__)
    parser.add_argument(
        'file', help='adapter file (.safetensors), or its address'
    )
    parser.add_argument(
        '--sites', action='store_true', help='list every site as well'
    )
    return parser


def main(argv: Sequence[str] | None = None) -> None:
    """Print the facts."""
    args = parser().parse_args(argv)
    metadata, tensors = read_adapter(located(args.file))
    table = PrettyTable(['key', 'value'], align='l', max_width=60)
    table.title = Path(args.file).name
    for key, value in facts(metadata, tensors).items():
        table.add_row([key, value])
    print(table)
    if args.sites:
        for name, kind, width in metadata['sites']:
            print(f'{name}  {kind}  {width}')
    given = ('CONFIG', 'BASE', '--adapter', args.file)
    say_next('test', *given, why='its scores, with the config of its base')


def facts(metadata: dict, tensors: dict) -> dict[str, str]:
    """Return the metadata in words, the bulky parts summed up."""
    kinds = Counter(kind for _, kind, _ in metadata['sites'])
    width = sum(width for *_, width in metadata['sites'])
    stored = sum(tensor.numel() for tensor in tensors.values())
    seen = metadata['samples_seen']
    return {
        'method': '\n'.join(_methods(metadata)),
        'rows': _with(metadata['rows'], metadata.get('row_options')),
        'modalities': '+'.join(name for name, *_ in metadata['stack']),
        'combinations': '\n'.join(f'{n}: {seen[n]} samples' for n in seen),
        'fill': _fill(metadata.get('fill')),
        'sites': f'{sum(kinds.values())}: '
        + ', '.join(f'{n} {kind}' for kind, n in kinds.most_common()),
        'numbers': f'{width} per combination, {stored} in the file',
        'network': f'{metadata["network"]}, base {metadata["base"][:12]}',
        'results': _results(metadata.get('results')),
        'written by': f'mmseg_missing {metadata["mmseg_missing_version"]}, '
        f'format {metadata["format_version"]}',
    }


def _methods(metadata: dict) -> Iterator[str]:
    """Yield the method; each of several with its numbers."""
    if 'methods' not in metadata:
        yield _with(metadata['method'], metadata.get('options'))
        return
    totals = [sum(numbers) for numbers in zip(*metadata['shares'])]
    for (name, options), total in zip(metadata['methods'], totals):
        yield f'{_with(name, options)}: {total} numbers'


def _with(name: str, options: dict | None) -> str:
    given = {k: v for k, v in (options or {}).items() if v is not None}
    words = ', '.join(f'{key}={value}' for key, value in given.items())
    return f'{name}({words})' if words else name


def _fill(fill: dict | str | None) -> str:
    if not isinstance(fill, dict):
        return str(fill)
    kinds = set(fill.values())
    if len(kinds) == 1:
        return kinds.pop()
    return ', '.join(f'{name}={kind}' for name, kind in fill.items())


def _results(results: dict | None) -> str:
    lines = [f'{key}: {value}' for key, value in (results or {}).items()]
    return '\n'.join(lines) or '-'
