"""The two steps that are measured: a forward and one of training."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from mmengine.structures import PixelData
from mmseg.structures import SegDataSample
from torch import Tensor, nn

from .measuring import held_bytes


class Forward:
    """One forward to raw scores, without gradients, in evaluation mode.

    Args:
        network: A segmentor.
        inputs: (n, sum C, h, w), normalised.
        samples: n samples that say what is present.
    """

    name = 'forward'

    def __init__(
        self, network: nn.Module, inputs: Tensor, samples: Sequence
    ) -> None:
        self.network = network.eval()
        self.batch = inputs, list(samples)

    @torch.no_grad()
    def __call__(self) -> None:
        """Run it."""
        self.network(*self.batch, mode='tensor')

    def held_bytes(self) -> int:
        """Return bytes that are there before the step."""
        return held_bytes(self.network)


class Training:
    """Loss, backward and a step of AdamW over all that learns.

    Args: as :class:`Forward`; the samples have labels.
    """

    name = 'training'

    def __init__(
        self, network: nn.Module, inputs: Tensor, samples: Sequence
    ) -> None:
        self.network = network.train()
        self.batch = inputs, list(samples)
        weights = [p for p in network.parameters() if p.requires_grad]
        self.optimizer = torch.optim.AdamW(weights, lr=1e-6)

    def __call__(self) -> None:
        """Run it; no gradient is left behind."""
        losses = self.network(*self.batch, mode='loss')
        self.network.parse_losses(losses)[0].backward()
        self.optimizer.step()
        self.optimizer.zero_grad()

    def held_bytes(self) -> int:
        """Return bytes that are there before the step, once it has run."""
        return held_bytes(self.network, self.optimizer)


def random_batch(
    network: nn.Module,
    combination: str,
    size: tuple[int, int],
    batch_size: int,
    device: str,
) -> tuple[Tensor, list[SegDataSample]]:
    """Return random normalised inputs, and samples with random labels.

    Args:
        network: A segmentor with a stack.
        combination: What is present.
        size: (h, w) of the input.
        batch_size: Number of images.
        device: Where they lie.
    """
    generator = torch.Generator().manual_seed(0)
    stack = network.stack
    x = torch.randn(
        (batch_size, stack.num_channels, *size), generator=generator
    )
    labels = torch.randint(
        network.num_classes, (batch_size, 1, *size), generator=generator
    )
    meta = {'present': stack.present(combination)[0]}
    samples = [
        SegDataSample(gt_sem_seg=PixelData(data=label), metainfo=meta)
        for label in labels
    ]
    return x.to(device), [sample.to(device) for sample in samples]
