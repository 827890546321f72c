"""From the config of a network to that of one with fewer modalities."""

from __future__ import annotations

from collections.abc import (
    Iterator,
    MutableMapping,
    MutableSequence,
    Sequence,
)
from typing import Any

from mmengine.config import Config

from ..modality import Stack
from .adapter_configs import has_adapter
from .checks import require

# Where a config states the stack; the package's classes use no other keys.
STACK_KEYS = ('stack', 'modalities')


def keep_modalities(cfg: Config, combination: str) -> None:
    """Let a config build, train and test a dedicated network, in place.

    The stack is cut down wherever the config states it, and so is
    ``model.backbone.in_channels``.

    Args:
        cfg: Config of a network without adapters.
        combination: The modalities that it shall know, such as ``rgb+depth``.

    Raises:
        ValueError: an unknown modality, or a network with adapters.
    """
    if has_adapter(cfg):
        raise ValueError(
            '--modalities makes a dedicated network, which has nothing to '
            'adapt; give the sibling config without adapter'
        )
    stack = Stack(require(cfg, 'model.stack'))
    keep = stack.present(combination)[0].tolist()
    names = [name for name, kept in zip(stack.names, keep) if kept]
    _cut(cfg._cfg_dict, names)
    if cfg.get('val_cfg'):  # its combinations may name what is cut
        cfg.val_cfg.pop('present', None)
    backbone = cfg.model.backbone
    channels = backbone.get('in_channels')
    if isinstance(channels, Sequence) and _count(channels) == len(stack):
        backbone.in_channels = _kept(channels, iter(keep))
    sources = backbone.get('streams_from')
    if sources:
        backbone.streams_from = [s for s, kept in zip(sources, keep) if kept]


def _count(channels: Sequence[int | Sequence[int]]) -> int:
    return sum(1 if isinstance(c, int) else len(c) for c in channels)


def _kept(
    channels: Sequence[int | Sequence[int]], keep: Iterator[bool]
) -> list:
    """Return the channels of kept modalities; a list shares a stream."""
    kept = [
        (c if next(keep) else 0) if isinstance(c, int) else _kept(c, keep)
        for c in channels
    ]
    return [c for c in kept if c]


def _cut(node: Any, names: list[str]) -> None:
    """Keep the named entries of every stack below ``node``."""
    if isinstance(node, MutableMapping):
        for key, value in node.items():
            if key in STACK_KEYS and isinstance(value, MutableSequence):
                node[key] = [m for m in value if _name(m) in names]
            elif key == 'absence' and isinstance(value, MutableMapping):
                kept = {'seed', *names}
                node[key] = {k: v for k, v in value.items() if k in kept}
            else:
                _cut(value, names)
    elif isinstance(node, (MutableSequence, tuple)):
        for entry in node:
            _cut(entry, names)


def _name(modality: Any) -> Any:
    return modality if isinstance(modality, str) else modality.get('name')
