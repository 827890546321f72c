"""Which classes a data set has, and which of them are asked for."""

from collections.abc import Mapping, Sequence
from typing import Any

from mmseg_missing.values import VOID, listed, whole


def chosen_metainfo(
    owner: str,
    given: Mapping[str, Any] | None,
    known: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Return the metainfo of a data set, with a colour per class.

    Args:
        owner: class of the data set, for errors.
        given: the user's; its ``classes`` may be some of the known ones, in
            any order.
        known: ``classes`` of the label files in the order of their indices,
            and their ``palette``; None: those that are given.

    Raises:
        TypeError: no dict, or classes or colours of a wrong kind.
        ValueError: a class that is not known, a class twice, or another
            number of colours than of classes.
    """
    if given is not None and not isinstance(given, Mapping):
        raise TypeError(
            f'`metainfo` of {owner} takes a dict(classes=...), got {given!r}'
        )
    known, given = known or {}, given or {}
    classes = known.get('classes', ())
    if given.get('classes') is not None:
        classes = checked_classes('metainfo.classes', given['classes'])
    _check_known(owner, classes, known.get('classes', classes))
    if given.get('palette') is not None:
        palette = checked_palette('metainfo.palette', given['palette'])
    else:
        palette = _chosen(known, classes)
    every = known.get('classes', classes)
    if len(palette) == len(every) != len(classes):
        palette = _chosen({**known, 'palette': palette}, classes)
    if len(palette) != len(classes):
        raise ValueError(
            f'`metainfo` of {owner} has {len(classes)} classes but '
            f'{len(palette)} colours in `palette`; give one RGB colour per '
            'class, or no palette'
        )
    return {**given, 'classes': tuple(classes), 'palette': palette}


def label_map(
    known: Sequence[str], classes: Sequence[str]
) -> dict[int, int] | None:
    """Return the new index of each known class; 255 where it has none.

    Returns:
        None where nothing changes, as MMSegmentation has it.
    """
    if list(known) == list(classes):
        return None
    new = {name: index for index, name in enumerate(classes)}
    return {i: new.get(name, VOID) for i, name in enumerate(known)}


def checked_classes(key: str, classes: Any) -> tuple[str, ...]:
    """Return names of classes, each once.

    Raises:
        TypeError: no list of texts.
        ValueError: none, an empty name, a name twice, or more than bytes
            can tell apart.
    """
    names = listed(key, classes, str)
    if not all(name.strip() for name in names):
        raise ValueError(f'`{key}` has an empty name: {names}')
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ValueError(f'`{key}` names {twice[0]!r} twice')
    if not 0 < len(names) <= VOID:
        raise ValueError(f'`{key}` takes 1 to {VOID} names, got {len(names)}')
    return tuple(names)


def checked_palette(key: str, palette: Any) -> list[Sequence[int]]:
    """Return RGB colours.

    Raises:
        TypeError: no list of lists of numbers.
        ValueError: a colour that is none.
    """
    for colour in listed(key, palette):
        values = [whole(key, value, 0, 255) for value in listed(key, colour)]
        if len(values) != 3:
            raise ValueError(
                f'`{key}` takes one (red, green, blue) per class, got {colour}'
            )
    return list(palette)


def voc_palette(num_classes: int) -> list[tuple[int, int, int]]:
    """Return the PASCAL VOC colours for classes 1..num_classes.

    The bits of the class number go to the high bits of red, green and blue
    in turn; neighbouring numbers get distant colours. Black (number 0) is
    left free for what is not labelled.
    """
    return [_voc_color(index) for index in range(1, num_classes + 1)]


def _check_known(
    owner: str, classes: Sequence[str], known: Sequence[str]
) -> None:
    unknown = [name for name in classes if name not in known]
    if unknown:
        raise ValueError(
            f'{owner} has no class {unknown[0]!r}; check `metainfo.classes`, '
            f'which takes some of {list(known)}'
        )


def _chosen(
    known: Mapping[str, Any], classes: Sequence[str]
) -> list[Sequence[int]]:
    """Return the known colours of some classes, or colours for them."""
    every = known.get('classes', classes)
    colours = dict(zip(every, known.get('palette') or voc_palette(len(every))))
    return [colours[name] for name in classes]


def _voc_color(index: int) -> tuple[int, int, int]:
    color = [0, 0, 0]
    for bit in range(8):
        for channel in range(3):
            color[channel] |= (index >> channel & 1) << (7 - bit)
        index >>= 3
    return tuple(color)
