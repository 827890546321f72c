"""Rows without training for a segmentor, from images of a data set."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch
from mmengine.dist import broadcast
from torch import nn
from torch.utils.data import Dataset

from ..adapters import adapted
from ..adapters.fitting.closed_form import fit_rows
from ..adapters.fitting.ridge import StreamMoments, ridge_maps
from ..evaluation.batches import (
    CompleteImages,
    Images,
    image_order,
    restrict,
)
from ..present import of_samples

RIDGE = 'ridge'


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
        dataset: Data set of training.
        num_batches: How many batches of it to look at, at most.
        batch_size: Images of a batch.
        by: ``moments`` or ``norm_statistics`` of rows; ``ridge``: features of
            absent streams, by `model.imputer`, the rows staying as they are.
        combinations: Default: as many as determine the rows.
        is_start: Training starts from these rows, they count as untrained;
            otherwise they count as trained on the images seen here.
        seed: Seed of the order of the images.

    Returns:
        How many images were seen.

    Raises:
        ValueError: see :func:`~mmseg_missing.adapters.fitting.closed_form.
            fit_rows`.
    """
    ((_, root),) = adapted(model)
    if by == RIDGE:
        seen = fit_imputer(model, dataset, num_batches, batch_size, seed)
        if not is_start:  # its rows are the identity, on purpose
            root.adapters.samples_seen.fill_(seen)
        return seen
    chosen = image_order(len(dataset), seed)[: num_batches * batch_size]
    seen = 0

    def batches() -> Iterator[dict[str, Any]]:
        nonlocal seen
        for batch in CompleteImages(dataset, chosen, batch_size):
            seen += len(batch['inputs'])
            yield model.data_preprocessor(batch, True)

    def run(batch: Mapping[str, Any], names: Sequence[str]) -> None:
        samples = [
            sample
            for present in model.stack.present(names)
            for sample in restrict(batch['data_samples'], present)
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


@torch.no_grad()
def fit_imputer(
    model: nn.Module,
    dataset: Dataset,
    num_batches: int,
    batch_size: int,
    seed: int = 0,
) -> int:
    """Start an imputer of features at the best linear maps, without labels.

    Means and deviations of all channels, and ridge regression from each
    stream to each other, cut down to the imputer's rank. Images that lack a
    modality count for the others. Ranks agree: they take what the first
    found.

    Args:
        model: A ``MissingModalitySegmentor`` with an imputer, the base
            loaded.
        dataset: Data set of training.
        num_batches: How many batches of it to look at, at most.
        batch_size: Images of a batch.
        seed: Seed of the order of the images and of the positions in them.

    Returns:
        How many images were seen.

    Raises:
        ValueError: no images that have two modalities.
    """
    generator = torch.Generator().manual_seed(seed)
    levels = model.imputer.levels
    moments = [StreamMoments(generator) for _ in levels]
    chosen = image_order(len(dataset), seed)[: num_batches * batch_size]
    seen, was_training = 0, model.training
    model.eval()
    ((_, root),) = adapted(model)
    with root.adapters.bypassed():
        for batch in Images(dataset, chosen, batch_size):
            batch = model.data_preprocessor(batch, True)
            inputs, samples = batch['inputs'], batch['data_samples']
            metas = [sample.metainfo for sample in samples]
            present = of_samples(metas, model.stack)
            streams = model.backbone.stream_levels(inputs)
            seen += len(inputs)
            for found, maps in zip(moments, zip(*streams)):
                found.see(maps, present)
    model.train(was_training)
    for level, found in zip(levels, moments):
        num_streams = len(level.mean)
        mean, std, correlation = found.statistics(num_streams)
        level.mean.copy_(mean)
        level.std.copy_(std)
        if not model.imputer.residual:  # which starts at nothing
            level.start(ridge_maps(correlation, num_streams))
        for tensor in level.state_dict().values():
            broadcast(tensor)
    model.imputer.fitted.fill_(1.0)
    return seen
