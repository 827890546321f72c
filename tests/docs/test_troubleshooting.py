"""Messages that the troubleshooting page quotes are those of the code."""

import ast
import re
from pathlib import Path

import pytest

TOP = Path(__file__).parents[2]
PACKAGE = TOP / 'mmseg_missing'
# A stopwatch and pictures, which refuse next to nothing.
SILENT = ('benchmark', 'visualization')
PAGE = TOP / 'docs/help/troubleshooting.md'
QUOTED = re.compile(r'``(.+?)``|`([^`]+)`')


def test_quoted_messages_are_in_the_code():
    said = '\n'.join(text for path in files() for text in texts(path))
    pieces = [piece for message in messages() for piece in message]
    assert len(pieces) > 100
    assert not [piece for piece in pieces if piece not in said]


@pytest.mark.parametrize(
    'room',
    sorted(
        {path.relative_to(PACKAGE).parts[0] for path in PACKAGE.glob('*/')}
    ),
)
def test_room(room):
    """What a room refuses is on the page."""
    said = [piece for message in messages() for piece in message]
    texts_of_room = [t for p in files(room) for t in texts(p) if len(t) > 20]
    if room in ('__pycache__', *SILENT):
        return
    assert any(piece in text for piece in said for text in texts_of_room)


def messages():
    """Yield the pieces of each quoted message, cut at its dots."""
    for line in PAGE.read_text('utf-8').splitlines():
        if line.startswith('| ') and not line.startswith('| message'):
            cell = line.split(' | ')[0].removeprefix('| ')
            for pair in QUOTED.findall(cell):
                message = ''.join(pair).strip()
                pieces = [p.strip(' `') for p in message.split('...')]
                yield [p for p in pieces if len(p) > 5]


def files(room='.'):
    return sorted((PACKAGE / room).rglob('*.py'))


def texts(path):
    """Return the texts of a file; what is put in stands as ``{}``."""
    nodes = ast.walk(ast.parse(path.read_text('utf-8')))
    return [text for node in nodes if (text := text_of(node))]


def text_of(node):
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        return ''.join(
            part.value if isinstance(part, ast.Constant) else '{}'
            for part in node.values
        )
    return ''
