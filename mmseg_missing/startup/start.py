"""What a training stands on, looked at before it begins."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from mmengine.config import Config
from mmengine.dist import is_main_process
from torch import nn

from ..adapters import adapted, base_state
from ..datasets.options import modality_names
from .adapter_configs import adapter_config, has_adapter

NETWORK_FILE = 'network.json'
# Of a backbone, but not of the network that it makes.
VOLATILE = ('init_cfg', 'pretrained', 'with_cp', 'frozen_stages', 'norm_eval')


def base_of(cfg: Config) -> str | None:
    """Return the checkpoint that a run starts from, None: random weights."""
    for hook in cfg.get('custom_hooks') or ():
        if _is_joining(hook):
            is_dict = isinstance(hook, Mapping)
            base = hook.get('base') if is_dict else hook.base
            base = cfg.get('base') if base is None else base
            if not isinstance(base, str | None):
                raise TypeError(
                    f'`base` takes the path of a checkpoint, got {base!r}'
                )
            return base
    return cfg.get('load_from')


def set_base(cfg: Config, base: str | Path) -> None:
    """Let adapters stand on this checkpoint, whatever a hook says, in place.

    Raises:
        ValueError: a config without adapters.
    """
    if not has_adapter(cfg):
        raise ValueError(
            f'--base {str(base)!r} is what adapters stand on, but '
            f'{cfg.filename!r} has none; leave it out, or give the config '
            'with `model.adapter`'
        )
    for hook in cfg.get('custom_hooks') or ():
        if isinstance(hook, Mapping) and _is_joining(hook):
            hook.pop('base', None)
    cfg.base = str(base)


def _is_joining(hook: Any) -> bool:
    kind = hook.get('type') if isinstance(hook, Mapping) else hook
    kind = kind if isinstance(kind, str) else type(hook).__name__
    return kind.endswith('AdapterCheckpointHook')


def resumes(cfg: Config) -> bool:
    """Say whether a run continues one that left a checkpoint."""
    folder = Path(cfg.work_dir)
    has_run = any(folder.glob('*.pth'))
    return bool(cfg.get('resume')) and (has_run or bool(cfg.get('load_from')))


def check_start(cfg: Config) -> None:
    """Refuse adapters on random weights, which would stay as they are.

    A backbone that is adapted alone may bring pretrained weights of its own,
    because its head learns.

    Raises:
        ValueError: nothing brings weights.
    """
    if not has_adapter(cfg) or base_of(cfg) or resumes(cfg):
        return
    is_whole = cfg.model.get('adapter') is not None
    starts = cfg.model.get('init_cfg') if is_whole else cfg.model.backbone
    if 'Pretrained' in _types(starts):
        return
    raise ValueError(
        'adapters would stand on random weights, which are frozen; set '
        "`custom_hooks=[dict(type='AdapterCheckpointHook'), ...]` and `base` "
        '(--base), or `load_from`'
    )


def _types(node: Any) -> Iterator[str]:
    """Yield every `type` in a config."""
    if isinstance(node, Mapping):
        if isinstance(node.get('type'), str):
            yield node['type']
        if node.get('pretrained'):
            yield 'Pretrained'
        for value in node.values():
            yield from _types(value)
    elif isinstance(node, (list, tuple)):
        for value in node:
            yield from _types(value)


def check_folder(cfg: Config) -> None:
    """Refuse a work folder that holds another network's run.

    What the network is goes into a small file there.

    Raises:
        ValueError: another network.
    """
    path = Path(cfg.work_dir) / NETWORK_FILE
    ours = json.loads(json.dumps(describe_network(cfg), default=str))
    try:
        theirs = json.loads(path.read_text(encoding='utf-8'))
    except (OSError, ValueError):
        theirs = ours
    if isinstance(theirs, dict):
        for key in ours:
            if theirs.get(key) != ours[key]:
                raise ValueError(
                    f'{cfg.work_dir!r} holds the run of another network '
                    f'({key}: {_short(theirs.get(key))}, here '
                    f'{_short(ours[key])}); give another --work-dir, or '
                    'remove that folder'
                )
    if is_main_process():
        path.write_text(json.dumps(ours, indent=2) + '\n', encoding='utf-8')


def describe_network(cfg: Config) -> dict[str, Any]:
    """Return what tells a network from others, by the config alone."""
    model = cfg.model
    adapter = adapter_config(cfg)
    backbone = _plain(model.backbone)
    head = model.get('decode_head')
    if isinstance(head, (list, tuple)):  # of a cascade
        head = head[-1] if head else None
    return {
        'modalities': '+'.join(modality_names(model.get('stack') or ())),
        'segmentor': model.get('type'),
        'classes': head.get('num_classes') if head else None,
        'adapter': None
        if adapter is None
        else {
            'type': 'ScaleShift',
            **{k: v for k, v in adapter.items() if v is not None},
        },
        'backbone': backbone,
    }


def _plain(backbone: Mapping[str, Any]) -> dict[str, Any]:
    if backbone.get('type') == 'AdaptedBackbone':
        backbone = backbone['backbone']
    return {
        key: value
        for key, value in backbone.items()
        if not key.startswith('drop') and not key.endswith(VOLATILE)
    }


def _short(value: Any) -> str:
    text = str(value)
    return text if len(text) < 80 else text[:77] + '...'


def adapter_share(network: nn.Module) -> str:
    """Say how large the adapters of a network are beside it."""
    base = count_base(network)
    return '; '.join(
        f'adapters{f" of {name}" if name else ""}: {_share(root, base)}'
        for name, root in adapted(network)
    )


def _share(root: nn.Module, base: int) -> str:
    numbers = root.adapters.num_parameters
    shared = numbers - root.adapters.rows.width
    predict = f' ({shared:,} of them predict what is absent)' if shared else ''
    return (
        f'{numbers:,} numbers for a combination{predict}, '
        f'{numbers / base:.2%} of the network ({base:,} parameters)'
    )


def count_base(network: nn.Module) -> int:
    """Return how many parameters a network has without its adapters."""
    kept = base_state(network)
    return sum(p.numel() for n, p in network.named_parameters() if n in kept)
