"""Plain networks of the combinations that are in use."""

from __future__ import annotations

import copy
import logging
import threading
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from mmengine.logging import print_log
from torch import nn

from ..adapters import adapted, fold_network
from ..adapters.bank import version_of
from ..context import told_to
from ..evaluation.batches import masks_of, restrict
from ..present import of_samples

# Logits of folded and unfolded networks, in units of the largest one.
TOLERANCE = 1e-4
MOST = 4
# Kinds of a module's own attributes that a prediction may depend on.
PLAIN = (bool, int, float, str, tuple)


class FoldedNetworks:
    """Folds a combination once it is asked for twice in a row.

    A single frame, or sensors that change with every frame, are not worth
    it. The first batch that is folded runs through both networks, and the
    folded one is taken only where their logits are the same. Of a
    combination that does not fold the log says why, once. Several threads
    may ask.

    Args:
        network: Network with adapters or without; it stays as it is.
        most: How many networks are kept; the one that was not used for
            longest goes first. Each one is a copy of the network.
    """

    def __init__(self, network: nn.Module, most: int = MOST) -> None:
        self.network, self.most = network, most
        self._kept: OrderedDict[str, nn.Module | None] = OrderedDict()
        self._last = ''
        self._lock = threading.Lock()
        self._is_adapted = any(True for _ in adapted(network))
        self._modules = list(network.modules())
        self._settings = [
            (vars(module), key)
            for module in self._modules
            for key, value in vars(module).items()
            if not key.startswith('_')
            and (value is None or isinstance(value, PLAIN))
        ]
        self._state = self._weights()

    @property
    def combinations(self) -> list[str]:
        """Those that are folded now."""
        with self._lock:
            return [name for name, network in self._kept.items() if network]

    def predict(self, batch: Mapping[str, Any], combination: str) -> list:
        """Return the data samples of a batch that has one combination.

        Args:
            batch: Normalised ``inputs`` and ``data_samples``.
            combination: Such as ``rgb+depth``.
        """
        if told_to(self.network, False):  # the bare base is asked
            return predict(self.network, batch)
        network, is_due = self._find(combination)
        if is_due:
            return self._fold(batch, combination)
        return predict(network or self.network, batch)

    def _weights(self) -> list[Any]:
        """Return what changes when weights do, or settings."""
        weights = [
            (id(tensor), *version_of(tensor))
            for module in self._modules
            for tensors in (module._parameters, module._buffers)
            for tensor in tensors.values()
            if tensor is not None
        ]
        network = self.network
        dicts = [repr(vars(network).get(key)) for key in ('fill', 'test_cfg')]
        settings = [values.get(key) for values, key in self._settings]
        return [*weights, *dicts, *settings]

    def _find(self, combination: str) -> tuple[nn.Module | None, bool]:
        """Return the network, and whether it is to be made."""
        state = self._weights()
        with self._lock:
            if state != self._state:
                self._kept.clear()
                self._state, self._last = state, ''
            is_again, self._last = self._last == combination, combination
            if combination in self._kept:
                self._kept.move_to_end(combination)
                return self._kept[combination], False
            is_due = is_again and self._is_adapted and self.most > 0
            if is_due:  # nobody else begins meanwhile
                self._keep(combination, None)
            return None, is_due

    def _keep(self, combination: str, network: nn.Module | None) -> None:
        self._kept[combination] = network
        self._kept.move_to_end(combination)
        folded = [name for name, kept in self._kept.items() if kept]
        for name in folded[: max(0, len(folded) - self.most)]:
            del self._kept[name]

    def _fold(self, batch: Mapping[str, Any], combination: str) -> list:
        state = self._weights()
        expected = predict(self.network, batch)
        try:
            network = folded(self.network, combination)
            apart = _apart(self.network, network, batch)
        except (ValueError, RuntimeError) as error:
            self._say(combination, str(error))
            return expected
        if not apart <= TOLERANCE:
            self._say(combination, f'its logits are {apart:.2g} apart')
            return expected
        with self._lock:
            if state == self._state == self._weights():
                self._keep(combination, network)
        return expected

    def _say(self, combination: str, why: str) -> None:
        text = f'{combination} runs unfolded: {why}'
        print_log(text, logger='current', level=logging.WARNING)


def folded(network: nn.Module, combination: str) -> nn.Module:
    """Return a plain copy of a network for one combination."""
    plain = copy.deepcopy(network)
    device = next(network.parameters()).device
    size = 1, network.stack.num_channels, 64, 64
    with torch.inference_mode(False), torch.enable_grad():
        image = torch.zeros(size, device=device)
        fold_network(plain, combination, image)
    return plain.requires_grad_(False)


def predict(network: nn.Module, batch: Mapping[str, Any]) -> list:
    """Return copies of data samples with the masks that a network predicts."""
    return masks_of(network, batch['inputs'], _told(network, batch))


def _told(network: nn.Module, batch: Mapping[str, Any]) -> list:
    samples: Sequence = batch['data_samples']
    metas = [sample.metainfo for sample in samples]
    return restrict(samples, of_samples(metas, network.stack))


def _apart(one: nn.Module, other: nn.Module, batch: Mapping) -> float:
    """Return how far the logits of two networks are apart."""
    first, second = (
        network(batch['inputs'], _told(network, batch), mode='tensor')
        for network in (one, other)
    )
    largest = first.abs().amax((1, 2, 3), keepdim=True).clamp(min=1e-6)
    return ((second - first).abs() / largest).max().item()
