"""Examples of docstrings as Markdown wants them.

They stand bare at the end of a docstring, and `>>>` is a quotation in
Markdown; below a heading of its own it is code.
"""

from __future__ import annotations

from typing import Any

import griffe


class Examples(griffe.Extension):
    """Give the examples of each docstring their heading."""

    def on_object(self, *, obj: griffe.Object, **_: Any) -> None:
        """Look at what was read of an object."""
        if obj.docstring:
            obj.docstring.value = with_heading(obj.docstring.value)


def with_heading(text: str) -> str:
    """Return a docstring with `Examples:` above its first example."""
    before, start, after = text.partition('\n>>> ')
    if not start or before.rstrip().endswith('Examples:'):
        return text
    lines = f'>>> {after}'.split('\n')
    shifted = [f'    {line}' if line.strip() else line for line in lines]
    return '\n'.join([f'{before.rstrip()}\n', 'Examples:', *shifted])
