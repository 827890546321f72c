"""All that an analysis of modalities measures, in one pass over images."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from mmseg.registry import MODELS
from torch import nn
from torch.utils.data import Dataset

from ..adapters import AdapterBank, adapted, base_state, load_base
from ..benchmark.variants import is_wrapped, without_adapter
from ..evaluation.batches import CompleteImages, image_order
from ..models.adapting import first_entry
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


class EvenImages(CompleteImages):
    """Complete images that lie evenly over a data set, in random order.

    Args:
        dataset: Gives ``inputs`` and ``data_samples``.
        number: How many images, at most.
        batch_size: Images of a batch.
        seed: Seed of the order.

    Raises:
        ValueError: while iterating, if no image has every modality.
    """

    def __init__(
        self, dataset: Dataset, number: int, batch_size: int, seed: int = 0
    ) -> None:
        number = min(number, len(dataset))
        places = image_order(number, seed)
        indices = [place * len(dataset) // number for place in places]
        super().__init__(dataset, indices, batch_size)

    def __iter__(self) -> Iterator[Mapping[str, Any]]:
        """Yield collated batches; see :class:`CompleteImages`."""
        batch = None
        for batch in super().__iter__():
            yield batch
        if batch is None:
            raise ValueError(
                f'none of {len(self.indices)} images has every modality; '
                'raise --images or choose another split'
            )


def networks_of(
    network: nn.Module, model: Mapping[str, Any]
) -> dict[str, nn.Module]:
    """Return ``base`` and, if the network has adapters, ``adapted``.

    Args:
        network: A segmentor with its weights.
        model: Config of the model.

    Raises:
        ValueError: a folded network.
    """
    if network.folded is not None:
        raise ValueError(
            f'this network is folded for {network.folded} and serves nothing '
            'else; give the base or the joined checkpoint and its config'
        )
    if not any(adapted(network)):
        return {'base': network}
    base = MODELS.build(without_adapter(model))
    base.load_state_dict(base_state(network))
    return {'base': base, 'adapted': network}


def build_probe(
    network: nn.Module,
    model: Mapping[str, Any],
    sites: Sequence[str] | None = None,
    combinations: Sequence[str] | None = None,
) -> nn.Module:
    """Return the base with an untrained scale and shift at every site.

    Args:
        network: A segmentor with its weights.
        model: Its config; where it adapts the backbone alone, so does the
            probe.
        sites: The sites that may be chosen; default: the paper's rule.
        combinations: What to miss; default: all that training can draw.

    Raises:
        ValueError: see :func:`mmseg_missing.adapters.find_sites`.
    """
    plain = without_adapter(model)
    given = model['backbone'] if is_wrapped(model) else model
    adapter = {
        'type': 'ScaleShift',
        'rows': 'table',  # a gradient for each combination
        'sites': sites and list(sites),
        'combinations': combinations and list(combinations),
    }
    majors = (first_entry(given.get('adapter')) or {}).get('batch_major')
    if majors:
        adapter['batch_major'] = majors
    if is_wrapped(model):
        backbone = {**model['backbone'], 'adapter': adapter}
        probe = MODELS.build({**plain, 'backbone': backbone})
    else:
        probe = MODELS.build({**plain, 'adapter': adapter})
    load_base(probe, base_state(network), 'the network')
    return probe
