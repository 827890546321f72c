"""What is wrong with a data set though each of its files can be read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from mmseg_missing.modality import Modality
from mmseg_missing.values import VOID

from .statistics import ChannelStatistics
from .summary import Summary

# Configured against measured, in configured deviations and as a factor.
FAR_MEAN, FAR_STD = 3, 5
# A value so many deviations from the mean is no measurement.
FAR_VALUE = 20
# A value stands alone where the gap beside it is so many times as wide as
# the range of all others.
LONELY = 3


def findings(
    summary: Summary,
    classes: Sequence[str],
    split: str | None = None,
    formats: Mapping[str, Mapping[str, Any]] | None = None,
) -> list[str]:
    """Return a sentence for each thing that is wrong with the whole.

    Args:
        summary: of one data set.
        classes: their names, in the order of their indices.
        split: ``train`` must hold every class, ``val`` and ``test`` a label
            for each sample; None asks for neither.
        formats: how the modalities are stored.
    """
    found = [*_labels(summary, classes, split), *_samples(summary)]
    for modality in summary.stack:
        statistics = summary.statistics.get(modality.name)
        if statistics is not None:
            form = (formats or {}).get(modality.name) or {}
            found += _values(summary, modality, statistics, form)
    return found


def shared_samples(summary: Summary, split: str, train: Summary) -> list[str]:
    """Return a sentence where a split has files of the training split.

    Files are the same by their path, links followed, or by what they hold.
    """
    pairs = {
        name: train.owners[key]
        for key, name in summary.owners.items()
        if key in train.owners
    }
    if not pairs:
        return []
    name, twin = next(iter(pairs.items()))
    return [
        f'{len(pairs)} of {summary.samples} samples of {split} have a file '
        f'that train has too, such as {_pair(name, twin)}; scores on what was '
        'trained on say nothing, so leave them out of one split'
    ]


def _labels(
    summary: Summary, classes: Sequence[str], split: str | None
) -> Iterator[str]:
    unlabelled, void = summary.unlabelled, summary.void
    if unlabelled and split in ('val', 'test'):
        yield (
            f'{len(unlabelled)} of {summary.samples} samples of {split} have '
            f"no label, such as '{unlabelled[0]}', and are not scored; label "
            'them or leave them out'
        )
    if void:
        yield (
            f'{len(void)} of {summary.labels} labels hold nothing but '
            f"{VOID} (ignored), such as that of '{void[0]}'; such a sample "
            'is neither learnt nor scored, so check what wrote the labels, '
            '`reduce_zero_label` and `metainfo.classes`'
        )
    if split != 'train' or len(void) == summary.labels:
        return
    never = [
        name
        for index, name in enumerate(classes)
        if not summary.label_pixels[index]
    ]
    if never:
        yield (
            f'no label of {split} holds the class{_several(never, "es")} '
            f'{", ".join(map(repr, never))}, which cannot be learnt; check '
            '`metainfo.classes`, `reduce_zero_label` and, where other numbers '
            'stand for classes (255 in a mask), `values` of LoadLabel'
        )


def _samples(summary: Summary) -> Iterator[str]:
    twice, tagged = summary.twice, summary.tagged
    if twice:
        yield (
            f'{len(twice)} samples are there twice, such as '
            f'{_pair(*twice[0])}; leave one of each out'
        )
    if tagged:
        yield (
            f'{len(tagged)} files have an orientation tag, such as '
            f"'{tagged[0]}'; it is not followed here, but by programs that "
            'show or label them, so write them again, turned and without it'
        )


def _values(
    summary: Summary,
    modality: Modality,
    found: ChannelStatistics,
    form: Mapping[str, Any],
) -> Iterator[str]:
    """Yield at most one sentence on the values of a modality."""
    name = modality.name
    mean, std = np.array(modality.mean), np.array(modality.std)
    constant = np.flatnonzero(found.low >= found.high)
    if constant.size:
        for channel in constant:
            value = found.low[channel] if found.count[channel] else 'no data'
            yield (
                f"modality '{name}' has the value {value} in every pixel of "
                f'channel {channel}; check what wrote the files'
            )
    elif lonely := lonely_values(found):
        value, is_low = next(iter(lonely.items()))
        files = summary.lowest if is_low else summary.highest
        yield (
            f"modality '{name}' holds {' and '.join(map(_number, lonely))}, "
            f"far from all other values, such as in '{files[name]}'; if that "
            f'stands for no data, {_declare(name, _stored(value, form))}, or '
            'repair the files'
        )
    elif _is_far(found, mean, std):
        yield (
            f"modality '{name}' is configured with mean {_numbers(mean)} and "
            f'std {_numbers(std)}, but has mean {_numbers(found.mean)} and '
            f'std {_numbers(found.std)}; write these into `modalities`, or '
            'check its unit (`scale` and `offset` in `formats`)'
        )
    elif (far := _farthest(found, mean, std)) is not None:
        value, deviations, is_low = far
        files = summary.lowest if is_low else summary.highest
        remedy = _declare(name, _stored(value, form))
        yield (
            f"modality '{name}' holds {_number(value)}, {deviations:.3g} "
            f"standard deviations from its mean, such as in '{files[name]}'; "
            f'if that stands for no data, {remedy}, or repair the file'
        )


def lonely_values(found: ChannelStatistics) -> dict[float, bool]:
    """Return values that stand alone, and whether each is a minimum."""
    lonely = {}
    for low, high, second, last in zip(
        found.low, found.high, found.next_low, found.next_high
    ):
        if not last > second:  # too few values, or bytes
            continue
        if _is_gap(second - low, high - second):
            lonely[float(low)] = True
        elif _is_gap(high - last, last - low):
            lonely[float(high)] = False
        elif all(
            _is_gap(g, last - second) for g in (second - low, high - last)
        ):
            lonely |= {float(low): True, float(high): False}
    return lonely


def _is_gap(gap: float, width: float) -> bool:
    return gap > LONELY * width


def _is_far(
    found: ChannelStatistics, mean: np.ndarray, std: np.ndarray
) -> bool:
    """Say whether mean and std cannot be meant for these values.

    A channel may vary little, as a band of flat colours does; in another
    unit they all do.
    """
    ratio = found.std / std
    is_shifted = np.abs(found.mean - mean) > FAR_MEAN * std
    is_wide = is_shifted.any() or (ratio > FAR_STD).any()
    return bool(is_wide or (ratio < 1 / FAR_STD).all())


def _farthest(
    found: ChannelStatistics, mean: np.ndarray, std: np.ndarray
) -> tuple[float, float, bool] | None:
    """Return the value that is too far, how far, and if it is a minimum."""
    low, high = (mean - found.low) / std, (found.high - mean) / std
    is_low = low.max() > high.max()
    far = low if is_low else high
    channel = int(far.argmax())
    if far[channel] <= FAR_VALUE:
        return None
    value = (found.low if is_low else found.high)[channel]
    return float(value), float(far[channel]), bool(is_low)


def _stored(value: float, form: Mapping[str, Any]) -> float | None:
    """Return what the file holds for a value in its unit."""
    scale = form.get('scale', 1)
    if isinstance(scale, Mapping) or form.get('encode'):
        return None
    stored = (value - form.get('offset', 0)) / scale
    is_whole = np.dtype(form.get('dtype', 'uint8')).kind in 'iu'
    return round(stored) if is_whole else stored


def _declare(name: str, stored: float | None) -> str:
    value = '...' if stored is None else _number(stored)
    return f'set `formats=dict({name}=dict(nodata={value}))`'


def _pair(name: str, twin: str) -> str:
    return f"'{name}'" if name == twin else f"'{name}' ('{twin}')"


def _several(names: Sequence[str], ending: str) -> str:
    return ending if len(names) > 1 else ''


def _numbers(values: np.ndarray) -> str:
    return ', '.join(f'{value:.4g}' for value in values)


def _number(value: float) -> str:
    return f'{value:.8g}'
