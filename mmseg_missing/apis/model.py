"""From a config and checkpoints to a network that is ready to run.

A checkpoint is a base (no adapters), a joined one (base and adapters) or a
folded one (adapters dissolved for one combination).
"""

from __future__ import annotations

import copy
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmseg.registry import MODELS
from torch import nn

from ..adapters import (
    adapted,
    adapter_prefixes,
    check_finite,
    load_adapter,
    load_adapters,
    load_base,
    read_adapter,
)
from ..engine.checkpoints import read_checkpoint
from ..fill import with_networks
from ..monitoring import POLICIES, Watch, load_monitor
from ..remote import Remote, located
from ..startup.adapter_configs import (
    adapter_config,
    adapter_of,
    check_folded,
    has_adapter,
    predictors_of,
    rows_of,
)
from ..startup.checks import check_device, check_kinds, require
from ..startup.classes import compare_classes, stated_classes
from ..startup.config_files import find_config
from ..startup.sentences import naming_section

# One adapter file, several that are joined into a table, or none.
AdapterFile: TypeAlias = str | Path | Remote
AdapterFiles: TypeAlias = AdapterFile | Sequence[AdapterFile] | None


def init_model(
    config: str | Path | Config,
    checkpoint: str | Path,
    adapter: AdapterFiles = None,
    device: str = 'cpu',
    trust: bool = False,
) -> nn.Module:
    """Build a segmentor in evaluation mode with its weights.

    Args:
        config: Config of the base or of its adapted sibling, or its file or
            name; it is kept as it is.
        checkpoint: A base, a joined or a folded one; a path or an address
            (``https://``, ``s3://``, ...).
        adapter: Adapter file, or several for different combinations, by
            path or address; its adapters are attached when the config has
            none.
        device: Where it runs.
        trust: Let the checkpoint run code, should it hold any.

    Raises:
        FileNotFoundError: a file is not there.
        ValueError: files that do not belong together, a device that is not
            there, or a checkpoint that holds more than data.

    >>> from mmseg_missing.apis import from_zoo
    >>> network = init_model(*from_zoo('scenes-tiny'))
    >>> network.stack.full, network.adapters.num_parameters
    ('rgb+depth+thermal', 28941)
    """
    check_device(device)
    if isinstance(config, Config):
        cfg = copy.deepcopy(config)
    else:
        cfg = load_config(config)
    found, adapter = read_checkpoint(checkpoint, trust), adapter_list(adapter)
    configure(cfg, found, adapter)
    init_default_scope(cfg.get('default_scope', 'mmseg'))
    with naming_section('model', cfg.filename):
        model = MODELS.build(cfg.model)
    load_weights(model, found, checkpoint, adapter)
    model.cfg, model.dataset_meta = cfg, found['meta'].get('dataset_meta')
    compare_classes(found, stated_classes(cfg), checkpoint)
    return model.to(device).eval()


def load_config(path: str | Path, options: Mapping | None = None) -> Config:
    """Read the config of a network, by path or name, and override keys.

    Raises:
        FileNotFoundError: no such file.
        TypeError: a section of another kind than MMEngine takes.
        ValueError: a file without a network, or one that cannot be run.
    """
    cfg = read_config(path, options)
    require(cfg, 'model.backbone')
    check_kinds(cfg)
    return cfg


def read_config(path: str | Path, options: Mapping | None = None) -> Config:
    """Read any config, by path or name, and override keys.

    Raises:
        FileNotFoundError: no such file.
        ValueError: a file that cannot be run.
    """
    path = find_config(path)
    try:
        cfg = Config.fromfile(str(path))
    except Exception as error:  # a config is a program of the user's
        raise ValueError(
            f'config {str(path)!r} cannot be read: {error}'
        ) from error
    try:
        cfg.merge_from_dict(dict(options or {}))
    except (KeyError, TypeError, AttributeError, IndexError) as error:
        raise ValueError(
            f'--cfg-options {dict(options or {})} do not fit '
            f'{str(path)!r}: {error}'
        ) from error
    return cfg


def configure(
    cfg: Config,
    checkpoint: Mapping[str, Any],
    adapter: AdapterFiles = None,
) -> None:
    """Let ``cfg.model`` build the network that takes these files, in place.

    Raises:
        ValueError: an adapter file for a folded checkpoint, or a joined
            checkpoint for a config without adapter.
    """
    folded = (checkpoint.get('meta') or {}).get('folded')
    files = adapter_list(adapter)
    if folded and files:
        raise ValueError(
            'a folded checkpoint contains its adapter; leave `--adapter` out'
        )
    if folded:
        check_folded(checkpoint['meta'])
        cfg.model.folded = folded
        cfg.model.adapter = cfg.model.teacher = cfg.model.trainable = None
        cfg.model.generator = cfg.model.imputer = cfg.model.degrade = None
        words = checkpoint['meta'].get('fill', 'zero')
        cfg.model.fill = with_networks(words, cfg.model.get('fill'))
        if cfg.model.backbone.type == 'AdaptedBackbone':
            cfg.model.backbone = cfg.model.backbone.backbone
    elif files:
        found = [read_adapter(path)[0] for path in files]
        if not has_adapter(cfg):
            cfg.model.adapter = adapter_of(found)
        elif len(found) > 1 or found[0]['rows'] == 'table':
            # A file may be a cut: some rows of a network, as a table.
            adapter_config(cfg).update(rows_of(found))
        cfg.model.update(predictors_of(found))
        # The rows were learnt for this fill.
        given = cfg.model.get('fill', 'zero')
        words = found[0].get('fill') or given
        cfg.model.fill = with_networks(words, given)
    elif not has_adapter(cfg) and _joined(checkpoint['state_dict']):
        raise ValueError(
            'this checkpoint holds adapters but the config has none; use the '
            'config that it was trained with'
        )


def watch_of(
    model: nn.Module, monitor: AdapterFiles, policy: str
) -> Watch | None:
    """Return what judges the sensors of a network; None: nobody has to.

    Args:
        model: Network with adapters and the base's weights.
        monitor: An adapter file with clean statistics.
        policy: Key of :data:`~mmseg_missing.monitoring.POLICIES`.

    Raises:
        ValueError: unknown policy, no file, none with clean statistics,
            those of another network, or ``recover`` for a network that
            cannot.
    """
    POLICIES.find('policy', policy)
    if policy == 'trust':
        return None
    roots, files = [*adapted(model)], adapter_list(monitor)
    if not files or not roots:
        raise ValueError(
            f'the policy {policy!r} needs an adapter file with clean '
            'statistics, got none; make one by `mmseg-missing fit`, add them '
            'by `mmseg-missing fit --by monitor`, and give it as `--adapter`'
        )
    if policy == 'recover' and not model.recovers:
        raise ValueError(
            "the policy 'recover' needs a network that learnt to; train one "
            "with `model.generator=dict(type='ConvGenerator', recovers=True)` "
            "and `model.degrade=dict(rate=0.5)`, or take 'drop'"
        )
    return Watch(load_monitor(roots[0][1], files[0]), policy)


def adapter_list(adapter: AdapterFiles) -> list[Any]:
    """Return the files, each a ``Path`` or what has its methods."""
    if adapter is None:
        return []
    if isinstance(adapter, (str, Path, Remote)):
        adapter = [adapter]
    return [located(file) for file in adapter]


def load_weights(
    model: nn.Module,
    checkpoint: Mapping[str, Any],
    path: str | Path,
    adapter: AdapterFiles = None,
) -> None:
    """Load a checkpoint strictly, its rows or those of adapter files.

    Rows of both are never mixed.

    Raises:
        ValueError: keys that differ, or an adapter file for another network.
    """
    state = checkpoint['state_dict']
    prefixes = adapter_prefixes(model)
    base = {k: v for k, v in state.items() if not k.startswith(prefixes)}
    load_base(model, base, path)
    rows = {k: v for k, v in state.items() if k not in base}
    files = adapter_list(adapter)
    if not files:
        _load_rows(model, rows, path)
        return
    roots = dict(adapted(model))
    names = {read_adapter(path)[0].get('root', '') for path in files}
    name = names.pop()
    if names or name not in roots:
        raise ValueError(
            f'{str(files[0])!r} adapts {name!r}, the config {sorted(roots)}; '
            'check `model.adapter`'
        )
    if len(files) == 1:
        load_adapter(roots[name], files[0])
    else:
        load_adapters(roots[name], files)
    besides = ', '.join(roots[name].adapters.trainable) or 'the head'
    is_alone = roots[name] is model and not roots[name].adapters.trainable
    if not (is_alone or rows):
        warnings.warn(
            f'{str(files[0])!r} holds adapters alone; what else its run '
            f'trained ({besides}) is in the joined checkpoint, not in '
            f'{str(path)!r}',
            stacklevel=2,
        )


def _load_rows(
    model: nn.Module, rows: Mapping[str, torch.Tensor], path: str | Path
) -> None:
    """Load the adapters of a joined checkpoint."""
    own = model.state_dict()
    for key, value in rows.items():
        if key not in own or value.shape != own[key].shape:
            raise ValueError(
                f'{str(path)!r} holds adapters for other sites or '
                f'combinations ({key}); use the config that it was trained '
                'with'
            )
    prefixes = adapter_prefixes(model)
    lacking = [k for k in own if k.startswith(prefixes) and k not in rows]
    if rows and prefixes and lacking:
        raise ValueError(
            f'{str(path)!r} holds a part of its adapters only, {lacking[0]} '
            'is missing; use the config that it was trained with'
        )
    check_finite(rows, path)
    model.load_state_dict(rows, strict=False)


def _joined(state: Mapping[str, torch.Tensor]) -> bool:
    return any('adapters.rows.' in key for key in state)
