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
from mmengine.model import is_model_wrapper
from mmengine.registry import init_default_scope
from mmseg.registry import MODELS
from torch import nn
from torch.utils.data import Dataset

from ..adapters import (
    METHODS,
    adapted,
    adapter_prefixes,
    check_finite,
    exactly,
    is_name,
    load_adapter,
    load_adapters,
    load_base,
    method_options,
    read_adapter,
)
from ..engine.checkpoints import read_checkpoint
from .checks import check_device, require

# One adapter file, several that are joined into a table, or none.
AdapterFiles: TypeAlias = str | Path | Sequence[str | Path] | None


def init_model(
    config: str | Path | Config,
    checkpoint: str | Path,
    adapter: AdapterFiles = None,
    device: str = 'cpu',
    trust: bool = False,
) -> nn.Module:
    """Build a segmentor in evaluation mode with its weights.

    Args:
        config: Config of the base or of its adapted sibling; it is kept as
            it is.
        checkpoint: A base, a joined or a folded one.
        adapter: Adapter file, or several for different combinations; its
            adapters are attached when the config has none.
        device: Where it runs.
        trust: Let the checkpoint run code, should it hold any.

    Raises:
        FileNotFoundError: a file is not there.
        ValueError: files that do not belong together, a device that is not
            there, or a checkpoint that holds more than data.
    """
    check_device(device)
    is_read = isinstance(config, Config)
    cfg = copy.deepcopy(config) if is_read else load_config(config)
    found = read_checkpoint(checkpoint, trust)
    configure(cfg, found, adapter)
    init_default_scope(cfg.get('default_scope', 'mmseg'))
    model = MODELS.build(cfg.model)
    load_weights(model, found, checkpoint, adapter)
    model.cfg = cfg
    return model.to(device).eval()


def load_config(path: str | Path, options: Mapping | None = None) -> Config:
    """Read the config file of a network and override keys.

    Raises:
        FileNotFoundError: no such file.
        ValueError: a file without a network, or one that cannot be run.
    """
    cfg = read_config(path, options)
    require(cfg, 'model.backbone')
    return cfg


def read_config(path: str | Path, options: Mapping | None = None) -> Config:
    """Read any config file and override keys.

    Raises:
        FileNotFoundError: no such file.
        ValueError: a file that cannot be run.
    """
    if not Path(path).is_file():
        raise FileNotFoundError(f'no config file {str(path)!r}')
    try:
        cfg = Config.fromfile(str(path))
    except Exception as error:  # a config is a program of the user's
        raise ValueError(
            f'config {str(path)!r} cannot be read: {error}'
        ) from error
    cfg.merge_from_dict(dict(options or {}))
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
    files = _as_list(adapter)
    if folded and files:
        raise ValueError(
            'a folded checkpoint contains its adapter; leave `--adapter` out'
        )
    if folded:
        _check_folded(checkpoint['meta'])
        cfg.model.folded = folded
        cfg.model.adapter = cfg.model.teacher = None
        cfg.model.fill = checkpoint['meta'].get('fill', 'zero')
        if cfg.model.backbone.type == 'AdaptedBackbone':
            cfg.model.backbone = cfg.model.backbone.backbone
    elif files:
        found = [read_adapter(path)[0] for path in files]
        if not has_adapter(cfg):
            cfg.model.adapter = _adapter_config(found)
        # The rows were learnt for this fill.
        cfg.model.fill = found[0].get('fill') or cfg.model.get('fill', 'zero')
    elif not has_adapter(cfg) and _joined(checkpoint['state_dict']):
        raise ValueError(
            'this checkpoint holds adapters but the config has none; use the '
            'config that it was trained with'
        )


def _check_folded(meta: Mapping[str, Any]) -> None:
    """Refuse what no folded checkpoint says.

    Raises:
        ValueError: an entry of a wrong kind.
    """
    folded, kinds = meta['folded'], {'fill': dict, 'combination': str}
    is_right = isinstance(folded, dict) and all(
        isinstance(value, kinds.get(key, list))
        for key, value in folded.items()
    )
    if is_right:
        names = [n for key in ('biases', 'norms') for n in folded.get(key, ())]
        vectors = folded.get('fill', {}).values()
        is_right = all(isinstance(name, str) for name in names) and all(
            isinstance(vector, list) and _is_finite(vector)
            for vector in vectors
        )
    if not (is_right and isinstance(meta.get('fill', ''), (str, dict))):
        raise ValueError(
            'this folded checkpoint is damaged: what it says of itself '
            'cannot be; fold again with tools/fold_adapter.py'
        )


def _is_finite(numbers: Sequence[Any]) -> bool:
    return all(type(n) in (int, float) and abs(n) < 2**63 for n in numbers)


def _adapter_config(found: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the `model.adapter` that takes files with this metadata.

    What they say is not trusted: of the methods only those of this package
    are taken, of the patterns only names.
    """
    first = found[0]
    _check_method(first['method'], first.get('options', {}))
    rows = {'type': first['rows'], **first.get('row_options', {})}
    names = [name for metadata in found for name in metadata['combinations']]
    if first.get('root'):
        raise ValueError(
            f'this file adapts {first["root"]!r} alone; give the config that '
            'it was trained with'
        )
    return {
        'type': first['method'],
        **first.get('options', {}),
        'rows': rows if len(found) == 1 else 'table',
        'sites': {name: width for name, _, width in first['sites']},
        'batch_major': [exactly(n) for n in first.get('batch_major', ())],
        # Additive rows serve more than they were trained for.
        'combinations': list(dict.fromkeys(names))
        if all(metadata['rows'] == 'table' for metadata in found)
        else None,
    }


def _check_method(name: str, options: Mapping[str, Any]) -> None:
    """Refuse what a file may not choose by itself.

    Raises:
        ValueError: a method of somebody else, or options that it lacks or
            that name layers by patterns.
    """
    remedy = 'give the config that it was trained with'
    methods = {method.__name__: method for method in METHODS}
    if name not in methods:
        raise ValueError(
            f'this file is for adapters of type {name!r}, which is none of '
            f'this package; {remedy}'
        )
    strange = sorted(set(options) - set(method_options(methods[name])))
    if strange:
        raise ValueError(
            f'this file has options that {name} lacks, {strange}; {remedy}'
        )
    for key, value in options.items():
        if not isinstance(value, Mapping):
            continue
        if not all(map(is_name, value)):
            raise ValueError(
                f'this file names layers by patterns in its {key}; {remedy}'
            )
        if not all(_is_finite([n]) and n > 0 for n in value.values()):
            raise ValueError(
                f'this file has something else than positive numbers in its '
                f'{key}; {remedy}'
            )


def _as_list(adapter: AdapterFiles) -> list[str | Path]:
    if adapter is None:
        return []
    return [adapter] if isinstance(adapter, (str, Path)) else list(adapter)


def has_adapter(cfg: Config) -> bool:
    """Say whether the config's model or backbone is adapted."""
    return bool(
        cfg.model.get('adapter')
        or cfg.model.backbone.get('type') == 'AdaptedBackbone'
    )


def load_weights(
    model: nn.Module,
    checkpoint: Mapping[str, Any],
    path: str | Path,
    adapter: AdapterFiles = None,
) -> None:
    """Load a checkpoint strictly, then the adapter file over its rows.

    Raises:
        ValueError: keys that differ, or an adapter file for another network.
    """
    state = checkpoint['state_dict']
    prefixes = adapter_prefixes(model)
    base = {k: v for k, v in state.items() if not k.startswith(prefixes)}
    load_base(model, base, path)
    rows = {k: v for k, v in state.items() if k not in base}
    own = model.state_dict()
    wrong = [
        k for k, v in rows.items() if k not in own or v.shape != own[k].shape
    ]
    if wrong:
        raise ValueError(
            f'{str(path)!r} holds adapters for other sites or combinations '
            f'({wrong[0]}); use the config that it was trained with'
        )
    lacking = [k for k in own if k.startswith(prefixes) and k not in rows]
    if rows and prefixes and lacking:
        raise ValueError(
            f'{str(path)!r} holds a part of its adapters only, {lacking[0]} '
            'is missing; use the config that it was trained with'
        )
    check_finite(rows, path)
    model.load_state_dict(rows, strict=False)
    files = _as_list(adapter)
    if not files:
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
    if roots[name] is not model and not rows:
        warnings.warn(
            f'{str(files[0])!r} adapts the {name} alone; what else its run '
            'trained (the head) is in the joined checkpoint, not in '
            f'{str(path)!r}',
            stacklevel=2,
        )


def network_of(model: nn.Module) -> nn.Module:
    """Return the segmentor inside of wrappers for DDP and augmentation."""
    model = model.module if is_model_wrapper(model) else model
    return getattr(model, 'module', model)


def check_classes(model: nn.Module, dataset: Dataset) -> None:
    """Refuse labels that the head has no output for, before training.

    Raises:
        ValueError: another number of classes.
    """
    num_classes = len(dataset.metainfo['classes'])
    if model.num_classes != num_classes:
        raise ValueError(
            f'the head tells {model.num_classes} classes apart, but the data '
            f'set has {num_classes}; set `model.decode_head.num_classes`'
        )


def _joined(state: Mapping[str, torch.Tensor]) -> bool:
    return any('adapters.rows.' in key for key in state)
