"""Which kind of files is the label, and which are modalities."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from ..manifest import LABEL
from .guess import Unclear
from .labels import LabelProbe, probe_labels
from .words import kind_of

FILES_TO_TELL_LABELS = 8


def chosen_kind(kinds: Mapping, wanted: str, option: str) -> str:
    """Return the kind that an option names."""
    plain = wanted.strip('/').lower()
    for kind in kinds:
        if plain == kind.lower() or plain == kind.lower().split('/*')[0]:
            return kind
    close = [kind for kind in kinds if plain == kind.lower().split('/')[-1]]
    if len(close) == 1:
        return close[0]
    raise Unclear(
        f'{option} takes one of {", ".join(map(repr, kinds))}, got {wanted!r}'
    )


def label_kind(
    full: Mapping[str, Mapping[str, Path]], given: str | None, taken: set[str]
) -> str:
    """Return the kind that holds labels, by its name or by its values."""
    if given is not None:
        return chosen_kind(full, given, '--labels')
    free = [kind for kind in full if kind not in taken]
    named = [kind for kind in free if kind_of(kind) == LABEL]
    if len(named) > 1:
        named = [k for k in named if _looks_like_labels(full[k])] or named
    if len(named) > 1:  # a picture of the labels is none
        named = [
            k for k in named if not _label_probe(full[k]).is_colour
        ] or named
    found = named or [
        kind
        for kind in free
        if kind_of(kind) is None and _looks_like_labels(full[kind])
    ]
    if len(found) == 1:
        return found[0]
    if found:
        raise Unclear(
            f'{" and ".join(map(repr, found))} could both be the labels; say '
            f'which by --labels {found[0]}'
        )
    raise Unclear(
        f'none of {", ".join(map(repr, full))} looks like labels; say which '
        'are by --labels FOLDER'
    )


def _looks_like_labels(files: Mapping[str, Path]) -> bool:
    return _label_probe(files).looks_like_labels


def _is_picture_of_labels(kind: str, files: Mapping[str, Path]) -> bool:
    """Say whether few values, or flat colours, would tell the answer."""
    return kind_of(kind) in (None, 'rgb') and _looks_like_labels(files)


def _label_probe(files: Mapping[str, Path]) -> LabelProbe:
    return probe_labels(spread([*files.values()], FILES_TO_TELL_LABELS))


def modality_kinds(
    full: Mapping[str, Mapping], label: str, given: Mapping[str, str]
) -> list[str]:
    """Return the kinds that are modalities: all but labels."""
    told = set(given.values())
    stack = [
        kind
        for kind in full
        if kind != label and (kind in told or kind_of(kind) != LABEL)
    ]
    meeting = [
        kind
        for kind in stack
        if full[kind].keys() & full[label].keys()
        and (kind in told or not _is_picture_of_labels(kind, full[kind]))
    ]
    if not meeting:
        raise Unclear(
            f'no file of {", ".join(map(repr, stack))} has the name of one in '
            f'{label!r}; rename them, or name the labels by --labels FOLDER'
        )
    return meeting


def spread(items: Sequence, count: int) -> list:
    """Return some of a list, from its first to its last."""
    if len(items) <= count:
        return list(items)
    places = np.linspace(0, len(items) - 1, count).round().astype(int)
    return [items[place] for place in places]
