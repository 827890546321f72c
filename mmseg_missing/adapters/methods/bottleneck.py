"""A small residual network behind a stage."""

from __future__ import annotations

import zlib

import torch
from torch import Tensor, nn

from ...values import whole
from ..adapter import Adapter, Call
from ..sites import Site
from .affine import add


class Bottleneck(Adapter):
    """y = x + W2 relu(W1 x + b1) + b2 at every position.

    W1 starts at random, drawn from the name of the site, all else at zero;
    a row holds the difference from that. Unlike the other methods it is no
    linear map, so it cannot be folded.

    Args:
        site: See :class:`Adapter`.
        layer: See :class:`Adapter`.
        hidden: Rows of W1.

    Raises:
        TypeError: ``hidden`` is no whole number.
        ValueError: ``hidden`` below 1, or beyond all use.

    Source: Houlsby et al., ICML 2019, arXiv:1902.00751.

    >>> from mmseg_missing.adapters import attach
    >>> stack = Stack([dict(name='rgb'), dict(name='depth', channels=1)])
    >>> network = nn.Module()
    >>> network.stem = nn.Conv2d(4, 6, 1)
    >>> attach(network, stack, Bottleneck, ['stem'], hidden=2).num_parameters
    32
    """

    is_local = True

    unfoldable = 'a bottleneck is not linear; run it unfolded'

    def __init__(self, site: Site, layer: nn.Module, hidden: int = 8) -> None:
        super().__init__(site, layer)
        most = max(16 * site.num_features, 1024)
        self.hidden = whole('model.adapter.hidden', hidden, 1, most)

    @classmethod
    def default_sites(cls, root: nn.Module) -> list[str]:
        """Return the layers that networks declare as ends of stages.

        A module does so in a class attribute ``stage_sites``: patterns
        relative to itself.

        Raises:
            ValueError: no module of ``root`` does.
        """
        patterns = []
        for name, module in root.named_modules():
            prefix = name.replace('.', r'\.') + r'\.' if name else ''
            for pattern in getattr(module, 'stage_sites', ()):
                patterns.append(prefix + pattern)
        if not patterns:
            raise ValueError(
                f'{type(root).__name__} does not say where its stages end; '
                'name the last layer of each in `model.adapter.sites`'
            )
        return patterns

    def identity(self) -> Tensor:
        """Return W1 (hidden, C), b1, W2 (C, hidden) and b2, flat."""
        c, r = self.site.num_features, self.hidden
        generator = torch.Generator().manual_seed(
            zlib.crc32(self.site.name.encode())
        )
        w1 = (2 * torch.rand(r * c, generator=generator) - 1) * c**-0.5
        return torch.cat([w1, torch.zeros(r + c * r + c)])

    def width(self) -> int:
        """Return how many numbers that is."""
        c, r = self.site.num_features, self.hidden
        return r * c + r + c * r + c

    def modulate(self, x: Tensor, numbers: Tensor, call: Call) -> Tensor:
        """Return x plus the small network; x itself where W2 = b2 = 0."""
        c, r = self.site.num_features, self.hidden
        w1, b1, w2, b2 = numbers.to(x.dtype).split([r * c, r, c * r, c], 1)
        columns = x if self.site.channel_dim == 1 else x.movedim(-1, 1)
        shape = columns.shape  # (n, c, ...)
        h = w1.unflatten(1, (r, c)) @ columns.reshape(len(x), c, -1)
        h = (h + b1[:, :, None]).relu()  # (n, r, l)
        change = w2.unflatten(1, (c, r)) @ h + b2[:, :, None]
        change = change.view(shape)
        if self.site.channel_dim != 1:
            change = change.movedim(1, -1)
        return add(x, change, call)
