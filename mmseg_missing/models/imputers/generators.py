"""Inputs of absent modalities, predicted from those that are there."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from mmseg.registry import MODELS
from torch import Tensor, nn

from ...modality import Stack
from ...values import listed, real, whole

# Of what is added to the usual fill, in standard deviations.
SCALE = 3.0


class FillGenerator(nn.Module):
    """Adds to the usual fill of an absent modality what others tell of it.

    x_m = f_m + s tanh(D_m(E(x of what is there, a))): with D starting at
    zero it starts as the usual fill. What is there stays as it is, bit for
    bit; each sample is seen by itself; nothing of an absent modality is
    read. All are predicted at once, so never from a prediction.

    Args:
        stack: The modalities.
        scale: s, the largest step away from the fill, in the space after
            normalisation.

    Attributes:
        targets: Names of the modalities that are predicted; all at first.

    Source: after GeomPrompt's residual input, shared by all combinations.
    """

    def __init__(self, stack: Stack, scale: float = SCALE) -> None:
        super().__init__()
        self.channels = [m.channels for m in stack]
        self.names = self.targets = stack.names
        self.scale = real('model.generator.scale', scale, above=0)

    def forward(self, filled: Tensor, present: Tensor) -> Tensor:
        """Return inputs whose absent modalities are predicted.

        Args:
            filled: (n, sum C, h, w), normalised, with the usual fill.
            present: (n, M) bool.

        Returns:
            (n, sum C, h, w), a new tensor.
        """
        present = present.to(filled.device)
        there = self._by_channel(present)[:, :, None, None]
        seen = torch.where(there, filled, filled.new_zeros(()))
        raw = self.predict(seen, present.to(filled.dtype))
        step = self.scale * raw.to(filled.dtype).tanh()
        others = [[name not in self.targets for name in self.names]]
        stays = present | torch.tensor(others, device=present.device)
        keep = self._by_channel(stays)[:, :, None, None]
        return torch.where(keep, filled, filled + step)

    def _by_channel(self, present: Tensor) -> Tensor:
        """Return (n, sum C) from (n, M)."""
        repeats = torch.tensor(self.channels, device=present.device)
        return present.repeat_interleave(
            repeats, 1, output_size=sum(self.channels)
        )

    def predict(self, seen: Tensor, present: Tensor) -> Tensor:
        """Return (n, sum C, h, w), zero at first.

        Args:
            seen: (n, sum C, h, w), zero where absent.
            present: (n, M), 0 or 1.
        """
        raise NotImplementedError


def with_planes(seen: Tensor, present: Tensor) -> Tensor:
    """Return the inputs and who is there as constant planes."""
    planes = present[:, :, None, None].expand(-1, -1, *seen.shape[2:])
    return torch.cat([seen, planes], 1)  # (n, sum C + M, h, w)


def start_at_zero(conv: nn.Conv2d) -> nn.Conv2d:
    """Return a convolution whose output is zero until it learns."""
    nn.init.zeros_(conv.weight)
    if conv.bias is not None:
        nn.init.zeros_(conv.bias)
    return conv


@MODELS.register_module()
class LinearGenerator(FillGenerator):
    """One linear map of colours per target; a constant per source."""

    def __init__(self, stack: Stack, scale: float = SCALE) -> None:
        super().__init__(stack, scale)
        wide = sum(self.channels) + len(stack)
        self.maps = nn.ModuleList(
            start_at_zero(nn.Conv2d(wide - c - 1, c, 1, bias=False))
            for c in self.channels
        )
        # Of each target, all channels but its own, planes included.
        starts = [sum(self.channels[:m]) for m in range(len(stack))]
        self.others = []
        for m, (start, c) in enumerate(zip(starts, self.channels)):
            own = {*range(start, start + c), sum(self.channels) + m}
            self.others.append([i for i in range(wide) if i not in own])

    def predict(self, seen: Tensor, present: Tensor) -> Tensor:
        """See :class:`FillGenerator`."""
        x = with_planes(seen, present)
        x = x / present.sum(1).clamp_min(1)[:, None, None, None]
        pairs = zip(self.maps, self.others)
        return torch.cat([m(x[:, others]) for m, others in pairs], 1)


@MODELS.register_module()
class ConvGenerator(FillGenerator):
    """Two 3x3 convolutions.

    Args:
        stack: The modalities.
        scale: See :class:`FillGenerator`.
        hidden: Channels in between.
    """

    def __init__(
        self, stack: Stack, scale: float = SCALE, hidden: int = 16
    ) -> None:
        super().__init__(stack, scale)
        self.hidden = whole('model.generator.hidden', hidden, 1)
        total = sum(self.channels)
        self.encode = nn.Conv2d(total + len(stack), hidden, 3, padding=1)
        self.decode = start_at_zero(nn.Conv2d(hidden, total, 3, padding=1))

    def predict(self, seen: Tensor, present: Tensor) -> Tensor:
        """See :class:`FillGenerator`."""
        return self.decode(F.relu(self.encode(with_planes(seen, present))))


@MODELS.register_module()
class UNetGenerator(FillGenerator):
    """Three stages of stride 2 and back, with shortcuts.

    Args:
        stack: The modalities.
        scale: See :class:`FillGenerator`.
        widths: Channels of the stages.
    """

    def __init__(
        self,
        stack: Stack,
        scale: float = SCALE,
        widths: Sequence[int] = (16, 32, 64),
    ) -> None:
        super().__init__(stack, scale)
        key = 'model.generator.widths'
        self.widths = [whole(key, w, 1) for w in listed(key, widths)]
        if len(self.widths) != 3:
            raise ValueError(f'`{key}` takes three numbers, got {widths!r}')
        total, first = sum(self.channels), widths[0]
        inner = [total + len(stack), *widths]
        self.down = nn.ModuleList(
            nn.Conv2d(a, b, 3, 2, 1) for a, b in zip(inner, widths)
        )
        self.lateral = nn.ModuleList(
            nn.Conv2d(width, first, 1) for width in widths
        )
        self.decode = start_at_zero(
            nn.Conv2d(first + inner[0], total, 3, padding=1)
        )

    def predict(self, seen: Tensor, present: Tensor) -> Tensor:
        """See :class:`FillGenerator`."""
        image = x = with_planes(seen, present)
        maps = []
        for conv, lateral in zip(self.down, self.lateral):
            x = F.relu(conv(x))
            maps.append(lateral(x))
        y = maps.pop()
        while maps:
            skip = maps.pop()
            y = skip + _resized(y, skip)
        return self.decode(torch.cat([_resized(F.relu(y), image), image], 1))


def _resized(x: Tensor, like: Tensor) -> Tensor:
    return F.interpolate(
        x, like.shape[2:], mode='bilinear', align_corners=False
    )
