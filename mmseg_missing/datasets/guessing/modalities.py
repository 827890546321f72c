"""From what files hold to how a config describes a modality."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from mmseg_missing.modality import NAME, check_name

from .guess import A_GUESS, LIKELY, SURE, Guess, Unclear
from .probing import Probe
from .units import guess_nodata, guess_unit
from .words import KINDS, ORDER, kind_of

# Kinds whose neighbouring values must not be mixed: edges, points, events.
SHARP = ('depth', 'disparity', 'lidar', 'event')


@dataclass(frozen=True)
class ModalityGuess:
    """One modality of the stack.

    Args:
        name: as the config calls it.
        kind: the files that it comes from.
        channels: number of them.
        form: keys of its format, ``dtype`` and ``scale`` and so on.
        extras: other keys of the modality, such as ``interpolation``.
        unit: of the values that the network sees, in words.
    """

    name: Guess
    kind: str
    channels: Guess
    form: Mapping[str, Guess]
    extras: Mapping[str, Guess]
    unit: Guess


def guess_modalities(
    probes: Mapping[str, Probe], given: Mapping[str, str] | None = None
) -> list[ModalityGuess]:
    """Return the stack, the main modality first.

    Args:
        probes: of each kind that is no label.
        given: names that the user gave, and the kind of each.

    Raises:
        Unclear: files whose number or order of channels says too little.
    """
    names = guess_names(list(probes), given)
    found = [
        modality
        for kind, probe in probes.items()
        for modality in _of_kind(kind, names[kind], probe, names)
    ]
    return sorted(found, key=_place)


def _place(modality: ModalityGuess) -> tuple:
    sense = sense_of(modality)
    known = ORDER.index(sense) if sense in ORDER else len(ORDER)
    return known, modality.name.value


def sense_of(modality: ModalityGuess) -> str | None:
    """Return what sort of sensor a modality's name tells of."""
    return kind_of(modality.name.value)


def guess_names(
    kinds: Sequence[str], given: Mapping[str, str] | None = None
) -> dict[str, Guess]:
    """Return the name of the modality that each kind holds.

    Raises:
        Unclear: two kinds get one name.
    """
    told = {kind: name for name, kind in (given or {}).items()}
    senses = {kind: kind_of(kind) for kind in kinds}
    names = {}
    for kind in kinds:
        sense = senses[kind]
        is_one = list(senses.values()).count(sense) == 1
        own = _cleaned(kind)
        if kind in told:
            check_name('--modality', told[kind])
            names[kind] = Guess(told[kind], SURE, 'as --modality says')
        elif sense and is_one and sense not in told.values():
            is_alias = KINDS.get(own.replace('_', '')) == sense
            confidence = SURE if is_alias else LIKELY
            names[kind] = Guess(sense, confidence, f'from {kind!r}')
        else:
            names[kind] = Guess(
                own, A_GUESS, f'the name of {kind!r}; --modality NAME={kind}'
            )
    _check_twice(names)
    return names


def _check_twice(names: Mapping[str, Guess]) -> None:
    by_name: dict[str, list[str]] = {}
    for kind, name in names.items():
        by_name.setdefault(name.value, []).append(kind)
    for name, some in by_name.items():
        if len(some) > 1:
            raise Unclear(
                f'{" and ".join(map(repr, some))} would both be called '
                f'{name!r}; name them by --modality NAME={some[0]}'
            )


def _cleaned(kind: str) -> str:
    name = re.sub(r'\W+', '_', kind, flags=re.ASCII).strip('_').lower()[:64]
    try:
        check_name('name', name)
    except ValueError:
        name = f'{name}_image' if NAME.fullmatch(name) else 'image'
    return name


def _of_kind(
    kind: str, name: Guess, probe: Probe, names: Mapping[str, Guess]
) -> list[ModalityGuess]:
    sense = kind_of(name.value)
    channels, taken = guess_channels(kind, probe)
    form = {'dtype': guess_dtype(kind, probe)}
    if taken is not None:
        form['channels'] = taken
    unit, keys = guess_unit(sense, probe)
    form |= keys
    if (holes := guess_nodata(sense, probe)) is not None:
        form['nodata'] = holes
    extras = _extras(sense, channels.value, probe)
    main = ModalityGuess(name, kind, channels, form, extras, unit)
    if taken is None or taken.value != [0, 1, 2]:
        return [main]
    return [main, _fourth_band(main, {n.value for n in names.values()})]


def _fourth_band(main: ModalityGuess, taken: set[str]) -> ModalityGuess:
    name = next(n for n in ('nir', 'band4', 'band4_') if n not in taken)
    return replace(
        main,
        name=Guess(name, A_GUESS, 'the fourth channel of the same files'),
        channels=Guess(1, SURE, 'one of four'),
        form={**main.form, 'channels': Guess([3], A_GUESS, 'the fourth')},
    )


def guess_channels(kind: str, probe: Probe) -> tuple[Guess, Guess | None]:
    """Return the number of channels, and which of the files' are taken.

    Raises:
        Unclear: files of one kind with numbers of channels that do not fit
            together.
    """
    counts = set(probe.channels)
    files = f'{probe.files} of {probe.files} files'
    if counts == {1} or (probe.is_grey and max(counts) <= 4):
        if counts == {1}:
            return Guess(1, SURE, f'grey, {files}'), None
        reason = f'equal channels in {files}'
        return Guess(1, SURE, reason), Guess([0], SURE, reason)
    if counts <= {1, 3, 4} and len(counts) > 1:
        reason = f'files with {_either(sorted(counts))} channels'
        return Guess(3, LIKELY, reason), Guess('rgb', LIKELY, reason)
    if len(counts) > 1:
        raise Unclear(
            f'files of {kind!r} have {_either(sorted(counts))} channels; '
            'write them alike'
        )
    [count] = counts
    if count > 64:
        [height, width], _ = probe.sizes.most_common(1)[0]
        raise Unclear(
            f'arrays of {kind!r} have the shape ({height}, {width}, {count}); '
            'channels come last, as in (height, width, channels), so write '
            'them again'
        )
    if count == 4 and probe.is_opaque:
        reason = f'the fourth channel is one value in {files}'
        return Guess(3, SURE, reason), Guess('rgb', SURE, reason)
    if count == 4:
        reason = (
            'four channels that differ; if they are one sensor, delete '
            '`channels` here and the line of the fourth, and set 4 in '
            '`modalities`'
        )
        return Guess(3, A_GUESS, reason), Guess([0, 1, 2], A_GUESS, reason)
    return Guess(count, SURE, files), None


def guess_dtype(kind: str, probe: Probe) -> Guess:
    """Return the dtype.

    Raises:
        Unclear: several, which one scale cannot serve.
    """
    if len(probe.dtypes) > 1:
        raise Unclear(
            f'files of {kind!r} hold {_either(sorted(probe.dtypes))}; write '
            'them alike, or give a table that leaves some out'
        )
    return Guess(probe.dtype, SURE, f'{probe.files} of {probe.files} files')


def _extras(sense: str | None, channels: int, probe: Probe) -> dict:
    extras = {}
    if sense in SHARP:
        reason = 'a mean of near and far is neither'
        extras['interpolation'] = Guess('nearest', LIKELY, reason)
    is_unit = not probe.is_whole and abs(probe.values).max(initial=0) <= 1.001
    if is_unit and sense == 'normals' and channels == 3:
        reason = 'x, y, z in [-1, 1] that turn with the picture'
        extras['geometry'] = Guess('normals', LIKELY, reason)
    if is_unit and sense == 'aolp' and channels in (2, 3):
        reason = 'if the channels are the sine and cosine of twice the angle'
        extras['geometry'] = Guess('aolp', A_GUESS, reason)
    return extras


def _either(values: Sequence[Any]) -> str:
    return ' or '.join(map(str, values))
