"""The images that an analysis looks at."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from torch.utils.data import Dataset

from ..evaluation.batches import CompleteImages, image_order


class EvenImages(CompleteImages):
    """Complete images that lie evenly over a data set, in random order.

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
        places = image_order(number, seed)
        indices = [place * len(dataset) // number for place in places]
        super().__init__(dataset, indices, batch_size)

    def __iter__(self) -> Iterator[Mapping[str, Any]]:
        """Yield collated batches; see :class:`CompleteImages`."""
        batch = None
        for batch in super().__iter__():
            yield batch
        if batch is None:
            raise ValueError(
                f'none of {len(self.indices)} images has every modality; '
                'raise --images or choose another split'
            )
