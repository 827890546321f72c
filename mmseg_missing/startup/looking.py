"""A quick look at what a network makes of a few training images."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.utils.data import Dataset

from ..adapters import adapted
from ..engine.hooks.random_state_hook import get_random_state, set_random_state
from ..evaluation.batches import CompleteImages, image_order, restrict
from ..evaluation.confusion import class_iou, confusion_matrix

NUM_IMAGES = 16
# A class is looked for if this share of the labelled pixels has it.
COMMON = 0.01


def unpredicted(network: nn.Module, dataset: Dataset) -> list[str]:
    """Return common classes that a network does not predict even once.

    Every sensor is there. What a training draws afterwards is as if nothing
    had been drawn here.

    Args:
        network: A ``MissingModalitySegmentor``.
        dataset: Data set of training; 16 of its images are looked at.
    """
    classes = dataset.metainfo.get('classes') or ()
    chosen = image_order(len(dataset), 0)[:NUM_IMAGES]
    full = network.stack.full
    matrix = confusions(network, dataset, chosen, [full])[full]
    counts = matrix.sum(1)
    is_common = counts >= COMMON * counts.sum().clamp(min=1)
    return [
        name
        for name, common, guessed in zip(classes, is_common, matrix.sum(0))
        if common and not guessed
    ]


def held_out(
    num_images: int, batches: int, batch_size: int, seed: int
) -> tuple[int, list[int]]:
    """Keep some images from a fit, to score it on.

    Args:
        num_images: Number of images of the training list.
        batches: As many are to be fitted, at most.
        batch_size: How many of them run together.
        seed: Seed of the order of the images.

    Returns:
        How many batches to fit, and up to 32 images that come after them;
        none where there are too few.
    """
    kept = max(1, min(2 * NUM_IMAGES, num_images // 5))
    batches = max(1, min(batches, (num_images - kept) // batch_size))
    order = image_order(num_images, seed)
    return batches, order[batches * batch_size :][: 2 * NUM_IMAGES]


def mean_ious(
    network: nn.Module,
    dataset: Dataset,
    indices: Sequence[int],
    combinations: Sequence[str],
) -> dict[str, float]:
    """Return the mIoU of each combination; {} where nothing is labelled."""
    found = confusions(network, dataset, indices, combinations)
    return {
        name: class_iou(matrix).nanmean().item()
        for name, matrix in found.items()
        if matrix.sum()
    }


@torch.no_grad()
def confusions(
    network: nn.Module,
    dataset: Dataset,
    indices: Sequence[int],
    combinations: Sequence[str],
) -> dict[str, Tensor]:
    """Return a confusion matrix per combination, of complete images."""
    size = network.num_classes
    found = {name: torch.zeros(size, size).long() for name in combinations}
    with _undisturbed(network):
        for batch in _batches(network, dataset, indices):
            [sample] = batch['data_samples']
            label = sample.gt_sem_seg.data.cpu()
            for name in combinations:
                [told] = restrict([sample], network.stack.present(name))
                metas = [told.metainfo]
                logits = network.encode_decode(batch['inputs'], metas)
                guess = logits.argmax(1)
                if logits.shape[1] == 1:
                    guess = (logits[:, 0].sigmoid() > 0.5).long()
                found[name] += confusion_matrix(guess.cpu(), label, size)
    return found


def _batches(
    network: nn.Module, dataset: Dataset, indices: Sequence[int]
) -> Iterator[dict]:
    for batch in CompleteImages(dataset, indices, 1):
        yield network.data_preprocessor(batch, True)


@contextmanager
def _undisturbed(network: nn.Module) -> Iterator[None]:
    """Evaluate in this block, and leave mode and random states as before."""
    state = get_random_state()
    banks = [root.adapters for _, root in adapted(network)]
    modes = [(part, part.training) for part in (network, *banks)]
    network.eval()
    for bank in banks:
        bank.train()  # in eval mode it warns of untrained rows
    try:
        yield
    finally:
        for part, mode in modes:
            part.train(mode)
        set_random_state(state)
