"""Rows without training for a segmentor, from images of a data set."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch
from mmengine.dataset import pseudo_collate
from mmengine.dist import broadcast
from mmseg.structures import SegDataSample
from torch import nn
from torch.utils.data import Dataset

from ..adapters import adapted
from ..adapters.fitting.closed_form import fit_rows


def fit_segmentor(
    model: nn.Module,
    dataset: Dataset,
    num_batches: int,
    batch_size: int,
    by: str = 'moments',
    combinations: Sequence[str] | None = None,
    is_start: bool = False,
    seed: int = 0,
) -> int:
    """Set the adapter rows of a segmentor in closed form, without labels.

    The fill is the model's. Ranks agree: they take what the first found.

    Args:
        model: A ``MissingModalitySegmentor`` with adapters, the base loaded.
        dataset: Of training.
        num_batches: How many batches of it to look at, at most.
        batch_size: Images of a batch.
        by: ``moments`` or ``norm_statistics``.
        combinations: Default: as many as determine the rows.
        is_start: Training starts from these rows, they count as untrained;
            otherwise they count as trained on the images seen here.
        seed: Of the order of the images.

    Returns:
        How many images were seen.

    Raises:
        ValueError: see :func:`~mmseg_missing.adapters.fitting.closed_form.
            fit_rows`.
    """
    ((_, root),) = adapted(model)
    seen = 0

    def batches() -> Iterator[dict[str, Any]]:
        nonlocal seen
        for items in complete_images(dataset, num_batches, batch_size, seed):
            seen += len(items)
            yield model.data_preprocessor(pseudo_collate(items), True)

    def run(batch: Mapping[str, Any], names: Sequence[str]) -> None:
        samples = [
            restricted(sample, model.stack.parse(name))
            for name in names
            for sample in batch['data_samples']
        ]
        inputs = torch.cat([batch['inputs']] * len(names))
        model(inputs, samples, mode='tensor')

    modules = model, root.adapters
    modes = [module.training for module in modules]
    model.eval()
    root.adapters.train()  # in eval mode it warns of untrained rows
    try:
        found = fit_rows(root, run, batches(), by, combinations)
    finally:
        for module, mode in zip(modules, modes):
            module.train(mode)
    for numbers in found.values():
        broadcast(numbers)
    root.adapters.write_all(found, 0 if is_start else seen)
    return seen


def complete_images(
    dataset: Dataset, num_batches: int, batch_size: int, seed: int
) -> Iterator[list[dict[str, Any]]]:
    """Yield batches in random order, without images that miss something."""
    order = image_order(len(dataset), seed)
    for start in range(0, num_batches * batch_size, batch_size):
        chosen = order[start : start + batch_size]
        items = [dataset[index] for index in chosen]
        items = [item for item in items if is_complete(item)]
        if items:
            yield items


def image_order(num_images: int, seed: int) -> list[int]:
    """Return the order in which :func:`complete_images` takes images."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randperm(num_images, generator=generator).tolist()


def is_complete(item: Mapping[str, Any]) -> bool:
    """Say whether a packed sample has every modality."""
    return all(item['data_samples'].metainfo.get('present', (True,)))


def restricted(
    sample: SegDataSample, present: Sequence[bool]
) -> SegDataSample:
    """Return a copy of ``sample`` that may use ``present`` only."""
    sample = sample.new()
    sample.set_metainfo({'present': tuple(present)})
    return sample
