"""What the page answers to what its widgets say; nothing raises here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..startup.sentences import last_line
from .drawing import message_html, view_html
from .samples import Sample
from .studio import Studio

SCENE, DATA, FILES = 'a built-in scene', 'a test sample', 'my own files'


@dataclass(frozen=True)
class Question:
    """What somebody wants to see.

    Args:
        kind: One of :func:`kinds_of`.
        scene: Number of a scene.
        index: Number of a test sample.
        files: By modality the path of an upload, or None.
        is_on: The sensors that work.
        faults: By sensor a fault and its severity, 0: none.
    """

    kind: str
    scene: Any = 0
    index: Any = 0
    files: Mapping[str, Any] = field(default_factory=dict)
    is_on: Sequence[str] = ()
    faults: Mapping[str, tuple[str, Any]] = field(default_factory=dict)


def kinds_of(studio: Studio) -> list[str]:
    """Return where samples may come from, the easiest first."""
    samples = studio.samples
    there = {SCENE: samples.has_scenes, DATA: len(samples), FILES: True}
    return [kind for kind, is_there in there.items() if is_there]


def answer(studio: Studio, question: Question) -> str:
    """Return a view as HTML, or a sentence on why there is none."""
    try:
        view = studio.look(
            _sample(studio, question),
            [name for name in studio.sensors if name not in question.is_on],
            {
                name: (fault, _whole(severity))
                for name, (fault, severity) in question.faults.items()
                if severity
            },
        )
        return view_html(view, studio)
    except Exception as error:  # the page lives on, whatever it was
        return message_html(last_line(error))


def _sample(studio: Studio, question: Question) -> Sample:
    if question.kind == SCENE:
        return studio.scene(_whole(question.scene))
    if question.kind == DATA:
        return studio.sample(_whole(question.index))
    return studio.samples.uploaded(question.files)


def _whole(number: Any) -> int:
    """Return what a field of numbers holds.

    Raises:
        ValueError: no whole number.
    """
    if not isinstance(number, (int, float)) or number % 1:
        raise ValueError(f'give a whole number, such as 7, got {number}')
    return int(number)
