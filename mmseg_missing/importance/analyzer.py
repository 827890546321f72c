"""All that an analysis of modalities measures, in one pass over images."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from torch import nn

from ..adapters import AdapterBank, adapted
from .drift import Drift
from .sensitivity import Sensitivity
from .subsets import SubsetScores


class ModalityAnalyzer:
    """What each modality is worth, and where its absence can be repaired.

    Args:
        networks: Segmentors by name, such as ``base`` and ``adapted``, for
            Shapley values and drift.
        probe: The base with untrained ``ScaleShift`` rows at every site that
            may be chosen, and sampler ``full``; its combinations are those
            of drift and sensitivity.
        classes: Names in label order.
        batches: How many batches sensitivity looks at.
        by_modality: Shapley values of modalities, as if each failed by
            itself, rather than of sensors.

    Attributes:
        scores: :class:`SubsetScores` by network.
        drift: :class:`Drift` by network.
        sensitivity: :class:`Sensitivity` of the probe.
    """

    def __init__(
        self,
        networks: Mapping[str, nn.Module],
        probe: nn.Module,
        classes: Sequence[str],
        batches: int = 16,
        by_modality: bool = False,
    ) -> None:
        self.batches = batches
        [(self.root, part)] = adapted(probe)
        bank: AdapterBank = part.adapters
        self.stack = probe.stack
        self.combinations = bank.rows.names
        self.networks = {k: n.eval() for k, n in networks.items()}
        self.probe = probe.requires_grad_(False).eval()
        bank.requires_grad_(True).train()
        self.sites = bank.sites
        scored = self.stack.apart() if by_modality else self.stack
        self.scores = {
            name: SubsetScores(scored, classes) for name in networks
        }
        self.drift = {
            name: Drift(
                network,
                network.get_submodule(self.root),
                self.sites,
                self.combinations,
            )
            for name, network in networks.items()
        }
        self.sensitivity = Sensitivity(probe, bank, self.combinations)

    def num_steps(self, images: Sequence[Any]) -> int:
        """Return how many steps :meth:`run` yields."""
        missing = len(self.combinations)
        scored = sum(len(scores.tallies) for scores in self.scores.values())
        return (
            len(images) * (scored + len(self.networks) * missing)
            + min(len(images), self.batches) * missing
        )

    def run(self, images: Iterable[Mapping[str, Any]]) -> Iterator[str]:
        """Look at all images; yield what was done, step by step.

        Args:
            images: Collated batches.
        """
        for number, data in enumerate(images):
            for name, network in self.networks.items():
                batch = network.data_preprocessor(dict(data), False)
                pair = batch['inputs'], batch['data_samples']
                for done in self.scores[name].add(network, *pair):
                    yield f'{name}: scores {done}'
                for done in self.drift[name].add(*pair):
                    yield f'{name}: drift {done}'
            if number < self.batches:
                batch = self.probe.data_preprocessor(dict(data), True)
                pair = batch['inputs'], batch['data_samples']
                for done in self.sensitivity.add(*pair):
                    yield f'sensitivity {done}'
