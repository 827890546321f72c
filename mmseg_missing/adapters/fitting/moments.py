"""Paired moments of features: the full input beside the missing one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from ..sites import Site

# Variance below this share of a channel's power is rounding, not signal.
CONSTANT = 1e-10


@dataclass(frozen=True)
class Moments:
    """Per channel, of pairs (x, y): x with a modality missing, y with all.

    Args:
        count: How many pairs (samples times positions).
        mean_x: (C,), float64 as all that follow.
        mean_y: (C,).
        var_x: (C,), not Bessel-corrected.
        var_y: (C,).
        cov: (C,).
    """

    count: int
    mean_x: Tensor
    mean_y: Tensor
    var_x: Tensor
    var_y: Tensor
    cov: Tensor

    @classmethod
    def of(cls, x: Tensor, y: Tensor, channel_dim: int) -> Moments:
        """Measure two tensors of one shape."""
        x, y = (_by_channel(t, channel_dim) for t in (x, y))
        mean_x, mean_y = x.mean(1), y.mean(1)
        x, y = x - mean_x[:, None], y - mean_y[:, None]
        return cls(
            x.shape[1],
            mean_x,
            mean_y,
            (x * x).mean(1),
            (y * y).mean(1),
            (x * y).mean(1),
        )

    def __add__(self, other: Moments) -> Moments:
        """Return the moments of both sets of pairs together.

        Source: Chan, Golub, LeVeque, Updating formulae, 1979.
        """
        count = self.count + other.count
        share = other.count / count
        dx, dy = other.mean_x - self.mean_x, other.mean_y - self.mean_y
        spread = share * (1 - share)
        return Moments(
            count,
            self.mean_x + share * dx,
            self.mean_y + share * dy,
            self.var_x.lerp(other.var_x, share) + spread * dx * dx,
            self.var_y.lerp(other.var_y, share) + spread * dy * dy,
            self.cov.lerp(other.cov, share) + spread * dx * dy,
        )

    def affine(self) -> tuple[Tensor, Tensor]:
        """Return the (C,) scale and shift that bring x closest to y.

        scale = Cov(x, y) / Var(x), shift = E y - scale * E x; where x is
        constant the scale stays 1.
        """
        power = self.var_x + self.mean_x.square()
        constant = self.var_x <= CONSTANT * power
        scale = self.cov / self.var_x.clamp_min(1e-300)
        scale = scale.where(~constant, scale.new_ones(()))
        return scale, self.mean_y - scale * self.mean_x

    def error(
        self, scale: Tensor | float = 1.0, shift: Tensor | float = 0.0
    ) -> Tensor:
        """Return (C,): E (y - scale * x - shift)^2."""
        gap = self.mean_y - scale * self.mean_x - shift
        spread = self.var_y + scale * (scale * self.var_x - 2 * self.cov)
        return spread.clamp_min(0) + gap * gap


Correct = Callable[[int, Moments], 'tuple[Tensor, Tensor] | None']


class PairedMoments:
    """Watch the sites of a network whose batch is [all present; missing].

    While the block lasts every forward must carry a batch whose first half
    has all modalities and whose second half is the same samples without
    some. The halves are compared where they arise; no feature is stored. A
    site that runs several times in a forward adds up all its calls. Put the
    network into eval mode: batch norms would mix the halves.

    Args:
        root: The network.
        sites: Sites as :func:`find_sites` gives them.
        correct: Called as ``correct(index, moments)`` with a site's index
            and the moments of its call, before they are added to
            ``moments[index]``; a returned (scale, shift), each (C,),
            modulates the second half before it goes on, so that what
            follows sees a corrected input. The moments are those before
            the correction.

    Attributes:
        moments: For each site what was seen so far, None if it never ran.

    Raises:
        ValueError: in the forward, for an odd leading dimension.
    """

    def __init__(
        self,
        root: nn.Module,
        sites: Sequence[Site],
        correct: Correct | None = None,
    ) -> None:
        self.root, self.sites, self.correct = root, tuple(sites), correct
        self.moments: list[Moments | None] = [None] * len(self.sites)
        self._handles: list[RemovableHandle] = []

    def __enter__(self) -> PairedMoments:
        """Hook the sites, behind their adapters if they have any."""
        for index, site in enumerate(self.sites):
            layer = self.root.get_submodule(site.name)
            look = partial(self._look, index)
            self._handles.append(layer.register_forward_hook(look))
        return self

    def __exit__(self, *error: object) -> None:
        """Let go of the sites."""
        while self._handles:
            self._handles.pop().remove()

    def _look(
        self, index: int, layer: nn.Module, args: tuple, output: Tensor
    ) -> Tensor | None:
        site = self.sites[index]
        if len(output) % 2:
            raise ValueError(
                f'site {site.name!r} gives {len(output)} entries, which are '
                'no two halves; run [full; missing] in one batch'
            )
        full, missing = output.detach().chunk(2)
        found = Moments.of(missing, full, site.channel_dim)
        fix = self.correct(index, found) if self.correct else None
        before = self.moments[index]
        self.moments[index] = found if before is None else before + found
        if fix is None:
            return None
        shape = [1] * output.ndim
        shape[site.channel_dim] = -1
        scale, shift = (part.to(output).view(shape) for part in fix)
        fixed = output.clone()
        fixed[len(full) :] = scale * missing + shift
        return fixed


def _by_channel(x: Tensor, channel_dim: int) -> Tensor:
    """Return (C, count) in float64."""
    return x.movedim(channel_dim, 0).flatten(1).double()
