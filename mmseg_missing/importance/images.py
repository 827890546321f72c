"""The images that an analysis looks at."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from mmengine.dataset import pseudo_collate
from torch.utils.data import Dataset

from ..evaluation.batches import by_size


class EvenImages:
    """Batches of images that lie evenly over a data set, in random order.

    Images that miss a modality themselves are left out: with them the
    subsets would not be compared on the same images. Each pass decodes anew
    and nothing is kept.

    Args:
        dataset: Gives ``inputs`` and ``data_samples``.
        number: How many images, at most.
        batch_size: Images of a batch.
        seed: Of the order.

    Raises:
        ValueError: while iterating, if no image has every modality.
    """

    def __init__(
        self, dataset: Dataset, number: int, batch_size: int, seed: int = 0
    ) -> None:
        number = min(number, len(dataset))
        generator = torch.Generator().manual_seed(seed)
        order = torch.randperm(number, generator=generator)
        self.indices = (order * len(dataset) // number).tolist()
        self.dataset, self.batch_size = dataset, batch_size

    def __len__(self) -> int:
        """Return the number of batches."""
        return -(-len(self.indices) // self.batch_size)

    def __iter__(self) -> Iterator[dict[str, Any]]:
        """Yield collated batches, before the data preprocessor.

        Images of different sizes are batches of their own.
        """
        found = False
        for start in range(0, len(self.indices), self.batch_size):
            chosen = self.indices[start : start + self.batch_size]
            batch = [self.dataset[index] for index in chosen]
            batch = [item for item in batch if _is_complete(item)]
            found = found or bool(batch)
            if batch:
                yield from by_size(pseudo_collate(batch))
        if not found:
            raise ValueError(
                f'none of {len(self.indices)} images has every modality; '
                'raise --images or choose another split'
            )


def _is_complete(item: dict[str, Any]) -> bool:
    return all(item['data_samples'].metainfo.get('present', (True,)))
