"""Parts of the page, as data that the template shows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from markupsafe import Markup

from . import figures
from .tables import Table


@dataclass(frozen=True)
class Drawn:
    """A chart: its element, and the words below it."""

    element: Markup
    caption: str


@dataclass(frozen=True)
class Shown:
    """Pictures in the page, bytes as text and words, and a caption."""

    images: Sequence[tuple[str, str]]
    caption: str


@dataclass
class Section:
    """One part of the page; what is empty is not shown.

    Args:
        name: Its address in the page.
        title: Its heading.
        words: Paragraphs.
        tables: Below them.
        charts: Below these.
        pictures: Below these, by their heading.
        classes: RGB of classes, by name.
        commands: As a shell takes them.
        level: The level of the heading.
    """

    name: str
    title: str
    words: Sequence[str] = ()
    tables: Sequence[Table] = ()
    charts: Sequence[Drawn] = ()
    pictures: Mapping[str, Sequence[Shown]] = field(default_factory=dict)
    classes: Mapping[str, Sequence[int]] = field(default_factory=dict)
    commands: Sequence[str] = ()
    level: int = 2


def drawn(figure: Any, name: str, caption: str) -> Drawn:
    """Return a chart as the page shows it.

    Args:
        figure: What matplotlib draws.
        name: Unique in the page; identifiers begin with it.
        caption: Words below it.
    """
    # No two names become one identifier.
    label = ''.join(c if c.isalnum() else f'-{ord(c):x}-' for c in name)
    return Drawn(Markup(figures.svg(figure, label, caption)), caption)
