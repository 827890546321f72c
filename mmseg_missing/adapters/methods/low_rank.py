"""Low-rank changes of weights (LoRA)."""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.modules.conv import _ConvNd

from ...values import real, settings, whole
from ..adapter import Adapter, Call
from ..sites import Site, matches
from .affine import add

CONVOLVE = {3: F.conv1d, 4: F.conv2d, 5: F.conv3d}  # by the weight's ndim
FUSED = {'qkv': 3, 'kv': 2}


class LowRank(Adapter):
    """y = (W + alpha / rank * B A) x, for Linear and Conv layers.

    W counts as a matrix of C_out rows: A is (rank, C_in / groups * kernel),
    B is (C_out, rank). For plain layers this is LoRA as others write it; in
    grouped and depth-wise convolutions all groups share A. A starts as
    LoRA's does, drawn from the name of the site, and B at zero; a row holds
    the difference from that.

    Args:
        site: See :class:`Adapter`.
        layer: See :class:`Adapter`.
        rank: Rank of the change; less where the weight itself has less.
        alpha: Its strength is alpha / rank; default: alpha = rank.
        rank_pattern: ``{pattern: rank}`` for other sites, first match
            counts; patterns as in ``sites``.
        alpha_pattern: ``{pattern: alpha}`` for other sites.
        fused: ``{pattern: parts}`` of Linear layers that compute several
            things at once; each part has its own A. Default: ``FUSED``.

    Raises:
        TypeError: no number.
        ValueError: a rank below 1, an alpha that is not positive, or parts
            that do not divide a layer.

    Source: Hu et al., LoRA, ICLR 2022, arXiv:2106.09685.

    >>> from mmseg_missing.adapters import attach
    >>> stack = Stack([dict(name='rgb'), dict(name='depth', channels=1)])
    >>> network = nn.Module()
    >>> network.stem = nn.Conv2d(4, 6, 1)
    >>> attach(network, stack, LowRank, rank=2).num_parameters  # 2 * (4 + 6)
    20
    """

    is_local = True

    def __init__(
        self,
        site: Site,
        layer: nn.Module,
        rank: int = 4,
        alpha: float | None = None,
        rank_pattern: Mapping[str, int] | None = None,
        alpha_pattern: Mapping[str, float] | None = None,
        fused: Mapping[str, int] | None = None,
    ) -> None:
        super().__init__(site, layer)
        self.rank = _look_up(site.name, rank_pattern, rank)
        fused = FUSED if fused is None else fused
        _check_patterns(rank_pattern, alpha_pattern, fused)
        is_linear = isinstance(layer, nn.Linear)
        self.parts = _look_up(site.name, fused, 1) if is_linear else 1
        self.shape = tuple(layer.weight.shape)
        if self.shape[0] % self.parts:
            raise ValueError(
                f'adapter site {site.name!r} has {self.shape[0]} outputs, '
                f'which {self.parts} parts do not divide; check '
                '`model.adapter.fused`'
            )
        self.columns = layer.weight[0].numel()
        whole('model.adapter.rank', self.rank, 1)
        # More would be numbers without use.
        most = min(self.shape[0] // self.parts, self.columns)
        self.rank = min(self.rank, most)
        alpha = self.rank if alpha is None else alpha
        alpha = _look_up(site.name, alpha_pattern, alpha)
        alpha = real('model.adapter.alpha', alpha, above=0)
        self.strength = alpha / self.rank
        self.groups = 0 if is_linear else layer.groups

    @classmethod
    def check_options(
        cls, options: Mapping[str, Any], sites: Sequence[Site]
    ) -> None:
        """Refuse patterns that name no site.

        Raises:
            ValueError: names the first such pattern.
        """
        for key in ('rank_pattern', 'alpha_pattern', 'fused'):
            given = options.get(key)
            if given is None:
                continue
            for pattern in settings(f'model.adapter.{key}', given):
                if not any(matches(pattern, site.name) for site in sites):
                    raise ValueError(
                        f'{pattern!r} matched no adapter site; check '
                        f'`model.adapter.{key}`'
                    )

    @classmethod
    def takes(cls, layer: nn.Module) -> bool:
        """Take Linear layers and convolutions, transposed ones excepted."""
        is_conv = isinstance(layer, _ConvNd) and not layer.transposed
        return is_conv or isinstance(layer, nn.Linear)

    def identity(self) -> Tensor:
        """Return A, (parts * rank, columns), and B, (C_out, rank), flat."""
        generator = torch.Generator().manual_seed(
            zlib.crc32(self.site.name.encode())
        )
        a = torch.rand(
            self.parts * self.rank * self.columns, generator=generator
        )
        bound = self.columns**-0.5  # kaiming_uniform_ with a = sqrt(5)
        return torch.cat(
            [bound * (2 * a - 1), torch.zeros(self.shape[0] * self.rank)]
        )

    def width(self) -> int:
        """Return how many numbers that is."""
        return (self.parts * self.columns + self.shape[0]) * self.rank

    def modulate(self, x: Tensor, numbers: Tensor, call: Call) -> Tensor:
        """Return x + alpha / rank * B A inputs; x itself where B = 0."""
        if call.inputs is None:
            raise ValueError(
                f'adapter site {self.site.name!r} is called with keywords, '
                'and `LowRank` needs its input; leave it out of '
                '`model.adapter.sites`'
            )
        a, b = self._matrices(numbers.to(x.dtype))
        b = b * self.strength
        inputs = call.inputs.to(x.dtype)
        if self.groups == 0:
            change = self._through_linear(inputs, a, b).view(x.shape)
        elif _is_pointwise(call.layer):
            tokens = inputs.flatten(2).mT  # a view: channels lie last
            change = self._through_linear(tokens, a, b).mT.view(x.shape)
        elif self.groups == 1:
            change = self._through_conv(call.layer, inputs, a, b)
            change = change.view(x.shape)
        else:
            change = self._through_groups(call.layer, inputs, a, b)
            change = change.view(x.shape)
        return add(x, change, call)

    def fold(self, layer: nn.Module, numbers: Tensor) -> None:
        """Add the change to the layer's weight; its bias stays."""
        a, b = self._matrices(numbers.to(layer.weight)[None])
        change = (b @ a).view(self.shape)
        layer.weight.add_(change, alpha=self.strength)

    def _matrices(self, numbers: Tensor) -> tuple[Tensor, Tensor]:
        """Return A (n, parts, r, columns) and B (n, parts, C / parts, r)."""
        length = self.parts * self.rank * self.columns
        a = numbers[:, :length].unflatten(1, (self.parts, self.rank, -1))
        b = numbers[:, length:].unflatten(1, (self.parts, -1, self.rank))
        return a, b

    def _through_linear(self, x: Tensor, a: Tensor, b: Tensor) -> Tensor:
        """Map (n, ..., c) in two steps of small matrices."""
        n, c_out = len(x), self.shape[0]
        tokens = x.reshape(n, 1, -1, x.shape[-1])
        change = tokens @ a.mT @ b.mT  # (n, parts, l, c_out / parts)
        return change.transpose(1, 2).reshape(n, -1, c_out)

    def _through_conv(
        self, layer: nn.Module, x: Tensor, a: Tensor, b: Tensor
    ) -> Tensor:
        """Convolve each sample with its own A, then mix by its B."""
        kernels = a.reshape(-1, *self.shape[1:])  # (n * r, c_in, ...)
        z = _convolve(layer, x, kernels, groups=len(x))
        return b[:, 0] @ z.reshape(len(x), self.rank, -1)

    def _through_groups(
        self, layer: nn.Module, x: Tensor, a: Tensor, b: Tensor
    ) -> Tensor:
        """Convolve each sample with its own B A, group by group."""
        kernels = (b @ a).reshape(-1, *self.shape[1:])  # (n * c_out, ...)
        return _convolve(layer, x, kernels, groups=len(x) * self.groups)


def _is_pointwise(layer: nn.Module) -> bool:
    """Say whether a convolution is a linear map of each pixel."""
    return (
        layer.groups == 1
        and set(layer.kernel_size) == set(layer.stride) == {1}
        and layer.padding in ((0,) * len(layer.kernel_size), 'valid', 'same')
    )


def _convolve(
    layer: nn.Module, x: Tensor, kernels: Tensor, groups: int
) -> Tensor:
    """Return (1, n * channels, ...): all samples in one convolution.

    It runs as ``layer`` does, but for weight, bias and groups.
    """
    padding = layer.padding
    if layer.padding_mode != 'zeros':
        pad = layer._reversed_padding_repeated_twice
        x, padding = F.pad(x, pad, mode=layer.padding_mode), 0
    return CONVOLVE[x.ndim](
        x.reshape(1, -1, *x.shape[2:]),
        kernels,
        None,
        layer.stride,
        padding,
        layer.dilation,
        groups,
    )


def _check_patterns(
    ranks: Mapping | None, alphas: Mapping | None, fused: Mapping
) -> None:
    """Check the values of all patterns, whatever site they name."""
    for rank in (ranks or {}).values():
        whole('model.adapter.rank_pattern', rank, 1)
    for alpha in (alphas or {}).values():
        real('model.adapter.alpha_pattern', alpha, above=0)
    for parts in fused.values():
        whole('model.adapter.fused', parts, 1)


def _look_up(name: str, patterns: Mapping | None, default: float) -> float:
    """Return the value of the first pattern that names ``name``."""
    for pattern, value in (patterns or {}).items():
        if matches(pattern, name):
            return value
    return default
