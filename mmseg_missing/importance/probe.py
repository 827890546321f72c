"""The networks that an analysis looks at."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from mmseg.registry import MODELS
from torch import nn

from ..adapters import adapted, base_state, load_base
from ..benchmark.variants import is_wrapped, without_adapter


def networks_of(
    network: nn.Module, model: Mapping[str, Any]
) -> dict[str, nn.Module]:
    """Return ``base`` and, if the network has adapters, ``adapted``.

    Args:
        network: A segmentor with its weights.
        model: Its config.

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
    majors = (given.get('adapter') or {}).get('batch_major')
    if majors:
        adapter['batch_major'] = majors
    if is_wrapped(model):
        backbone = {**model['backbone'], 'adapter': adapter}
        probe = MODELS.build({**plain, 'backbone': backbone})
    else:
        probe = MODELS.build({**plain, 'adapter': adapter})
    load_base(probe, base_state(network), 'the network')
    return probe
