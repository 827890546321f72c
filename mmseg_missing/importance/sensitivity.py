"""How strongly the loss pulls at the adapters of each site."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from mmseg.structures import SegDataSample
from torch import Tensor, nn

from ..adapters import AdapterBank
from ..evaluation.batches import restrict

# Of the variance of a gradient, relative to its mean square: a number that
# never varies does not become infinitely important.
FLOOR = 1e-6


@dataclass(frozen=True)
class SiteSensitivity:
    """What the gradients g_b of B batches say about one site.

    Args:
        sensitivity: ||mean g||^2: what one small step of gradient descent
            takes off the loss, per unit of step size.
        fisher: mean ||g||^2, noise included.
        snr: Sum over the numbers of mean^2 / variance.
        l1: ||mean g||_1: what one small step of Adam takes off the loss.
        cost: Numbers of the site.
    """

    sensitivity: float
    fisher: float
    snr: float
    l1: float
    cost: int

    @classmethod
    def of(cls, gradients: Tensor) -> SiteSensitivity:
        """Read it from the (B, numbers) gradients of one site."""
        g = gradients.double()
        mean, power = g.mean(0), g.square().mean(0)
        noise = (power - mean.square()).clamp_min(FLOOR * power.mean() + 1e-30)
        return cls(
            mean.square().sum().item(),
            power.sum().item(),
            (mean.square() / noise).sum().item(),
            mean.abs().sum().item(),
            g.shape[1],
        )


class Sensitivity:
    """Gradients of a scale and a shift at every site, at the identity.

    The loss is the segmentor's own; nothing is stepped.

    Args:
        network: A segmentor with untrained ``ScaleShift`` rows and a sampler
            that leaves ``present`` as it is (``full``).
        bank: Adapters of the network, one row per combination.
        combinations: The combinations that miss something.
    """

    def __init__(
        self,
        network: nn.Module,
        bank: AdapterBank,
        combinations: Sequence[str],
    ) -> None:
        self.network, self.bank = network, bank
        self._found: dict[str, list[Tensor]] = {n: [] for n in combinations}

    def add(
        self, inputs: Tensor, samples: Sequence[SegDataSample]
    ) -> Iterator[str]:
        """Run one batch under every combination; yield each when done.

        Args:
            inputs: (n, sum C, h, w), normalised.
            samples: n samples with labels, that have everything.

        Raises:
            ValueError: a loss that is not finite.
        """
        for name, found in self._found.items():
            told = restrict(samples, self.network.stack.present(name))
            losses = self.network(inputs, told, mode='loss')
            loss, _ = self.network.parse_losses(losses)
            if not loss.isfinite():
                raise ValueError(
                    f'the loss under {name} is not finite; check the '
                    'checkpoint, and the values and labels of the images '
                    '(mmseg-missing check)'
                )
            row = self.bank.rows.table[name]
            found.append(torch.autograd.grad(loss, row)[0].cpu())
            yield name

    def gradients(self) -> dict[str, list[Tensor]]:
        """Return for each combination each site's (batches, numbers)."""
        return {
            name: list(torch.stack(found).split(self.bank.widths, 1))
            for name, found in self._found.items()
        }

    def report(self) -> dict[str, dict[str, SiteSensitivity]]:
        """Return the sensitivity by combination and site."""
        names = [site.name for site in self.bank.sites]
        return {
            name: dict(zip(names, map(SiteSensitivity.of, gradients)))
            for name, gradients in self.gradients().items()
        }
