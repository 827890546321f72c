"""Batches of images that differ in size."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any


def by_size(
    batch: Mapping[str, Any], is_augmented: bool = False
) -> Iterator[Mapping[str, Any]]:
    """Yield the parts of a batch whose images have one size.

    Padding them to one size would change what the network makes of them.

    Args:
        batch: ``inputs`` and ``data_samples``, as the loader collates them.
        is_augmented: Both are lists of such lists, one per augmentation.
    """
    inputs, samples = batch['inputs'], batch['data_samples']
    sizes: dict[tuple, list[int]] = {}
    for index, views in enumerate(zip(*inputs if is_augmented else [inputs])):
        shapes = tuple(tuple(view.shape) for view in views)
        sizes.setdefault(shapes, []).append(index)
    for chosen in sizes.values():
        if len(sizes) == 1:
            yield batch
        elif is_augmented:
            yield {
                'inputs': [[x[i] for i in chosen] for x in inputs],
                'data_samples': [[s[i] for i in chosen] for s in samples],
            }
        else:
            yield {
                'inputs': [inputs[i] for i in chosen],
                'data_samples': [samples[i] for i in chosen],
            }
