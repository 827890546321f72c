"""Scale and shift of features (SSF), either of them alone, and biases."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _NormBase

from ..adapter import Adapter, Call
from .affine import add, affine, as_channels


class ScaleShift(Adapter):
    """y = scale * x + shift, one of each per channel.

    A row holds ``scale - 1`` and ``shift`` of every site, so it starts at,
    and weight decay pulls towards, the base. A scale nearer to zero than
    1e-3 counts as 1e-3, with its sign.

    Source: Lian et al., SSF, NeurIPS 2022, arXiv:2210.08823; for missing
    modalities Reza et al., arXiv:2310.03986.

    >>> from mmseg_missing.adapters.sites import describe_layer
    >>> layer = nn.Conv2d(4, 6, 1)
    >>> site = describe_layer('stem', layer)
    >>> ScaleShift(site, layer).identity().shape
    torch.Size([12])
    """

    is_local = True

    def identity(self) -> Tensor:
        """Return (2 * C,): ones for the scale, zeros for the shift."""
        c = self.site.num_features
        return torch.cat([torch.ones(c), torch.zeros(c)])

    def scales(self) -> Tensor:
        """Return (2 * C,): the first half."""
        return self.identity()

    def modulate(self, x: Tensor, numbers: Tensor, call: Call) -> Tensor:
        """Return scale * x + shift, ``torch.equal`` to x at the identity."""
        dim = self.site.channel_dim
        scale, shift = as_channels(numbers, x, dim).chunk(2, dim)
        return affine(x, scale, shift, call, self.site.is_kept)

    def fold(self, layer: nn.Module, numbers: Tensor) -> None:
        """Let the layer's weight and bias contain this adapter.

        y = s * (W x + b) + t  becomes  (s W) x + (s b + t); a layer without
        a bias gains one.
        """
        scale, shift = numbers.to(layer.weight).chunk(2)
        scale_layer(layer, scale)
        shift_layer(layer, shift)


class Scale(Adapter):
    """y = scale * x, one number per channel.

    As :class:`ScaleShift` without its shift; half of the numbers.

    Source: Reza et al., arXiv:2310.03986, supplement ("scale only").

    >>> from mmseg_missing.adapters.sites import describe_layer
    >>> layer = nn.Conv2d(4, 6, 1)
    >>> site = describe_layer('stem', layer)
    >>> Scale(site, layer).identity().tolist()
    [1.0, 1.0, 1.0, 1.0, 1.0, 1.0]
    """

    is_local = True

    def identity(self) -> Tensor:
        """Return (C,): ones."""
        return torch.ones(self.site.num_features)

    def scales(self) -> Tensor:
        """Return (C,): all of them."""
        return self.identity()

    def modulate(self, x: Tensor, numbers: Tensor, call: Call) -> Tensor:
        """Return scale * x, ``torch.equal`` to x at the identity."""
        scale = as_channels(numbers, x, self.site.channel_dim)
        shift = torch.zeros_like(scale)
        return affine(x, scale, shift, call, self.site.is_kept)

    def fold(self, layer: nn.Module, numbers: Tensor) -> None:
        """Let the layer's weight and bias contain this adapter."""
        scale_layer(layer, numbers.to(layer.weight))


class Shift(Adapter):
    """y = x + shift, one number per channel.

    A bias behind every site, those that have none included. Training keeps
    nothing for backward.

    Source: Reza et al., arXiv:2310.03986, supplement ("shift only").

    >>> from mmseg_missing.adapters.sites import describe_layer
    >>> layer = nn.Conv2d(4, 6, 1)
    >>> site = describe_layer('stem', layer)
    >>> Shift(site, layer).identity().tolist()
    [0.0, 0.0, 0.0, 0.0, 0.0, 0.0]
    """

    is_local = True

    def identity(self) -> Tensor:
        """Return (C,): zeros."""
        return torch.zeros(self.site.num_features)

    def modulate(self, x: Tensor, numbers: Tensor, call: Call) -> Tensor:
        """Return x + shift, ``torch.equal`` to x at the identity."""
        shift = as_channels(numbers, x, self.site.channel_dim)
        return add(x, shift, call)

    def fold(self, layer: nn.Module, numbers: Tensor) -> None:
        """Let the layer's bias contain this adapter; it may gain one."""
        shift_layer(layer, numbers.to(layer.weight))


class Bias(Shift):
    """Another bias in the place of each one that is there (BitFit).

    As :class:`Shift`, but layers without a bias are no sites, so folding
    adds no bias to the network.

    Source: Ben Zaken et al., BitFit, ACL 2022, arXiv:2106.10199; for
    missing modalities Reza et al., arXiv:2310.03986.

    >>> from mmseg_missing.adapters import attach
    >>> stack = Stack([dict(name='rgb'), dict(name='depth', channels=1)])
    >>> network = nn.Module()
    >>> network.stem = nn.Conv2d(4, 6, 1)
    >>> attach(network, stack, Bias).num_parameters
    6
    """

    @classmethod
    def takes(cls, layer: nn.Module) -> bool:
        """Take layers that have a bias."""
        return getattr(layer, 'bias', None) is not None


class NormTuning(ScaleShift):
    """Scale and shift behind the normalisation layers, nowhere else.

    The same maps as tuning the weight and bias of every norm, written as a
    change of what the norm gives, so that samples of a batch may differ.

    Source: Frankle et al., ICLR 2021, arXiv:2003.00152 (BatchNorm alone);
    compared in Reza et al., arXiv:2310.03986, supplement.

    >>> from mmseg_missing.adapters import attach
    >>> stack = Stack([dict(name='rgb'), dict(name='depth', channels=1)])
    >>> network = nn.Module()
    >>> network.stem, network.norm = nn.Conv2d(4, 6, 1), nn.BatchNorm2d(6)
    >>> attach(network, stack, NormTuning).num_parameters
    12
    """

    @classmethod
    def takes(cls, layer: nn.Module) -> bool:
        """Take normalisation layers."""
        return isinstance(layer, (_NormBase, nn.GroupNorm, nn.LayerNorm))


def scale_layer(layer: nn.Module, scale: Tensor) -> None:
    """Multiply what ``layer`` gives by (C,) numbers, in place."""
    shape = [-1] + [1] * (layer.weight.ndim - 1)
    layer.weight.mul_(scale.reshape(shape))
    if layer.bias is not None:
        layer.bias.mul_(scale)


def shift_layer(layer: nn.Module, shift: Tensor) -> None:
    """Add (C,) numbers to what ``layer`` gives; it may gain a bias."""
    if layer.bias is None:
        layer.bias = nn.Parameter(shift.clone(), requires_grad=False)
    else:
        layer.bias.add_(shift)
