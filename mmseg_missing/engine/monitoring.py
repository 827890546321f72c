"""Clean numbers of the sensors of a segmentor, from images of a data set."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor, nn
from torch.utils.data import Dataset

from ..adapters import adapted
from ..evaluation.batches import CompleteImages, image_order
from ..monitoring import SensorMonitor, find_stems

MONITOR = 'monitor'


@torch.no_grad()
def fit_monitor(
    model: nn.Module,
    dataset: Dataset,
    num_batches: int,
    batch_size: int,
    seed: int = 0,
) -> SensorMonitor:
    """Return a monitor that knows images of a data set as clean ones.

    Args:
        model: A ``MissingModalitySegmentor`` with adapters, the base loaded.
        dataset: Data set of training, with the pipeline of the test.
        num_batches: How many batches of it to look at, at most.
        batch_size: Images of a batch.
        seed: Seed of the order of the images.

    Raises:
        ValueError: too few images that have everything.
    """
    ((_, root),) = adapted(model)
    chosen = image_order(len(dataset), seed)[: num_batches * batch_size]
    was_training = model.training
    model.eval()

    def batches(indices: list[int], size: int) -> Iterator[Tensor]:
        for batch in CompleteImages(dataset, indices, size):
            yield model.data_preprocessor(batch, False)['inputs']

    # The first one that has everything.
    first = next(batches(chosen, 1), None)
    stems = (
        {}
        if first is None
        else find_stems(
            root, lambda: model(first, None, mode='tensor'), first, model.stack
        )
    )
    found = SensorMonitor.learn(
        model.stack, stems, batches(chosen, batch_size), seed=seed
    )
    model.train(was_training)
    return found
