"""Inputs of absent modalities, predicted from those that are there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from mmseg.registry import MODELS
from torch import Tensor, nn

from ...modality import Stack
from ...present import keys
from ...values import flag, listed, real, settings, whole

# Of what is added to the usual fill, in standard deviations.
SCALE = 3.0


class FillGenerator(nn.Module):
    """Adds to the usual fill of an absent modality what others tell of it.

    x_m = f_m + s tanh(D_m(E(x of what is there, a))): with D starting at
    zero it starts as the usual fill. What is there stays as it is, bit for
    bit; each sample is seen by itself; nothing of an absent modality is
    read. All are predicted at once, so never from a prediction.

    With ``holes`` a modality that is there is completed where nothing was
    measured: such pixels count as absent, are added to as they are and are
    not read. That changes the full input as well: the network is the base
    bit for bit where nothing is absent and no pixel is a hole.

    With ``recovers`` a modality that is there but degraded is repaired: it
    is among what is seen, its plane says -1 for 1, and its step is added to
    it. So it starts as the identity, and what is whole stays as it is.

    Args:
        stack: The modalities.
        scale: s, the largest step away from the fill, in the space after
            normalisation.
        holes: By modality the value of a pixel without measurement, in the
            unit that the data set delivers, in all channels: 0 of a depth
            camera; the mean where ``nodata`` of a format took it out.
            Default: none is completed.
        recovers: Whether degraded modalities are repaired.

    Attributes:
        targets: Names of the modalities that are predicted; all at first.

    Raises:
        TypeError: a value of another kind.
        ValueError: one that cannot be, or a hole of no modality.

    Source: after GeomPrompt's residual input, shared by all combinations,
    and GeomPrompt-Recovery's of degraded ones, of which the losses and the
    states of a sensor were not known.
    """

    def __init__(
        self,
        stack: Stack,
        scale: float = SCALE,
        holes: Mapping[str, float] | None = None,
        recovers: bool = False,
    ) -> None:
        super().__init__()
        self.stack, self.targets = stack, stack.names
        self.channels = stack.in_channels
        self.scale = real('model.generator.scale', scale, above=0)
        self.holes = _checked_holes(stack, {} if holes is None else holes)
        self.recovers = flag('model.generator.recovers', recovers)
        values = torch.zeros(stack.num_channels, 1, 1)
        declared = torch.zeros_like(values, dtype=torch.bool)
        for name, value in self.holes.items():
            mean, std = map(torch.tensor, (stack[name].mean, stack[name].std))
            values[stack.slices[name], 0, 0] = (value - mean) / std
            declared[stack.slices[name]] = True
        self.register_buffer('_hole', values, persistent=False)
        self.register_buffer('_declared', declared, persistent=False)

    def has_work(
        self, present: Tensor, degraded: Tensor | None = None
    ) -> bool:
        """Say whether something of samples (n, M) is, or may be, predicted."""
        if self.recovers and degraded is not None:
            return True
        targets = [self.stack.index(name) for name in self.targets]
        return bool(self.holes) or not all(
            flags[m] for flags in keys(present) for m in targets
        )

    def forward(
        self,
        filled: Tensor,
        present: Tensor,
        degraded: Tensor | None = None,
        visible: Tensor | None = None,
    ) -> Tensor:
        """Return inputs whose absent modalities are predicted.

        Args:
            filled: (n, sum C, h, w), normalised, with the usual fill.
            present: (n, M) bool.
            degraded: (n, M) bool, what of that is degraded; None: nothing.
            visible: (n, M, h, w) bool, what of that may be read; the rest is
                predicted as well. Default: all.

        Returns:
            (n, sum C, h, w), a new tensor.
        """
        there = self.measured(filled, present)
        if visible is not None:
            there = there & visible
        present = present.to(filled.device)[:, :, None, None]
        seen = torch.where(
            self.by_channel(there), filled, filled.new_zeros(())
        )
        others = [name not in self.targets for name in self.stack.names]
        others = torch.tensor(others, device=filled.device)[:, None, None]
        planes, keep = there.to(filled.dtype), there | (others & ~present)
        if self.recovers and degraded is not None:
            is_ill = degraded.to(filled.device)[:, :, None, None]
            planes = torch.where(is_ill, -planes, planes)
            keep = keep & ~(is_ill & present)
        planes = planes.expand(-1, -1, *filled.shape[2:])
        raw = self.predict(seen, planes).contiguous()
        if raw.shape != filled.shape:
            raise ValueError(
                f'{type(self).__name__} of `model.generator` predicts '
                f'{tuple(raw.shape)} for inputs {tuple(filled.shape)}; let '
                'its `predict` return the shape of what it sees'
            )
        step = self.scale * raw.to(filled.dtype).tanh()
        return torch.where(self.by_channel(keep), filled, filled + step)

    def measured(self, filled: Tensor, present: Tensor) -> Tensor:
        """Return who is there, but for holes: (n, M, h, w) or (n, M, 1, 1).

        Args: see :meth:`forward`.
        """
        there = present.to(filled.device)[:, :, None, None]
        return there & ~self._holes_of(filled) if self.holes else there

    def _holes_of(self, filled: Tensor) -> Tensor:
        """Return where each modality has a hole, (n, M, h, w) bool."""
        hole = self._hole.to(filled)
        # As `torch.isclose`, which ONNX lacks.
        same = (filled - hole).abs() <= 1e-6 + 1e-5 * hole.abs()
        same = same & self._declared
        parts = same.split(self.channels, dim=1)
        return torch.cat([part.all(1, keepdim=True) for part in parts], 1)

    def by_channel(self, there: Tensor) -> Tensor:
        """Return (n, sum C, ...) from (n, M, ...)."""
        repeats = torch.tensor(self.channels, device=there.device)
        return there.repeat_interleave(
            repeats, 1, output_size=sum(self.channels)
        )

    def predict(self, seen: Tensor, there: Tensor) -> Tensor:
        """Return (n, sum C, h, w), zero at first.

        Args:
            seen: (n, sum C, h, w), zero where absent.
            there: (n, M, h, w), 0 or 1: who is there, pixel by pixel; -1:
                there, but degraded.
        """
        raise NotImplementedError


def _checked_holes(stack: Stack, holes: Any) -> dict[str, float]:
    key = 'model.generator.holes'
    values = {
        name: real(f'{key}.{name}', value)
        for name, value in settings(key, holes).items()
    }
    strange = sorted(set(values) - set(stack.names))
    if strange:
        raise ValueError(
            f'unknown modality {strange[0]!r} in `{key}`; this stack has '
            f'{stack.full}'
        )
    return values


def start_at_zero(conv: nn.Conv2d) -> nn.Conv2d:
    """Return a convolution whose output is zero until it learns."""
    nn.init.zeros_(conv.weight)
    if conv.bias is not None:
        nn.init.zeros_(conv.bias)
    conv.starts_at_zero = True
    return conv


def start_anywhere(generator: FillGenerator) -> FillGenerator:
    """Return a generator that predicts before it learnt, as others start.

    For a network that learns with it, which is no base to start at.
    """
    for layer in generator.modules():
        if getattr(layer, 'starts_at_zero', False):
            layer.reset_parameters()
    return generator


@MODELS.register_module()
class LinearGenerator(FillGenerator):
    """One linear map of colours per target; a constant per source.

    >>> stack = Stack([dict(name='rgb'), dict(name='depth', channels=1)])
    >>> inputs = torch.rand(2, 4, 8, 12)
    >>> present = stack.present(['rgb', 'depth'])
    >>> LinearGenerator(stack)(inputs, present).shape
    torch.Size([2, 4, 8, 12])
    """

    def __init__(
        self,
        stack: Stack,
        scale: float = SCALE,
        holes: Mapping[str, float] | None = None,
        recovers: bool = False,
    ) -> None:
        super().__init__(stack, scale, holes, recovers)
        wide = sum(self.channels) + len(stack)
        # Of each target, all channels but its own, planes included; with
        # them where it may be there.
        starts = [sum(self.channels[:m]) for m in range(len(stack))]
        self.others = []
        for m, (start, c) in enumerate(zip(starts, self.channels)):
            own = {*range(start, start + c), sum(self.channels) + m}
            own = set() if recovers else own
            self.others.append([i for i in range(wide) if i not in own])
        self.maps = nn.ModuleList(
            start_at_zero(nn.Conv2d(len(others), c, 1, bias=False))
            for others, c in zip(self.others, self.channels)
        )

    def predict(self, seen: Tensor, there: Tensor) -> Tensor:
        """See :class:`FillGenerator`."""
        x = torch.cat([seen, there], 1)
        x = x / there.abs().sum(1, keepdim=True).clamp_min(1)
        pairs = zip(self.maps, self.others)
        return torch.cat([m(x[:, others]) for m, others in pairs], 1)


@MODELS.register_module()
class ConvGenerator(FillGenerator):
    """Two 3x3 convolutions.

    Args:
        stack: The modalities.
        scale: See :class:`FillGenerator`.
        hidden: Channels in between.
        holes: See :class:`FillGenerator`.
        recovers: See :class:`FillGenerator`.

    >>> stack = Stack([dict(name='rgb'), dict(name='depth', channels=1)])
    >>> inputs = torch.rand(2, 4, 8, 12)
    >>> present = stack.present(['rgb', 'depth'])
    >>> ConvGenerator(stack, hidden=4)(inputs, present).shape
    torch.Size([2, 4, 8, 12])
    """

    def __init__(
        self,
        stack: Stack,
        scale: float = SCALE,
        hidden: int = 16,
        holes: Mapping[str, float] | None = None,
        recovers: bool = False,
    ) -> None:
        super().__init__(stack, scale, holes, recovers)
        self.hidden = whole('model.generator.hidden', hidden, 1)
        total = sum(self.channels)
        self.encode = nn.Conv2d(total + len(stack), hidden, 3, padding=1)
        self.decode = start_at_zero(nn.Conv2d(hidden, total, 3, padding=1))

    def predict(self, seen: Tensor, there: Tensor) -> Tensor:
        """See :class:`FillGenerator`."""
        return self.decode(F.relu(self.encode(torch.cat([seen, there], 1))))


@MODELS.register_module()
class UNetGenerator(FillGenerator):
    """Three stages of stride 2 and back, with shortcuts.

    Args:
        stack: The modalities.
        scale: See :class:`FillGenerator`.
        widths: Channels of the stages.
        holes: See :class:`FillGenerator`.
        recovers: See :class:`FillGenerator`.

    >>> stack = Stack([dict(name='rgb'), dict(name='depth', channels=1)])
    >>> inputs = torch.rand(2, 4, 8, 12)
    >>> present = stack.present(['rgb', 'depth'])
    >>> generator = UNetGenerator(stack, widths=(2, 3, 5))
    >>> generator(inputs, present).shape
    torch.Size([2, 4, 8, 12])
    """

    def __init__(
        self,
        stack: Stack,
        scale: float = SCALE,
        widths: Sequence[int] = (16, 32, 64),
        holes: Mapping[str, float] | None = None,
        recovers: bool = False,
    ) -> None:
        super().__init__(stack, scale, holes, recovers)
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

    def predict(self, seen: Tensor, there: Tensor) -> Tensor:
        """See :class:`FillGenerator`."""
        image = torch.cat([seen, there], 1)  # (n, sum C + M, h, w)
        # A third faster: all that is joined later has one memory layout.
        image = x = image.contiguous(memory_format=torch.channels_last)
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
