"""What single streams see inside a backbone, shown to who watches."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple

from torch import Tensor

from ...context import telling, told_to

_KEY = 'levels of streams'


class Shown(NamedTuple):
    """The levels of one stream, before fusion.

    Args:
        stream: Position of the stream.
        rows: Which samples of the batch it saw, in their order.
        levels: (r, c, h, w) each.
    """

    stream: int
    rows: Sequence[int]
    levels: Sequence[Tensor]


@contextmanager
def watching_streams() -> Iterator[list[Shown]]:
    """Give a list that fills with the streams of the forwards in this block.

    Backbones with ``shows_streams`` show theirs.
    """
    found: list[Shown] = []
    with telling({_KEY: found}):
        yield found


def show_stream(
    stream: int, rows: Sequence[int] | None, levels: Sequence[Tensor]
) -> None:
    """Show a stream to who watches, if anybody does; see :class:`Shown`.

    Args:
        stream: Position of the stream.
        rows: Which samples it saw; None: all of them. Nobody counts them
            then, so that an exported graph takes batches of any size.
        levels: (r, c, h, w) each.
    """
    found = told_to(_KEY)
    if found is not None:
        rows = range(len(levels[0])) if rows is None else rows
        found.append(Shown(stream, rows, levels))
