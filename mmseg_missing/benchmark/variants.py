"""One network as its base, adapted, folded and for full fine-tuning."""

from __future__ import annotations

import copy
from collections.abc import Callable, Collection, Mapping
from typing import Any

import torch
from mmseg.registry import MODELS
from torch import nn

from ..adapters import adapted, base_state, fold_network
from ..fill import parse_fill, usual, with_networks
from ..modality import Stack

KINDS = ('base', 'adapted', 'folded', 'finetune')


class Variants:
    """The forms of one network, all with the same weights.

    Rows that were never trained get random numbers: what they cost does not
    depend on them.

    Args:
        model: Config of the segmentor, with or without an adapter.
        kinds: Which of :data:`KINDS` to compare.
        device: Where they run.
        load: Loads weights into the network; default: they stay random.

    Raises:
        ValueError: an unknown kind, or the config of a folded network.
    """

    def __init__(
        self,
        model: Mapping[str, Any],
        kinds: Collection[str] = KINDS,
        device: str = 'cpu',
        load: Callable[[nn.Module], None] = lambda network: None,
    ) -> None:
        strange = set(kinds) - set(KINDS)
        if strange or not kinds:
            raise ValueError(
                f'a benchmark compares some of {", ".join(KINDS)}, got '
                f'{sorted(kinds)}; check --what'
            )
        if model.get('folded'):
            raise ValueError(
                'this network is folded already; give the base or the joined '
                'checkpoint and its config'
            )
        self.kinds, self.device = tuple(kinds), device
        self._plain = without_adapter(model)
        if _has_adapter(model) or not {'adapted', 'folded'}.isdisjoint(kinds):
            self._adapted = MODELS.build(_with_adapter(model)).to(device)
            load(self._adapted)
            _fill_untrained_rows(self._adapted)
            self._base = self._build(base_state(self._adapted))
        else:
            self._base = MODELS.build(self._plain).to(device)
            load(self._base)

    @property
    def stack(self) -> Stack:
        """The modalities."""
        return self._base.stack

    @property
    def largest(self) -> nn.Module:
        """The adapted network where there is one, else the base."""
        return getattr(self, '_adapted', self._base)

    @property
    def forward_kinds(self) -> tuple[str, ...]:
        """The networks whose forward differs; the base is always there."""
        return tuple(
            kind
            for kind in ('base', 'adapted', 'folded')
            if kind == 'base' or kind in self.kinds
        )

    def training_kinds(self, combination: str) -> tuple[str, ...]:
        """The networks that can learn from a combination.

        With everything present adapters have nothing to learn.
        """
        return tuple(
            kind
            for kind in ('finetune', 'adapted')
            if kind in self.kinds
            and (kind == 'finetune' or combination != self.stack.full)
        )

    def network(self, kind: str, combination: str) -> nn.Module:
        """Return one form; folded ones are made when they are asked for."""
        if kind == 'folded':
            return self._fold(combination)
        return self._adapted if kind == 'adapted' else self._base

    def _build(self, state: Mapping[str, Any], **changes: Any) -> nn.Module:
        network = MODELS.build({**self._plain, **changes})
        network.load_state_dict(state)
        return network.to(self.device)

    def _fold(self, combination: str) -> nn.Module:
        """Return the plain network that a folded checkpoint gives."""
        twin = copy.deepcopy(self._adapted)
        image = torch.zeros(
            1, self.stack.num_channels, 64, 64, device=self.device
        )
        folded = fold_network(twin, combination, image)
        return self._build(twin.state_dict(), folded=folded)


def _has_adapter(model: Mapping[str, Any]) -> bool:
    return model.get('adapter') is not None or is_wrapped(model)


def is_wrapped(model: Mapping[str, Any]) -> bool:
    """Say whether the config adapts its backbone alone."""
    return model['backbone']['type'] == 'AdaptedBackbone'


def without_adapter(model: Mapping[str, Any]) -> dict[str, Any]:
    """Return the config of the base.

    With its sampler a step sees exactly the combination it is given.
    """
    model = {**model, 'sampler': 'full'}
    if model.get('completion') is not None:
        return model  # it never had any, and its fill is a part of it
    model.update(
        dict.fromkeys(
            (
                'adapter',
                'degrade',
                'generator',
                'imputer',
                'teacher',
                'trainable',
            )
        )
    )
    fill = model.get('fill', 'zero')
    words = parse_fill(Stack(model['stack']), fill)
    starts = {
        name: 'zero' if usual(word) == 'learned' else usual(word)
        for name, word in words.items()
    }
    if starts != words:  # what learns is left out
        model['fill'] = with_networks(starts, fill)
    if is_wrapped(model):
        model['backbone'] = model['backbone']['backbone']
    return model


def _with_adapter(model: Mapping[str, Any]) -> dict[str, Any]:
    model = {**model, 'sampler': 'full'}
    if not _has_adapter(model):
        model['adapter'] = {'type': 'ScaleShift'}
    return model


@torch.no_grad()
def _fill_untrained_rows(network: nn.Module) -> None:
    for _, root in adapted(network):
        bank = root.adapters
        for name, key in bank.rows.stored(bank.rows.names).items():
            if name not in bank.rows.stored(bank.trained):
                bank.rows.get_parameter(key).normal_(0, 0.05)
        bank.samples_seen.clamp_(min=1)
