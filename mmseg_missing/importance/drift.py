"""How far features drift when modalities are missing, site by site."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from mmseg.structures import SegDataSample
from torch import Tensor, nn

from ..adapters import Site
from ..adapters.fitting.moments import Moments, PairedMoments
from ..evaluation.batches import restrict
from ..modality import Stack


@dataclass(frozen=True)
class SiteDrift:
    """The drift of one site; sums over its channels are compared.

    Args:
        error: sqrt(E |y - x|^2 / E |y|^2): x with something missing, y with
            everything.
        r2_raw: 1 - E |y - x|^2 / Var(y); below 0 the mean of y alone would
            be closer than x.
        r2_affine: The same after the best scale and shift of each channel:
            what is left to 1 no scale and shift at this site repairs.
    """

    error: float
    r2_raw: float
    r2_affine: float

    @property
    def gain(self) -> float:
        """What scale and shift repair, at most 1: a constant counts as 0."""
        return self.r2_affine - max(self.r2_raw, 0.0)

    @classmethod
    def of(cls, moments: Moments) -> SiteDrift:
        """Read the drift from what was seen at a site."""
        raw = moments.error().sum()
        best = moments.error(*moments.affine()).sum()
        power = (moments.var_y + moments.mean_y.square()).sum()
        spread = moments.var_y.sum().clamp_min(1e-300)
        return cls(
            (raw / power.clamp_min(1e-300)).sqrt().item(),
            (1 - raw / spread).item(),
            (1 - best / spread).item(),
        )


class Drift:
    """Drift of a network between full and missing input.

    Each batch runs twice in one forward, complete and incomplete side by
    side, and is compared where features arise: no map is stored. The full
    half takes the adapters' identity, so an adapted network shows what its
    adapters left to repair.

    Args:
        network: A segmentor in eval mode.
        root: What the sites are relative to; the network or a part of it.
        sites: Sites at which to look.
        combinations: The combinations that miss something.
    """

    def __init__(
        self,
        network: nn.Module,
        root: nn.Module,
        sites: Sequence[Site],
        combinations: Sequence[str],
    ) -> None:
        self.network, self.sites = network, tuple(sites)
        self._watched = {
            name: PairedMoments(root, sites) for name in combinations
        }

    @torch.no_grad()
    def add(
        self, inputs: Tensor, samples: Sequence[SegDataSample]
    ) -> Iterator[str]:
        """Run one batch under every combination; yield each when done.

        Args:
            inputs: (n, sum C, h, w), normalised.
            samples: n samples that have everything.
        """
        stack: Stack = self.network.stack
        twice = torch.cat([inputs, inputs])
        full = restrict(samples, stack.present(stack.full))
        for name, watched in self._watched.items():
            told = full + restrict(samples, stack.present(name))
            with watched:
                self.network(twice, told, mode='tensor')
            yield name

    def report(self) -> dict[str, dict[str, SiteDrift]]:
        """Return the drift by combination and site; sites that ran only."""
        return {
            name: {
                site.name: SiteDrift.of(moments)
                for site, moments in zip(watched.sites, watched.moments)
                if moments is not None
            }
            for name, watched in self._watched.items()
        }
