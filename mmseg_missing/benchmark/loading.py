"""What each step of a pipeline costs, in ratio to decoding the files."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from torch.utils.data import Dataset

DECODING = 'decoding alone'


def time_steps(
    dataset: Dataset,
    indices: Iterable[int],
    decode: Callable[[Mapping[str, Any]], Any],
) -> dict[str, float]:
    """Return seconds of the processor per image and step.

    Time in which the process waits, or others have the processor, does not
    count. The first image warms up.

    Args:
        dataset: One of MMEngine, with a pipeline.
        indices: Images to load, two or more.
        decode: Reads all the files of a sample and does nothing else; it
            gets the sample before the first step.

    Raises:
        ValueError: too few images.
    """
    dataset.full_init()
    steps = dataset.pipeline.transforms
    names = [DECODING, *_names(steps)]
    totals = dict.fromkeys(names, 0.0)
    count = -1
    for index in indices:
        sample = dataset.get_data_info(index)
        times = [_timed(decode, sample)[0]]
        for step in steps:
            seconds, sample = _timed(step, sample)
            times.append(seconds)
        count += 1
        if count:
            for name, seconds in zip(names, times, strict=True):
                totals[name] += seconds
    if count < 1:
        raise ValueError('timing needs two images or more; check --images')
    return {name: seconds / count for name, seconds in totals.items()}


def loading_table(seconds: Mapping[str, float]) -> str:
    """Return a Markdown table: milliseconds and ratio to decoding."""
    whole = sum(s for name, s in seconds.items() if name != DECODING)
    rows = [*seconds.items(), ('the whole pipeline', whole)]
    lines = ['| step | ms per image | ratio |', '|---|---|---|']
    for name, s in rows:
        ratio = s / max(seconds[DECODING], 1e-9)
        lines.append(f'| {name} | {1000 * s:.2f} | {ratio:.2f} |')
    return '\n'.join(lines)


def _names(steps: Iterable[Any]) -> list[str]:
    """Return a name per step; one that comes again gets a number."""
    names: list[str] = []
    for step in steps:
        name = type(step).__name__
        count = sum(n.split(' ')[0] == name for n in names)
        names.append(f'{name} {count + 1}' if count else name)
    return names


def _timed(step: Callable[[Any], Any], sample: Any) -> tuple[float, Any]:
    start = time.process_time()
    result = step(sample)
    return time.process_time() - start, result
