"""Write the plain network of one combination."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import torch
from mmengine.config import Config
from mmseg.registry import MODELS
from torch import nn

from ..adapters import adapted, fold_network
from ..startup.checks import check_can_be_written, require
from ..version import __version__
from .model import AdapterFiles, configure, init_model


def fold_checkpoint(
    cfg: Config,
    checkpoint: str | Path,
    out: str | Path,
    combination: str,
    adapter: AdapterFiles = None,
    keep_norms: bool = False,
) -> dict[str, Any]:
    """Dissolve adapters and BatchNorms, and write checkpoint and config.

    Args:
        cfg: Config of the base or its sibling; it is kept as it is.
        checkpoint: A base or a joined one.
        out: Checkpoint to write; its config is written beside it.
        combination: What will be present.
        adapter: Adapter file.
        keep_norms: Leave BatchNorms as they are.

    Returns:
        What was folded: ``combination``, ``biases``, ``norms``.
    """
    require(cfg, 'model.stack')
    check_can_be_written(cfg)
    cfg, out = copy.deepcopy(cfg), Path(out)
    model = init_model(cfg, checkpoint, adapter)
    image = torch.zeros(1, model.stack.num_channels, 64, 64)
    folded = fold_network(model, combination, None if keep_norms else image)
    meta = {
        'mmseg_missing_version': __version__,
        'folded': folded,
        'fill': model.fill,
        'dataset_meta': model.dataset_meta,
    }
    torch.save({'state_dict': model.state_dict(), 'meta': meta}, out)
    configure(cfg, {'meta': meta, 'state_dict': {}})
    cfg.dump(out.with_suffix('.py'))
    return folded


def folded_network(model: nn.Module, combination: str) -> nn.Module:
    """Return a plain network for one combination, the model left as it is.

    Args:
        model: From :func:`~mmseg_missing.apis.init_model`. One without
            adapters just sees no more than the combination.
        combination: What will be present.
    """
    twin = copy.deepcopy(model)
    if model.folded is not None:
        return twin
    if not any(adapted(model)):
        twin.folded = model.stack.canonical(combination)
        twin._only = model.stack.present(combination)
        return twin
    image = torch.zeros(1, model.stack.num_channels, 64, 64)
    meta = {
        'mmseg_missing_version': __version__,
        'folded': fold_network(twin, combination, image),
        'fill': model.fill,
    }
    cfg = copy.deepcopy(model.cfg)
    configure(cfg, {'meta': meta, 'state_dict': {}})
    network = MODELS.build(cfg.model)
    network.load_state_dict(twin.state_dict())
    return network.eval()
