"""Samples and batches of them: of one size, complete, cut down."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch
from mmengine.dataset import pseudo_collate
from mmengine.structures import BaseDataElement
from torch import Tensor, nn
from torch.utils.data import Dataset

from ..present import flags_of


def restrict(
    samples: Sequence[BaseDataElement],
    present: Tensor,
    degraded: Tensor | None = None,
    **meta: Any,
) -> list[Any]:
    """Return copies of ``samples`` that may use ``present`` only.

    Args:
        samples: n samples.
        present: (M,) bool for all of them, or (n, M).
        degraded: (n, M) bool, what of it is degraded; None: it stays.
        meta: What else their metainfo shall say.
    """
    copies = [sample.new() for sample in samples]
    for copy, flags in zip(copies, present.expand(len(copies), -1)):
        copy.set_metainfo({'present': flags, **meta})
    if degraded is not None:
        for copy, flags in zip(copies, degraded):
            copy.set_metainfo({'degraded': flags})
    return copies


def masks_of(
    network: nn.Module,
    inputs: Tensor,
    samples: Sequence[BaseDataElement],
    **options: Any,
) -> list[Any]:
    """Return the samples with masks, without logits where possible.

    Args:
        network: A segmentor; one of somebody's own may predict in one way
            only, with logits.
        inputs: (n, sum C, h, w), normalised.
        samples: n samples.
        options: Options of
            :meth:`~mmseg_missing.models.segmentors.masks.MaskPredicting.predict_masks`.
    """
    find = getattr(network, 'predict_masks', None)
    if find is None:
        return network(inputs, samples, mode='predict')
    return find(inputs, samples, **options)


def is_complete(sample: Mapping[str, Any] | BaseDataElement) -> bool:
    """Say whether a sample, or a dict made of it, has every modality."""
    return all(flags_of(sample.get('present', (True,))))


class Images:
    """Batches of images. Each pass decodes anew and nothing is kept.

    Args:
        dataset: Gives ``inputs`` and ``data_samples``.
        indices: The images, in order.
        batch_size: Images of a batch.
    """

    def __init__(
        self, dataset: Dataset, indices: Sequence[int], batch_size: int
    ) -> None:
        self.dataset, self.indices = dataset, list(indices)
        self.batch_size = batch_size

    def __len__(self) -> int:
        """Return the number of batches, were all images taken."""
        return -(-len(self.indices) // self.batch_size)

    def __iter__(self) -> Iterator[Mapping[str, Any]]:
        """Yield collated batches, before the data preprocessor.

        Images of different sizes are batches of their own.
        """
        for start in range(0, len(self.indices), self.batch_size):
            chosen = self.indices[start : start + self.batch_size]
            items = [self.dataset[index] for index in chosen]
            items = [i for i in items if self.takes(i['data_samples'])]
            if items:
                yield from by_size(pseudo_collate(items))

    def takes(self, sample: BaseDataElement) -> bool:
        """Say whether a sample is one of them."""
        return True


class CompleteImages(Images):
    """Those that miss no modality themselves.

    With the others combinations would not be compared on the same images.

    Args: as :class:`Images`.
    """

    def takes(self, sample: BaseDataElement) -> bool:
        """See :class:`Images`."""
        return is_complete(sample)


def image_order(num_images: int, seed: int) -> list[int]:
    """Return a random order of images, the same for the same seed."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randperm(num_images, generator=generator).tolist()


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
