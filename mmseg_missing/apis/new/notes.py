"""Lines of a config, each with what one should know about it."""

from __future__ import annotations

import textwrap

from ...datasets.guessing import Guess

WIDTH = 79


def noted(line: str, guess: Guess, depth: int = 0) -> str:
    """Return a line with its comment beside or, if that is long, above."""
    text, indent = printable(str(guess)), '    ' * depth
    beside = f'{indent}{line}  # {text}'
    if len(beside) <= WIDTH:
        return beside + '\n'
    return comment(text, depth) + f'{indent}{line}\n'


def comment(text: str, depth: int = 0) -> str:
    """Return a comment of one or more lines."""
    start = '    ' * depth + '# '
    lines = textwrap.wrap(
        printable(text), WIDTH - len(start), break_long_words=False
    )
    return ''.join(f'{start}{line}\n' for line in lines)


def printable(text: str) -> str:
    """Keep names of files from ending a comment, or from being a variable."""
    text = ''.join(c if c.isprintable() else '?' for c in text)
    return text.replace('{{', '{ {')
