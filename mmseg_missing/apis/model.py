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
from .checks import check_device, check_kinds, require
from .sentences import naming

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
    with naming('model', cfg.filename):
        model = MODELS.build(cfg.model)
    load_weights(model, found, checkpoint, adapter)
    model.cfg, model.dataset_meta = cfg, found['meta'].get('dataset_meta')
    compare_classes(found, _stated_classes(cfg), checkpoint)
    return model.to(device).eval()


def load_config(path: str | Path, options: Mapping | None = None) -> Config:
    """Read the config file of a network and override keys.

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
        elif len(found) > 1 or found[0]['rows'] == 'table':
            # A file may be a cut: some rows of a network, as a table.
            adapter_config(cfg).update(_rows_config(found))
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
    if first.get('root'):
        raise ValueError(
            f'this file adapts {first["root"]!r} alone; give the config that '
            'it was trained with'
        )
    return {
        'type': first['method'],
        **first.get('options', {}),
        'sites': {name: width for name, _, width in first['sites']},
        'batch_major': [exactly(n) for n in first.get('batch_major', ())],
        **_rows_config(found),
    }


def _rows_config(found: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the row mode and the combinations of these files."""
    first = found[0]
    rows = {'type': first['rows'], **first.get('row_options', {})}
    names = [name for metadata in found for name in metadata['combinations']]
    return {
        'rows': rows if len(found) == 1 else 'table',
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
    return (
        cfg.model.get('adapter') is not None
        or cfg.model.backbone.get('type') == 'AdaptedBackbone'
    )


def adapter_config(cfg: Config) -> Any:
    """Return `model.adapter` or `model.backbone.adapter`; an empty one is one.

    None: there are no adapters.
    """
    adapter = cfg.model.get('adapter')
    return cfg.model.backbone.get('adapter') if adapter is None else adapter


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
    files = _as_list(adapter)
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
    if roots[name] is not model and not rows:
        warnings.warn(
            f'{str(files[0])!r} adapts the {name} alone; what else its run '
            'trained (the head) is in the joined checkpoint, not in '
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


def network_of(model: nn.Module) -> nn.Module:
    """Return the segmentor inside of wrappers for DDP and augmentation."""
    model = model.module if is_model_wrapper(model) else model
    return getattr(model, 'module', model)


def check_classes(
    model: nn.Module,
    dataset: Dataset,
    checkpoint: Mapping[str, Any] | None = None,
    path: str | Path = '',
) -> None:
    """Refuse a head or a checkpoint that knows other classes than the labels.

    Args:
        model: The segmentor.
        dataset: Where its classes matter; without any all is well.
        checkpoint: What the network comes from.
        path: Of the checkpoint.

    Raises:
        ValueError: another number of classes, or another order.
    """
    classes = dataset.metainfo.get('classes') or ()
    if classes and model.num_classes != len(classes):
        raise ValueError(
            f'the head tells {model.num_classes} classes apart, but the data '
            f'set has {len(classes)}; set `model.decode_head.num_classes`'
        )
    if checkpoint is not None:
        compare_classes(checkpoint, classes, path)


def compare_classes(
    checkpoint: Mapping[str, Any],
    classes: Sequence[str],
    path: str | Path,
    learns: bool = False,
) -> None:
    """Compare classes with those of a checkpoint, if it says them.

    Args:
        checkpoint: With MMEngine's ``meta``.
        classes: Of the data set; empty: unknown.
        path: Of the checkpoint.
        learns: The head trains on, so their number may differ.

    Raises:
        ValueError: more, fewer, or the same in another order.
    """
    meta = checkpoint.get('meta') or {}
    known = (meta.get('dataset_meta') or {}).get('classes')
    known = known or meta.get('CLASSES') or ()
    is_list = isinstance(known, (list, tuple))
    if not is_list or not known or not classes:
        return
    differ = [i for i, (a, b) in enumerate(zip(known, classes)) if a != b]
    moved = [i for i in differ if known[i] in classes or classes[i] in known]
    if moved and (not learns or set(known) == set(classes)):
        i = moved[0]
        raise ValueError(
            f'{str(path)!r} knows the classes in another order: number {i} '
            f'is {known[i]!r} there, {classes[i]!r} in the data set; give '
            'the data set the `metainfo.classes` of the training'
        )
    if len(known) != len(classes) and not learns:
        raise ValueError(
            f'{str(path)!r} knows {len(known)} classes, the data set has '
            f'{len(classes)}; give the data set the `metainfo.classes` of '
            'the training'
        )
    if differ and not learns:
        i = differ[0]
        warnings.warn(
            f'{str(path)!r} calls class {i} {known[i]!r}, the data set '
            f'{classes[i]!r}; scores mean something if both are one',
            stacklevel=2,
        )


def _stated_classes(cfg: Config) -> Sequence[str]:
    """Return the classes that the config of a test states, or none."""
    dataset = (cfg.get('test_dataloader') or {}).get('dataset') or {}
    metainfo = dataset.get('metainfo') or {}
    return metainfo.get('classes') or () if isinstance(metainfo, dict) else ()


def _joined(state: Mapping[str, torch.Tensor]) -> bool:
    return any('adapters.rows.' in key for key in state)
