"""From a config to adapters: the registered methods and the wrapper."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from mmseg.registry import MODELS
from torch import nn

from ..adapters import Adapter, attach, method_options, thaw
from ..modality import Modality, Stack
from ..registry import METHODS
from ..values import listed
from ..values import part as checked_part
from .text_files import with_vectors
from .utils.building import build_part

# Keys of `model.adapter` that go for the whole network.
ONCE = ('combinations', 'rows', 'batch_major')


@MODELS.register_module()
def AdaptedBackbone(
    backbone: Mapping[str, Any],
    adapter: Mapping[str, Any] | Sequence[Mapping[str, Any]],
    stack: Sequence[Modality | Mapping[str, Any]],
) -> nn.Module:
    """Build a backbone, freeze it and hang adapters on it.

    It returns that same backbone, so its names stay and a checkpoint of it
    loads. It needs a segmentor that tells it what is present (one with
    :class:`MissingModalityMixin`). Only the backbone is frozen: necks and
    heads learn on; ``adapter`` in the segmentor freezes them too.

    Args:
        backbone: Config of any backbone.
        adapter: See :class:`MissingModalityMixin`.
        stack: The modalities of the stacked input.

    Returns:
        The backbone, with a child ``adapters``.

    >>> network = AdaptedBackbone(
    ...     dict(type='CMNeXt', variant='b0', in_channels=(3, 1)),
    ...     dict(type='ScaleShift'),
    ...     [dict(name='rgb'), dict(name='depth', channels=1)],
    ... )
    >>> type(network).__name__, network.adapters.rows.names
    ('CMNeXt', ('rgb', 'depth'))
    """
    network = build_part('backbone.backbone', backbone)
    attach_from_config(network, Stack(stack), adapter)
    return network


def attach_from_config(
    root: nn.Module,
    stack: Stack,
    adapter: Mapping[str, Any] | Sequence[Mapping[str, Any]],
    within: Sequence[str] = (),
) -> None:
    """Attach adapters as ``dict(type=..., sites=..., ...)`` says.

    Of a list of such dicts the first says what is said once for a network
    (:data:`ONCE`).

    Raises:
        TypeError: an entry of another kind than adapters take.
        ValueError: an unknown method or key, or what ``attach`` raises.
    """
    entries = [dict(entry) for entry in _entries(adapter)]
    once = {key: entries[0].pop(key) for key in ONCE if key in entries[0]}
    _check_types(once)
    if 'rows' in once:
        once['rows'] = with_vectors(once['rows'])
    for entry in entries:
        _check_entry(entry, entry is entries[0])
    majors = [*once.pop('batch_major', ()), *declared_batch_major(root)]
    declare_channel_dims(root)
    attach(root, stack, entries, within=within, batch_major=majors, **once)


def first_entry(adapter: Any) -> Any:
    """Return the entry of `model.adapter` that has the keys of ``ONCE``."""
    return adapter[0] if isinstance(adapter, (list, tuple)) else adapter


def _entries(adapter: Any) -> Sequence[Mapping[str, Any]]:
    entries = adapter if isinstance(adapter, (list, tuple)) else [adapter]
    if not entries or not all(isinstance(e, Mapping) for e in entries):
        raise ValueError(
            "`model.adapter` takes a dict such as dict(type='ScaleShift'), or "
            f'a list of them, got {adapter!r}'
        )
    return entries


def _check_entry(entry: dict[str, Any], is_first: bool) -> None:
    """Find the method of an entry, in place, and check its keys."""
    given = entry.get('type', 'ScaleShift')
    method = _find_method(given) if isinstance(given, str) else given
    if not (isinstance(method, type) and issubclass(method, Adapter)):
        METHODS.module_dict.find('model.adapter.type', given)
    entry['type'] = method
    known = {'sites', *method_options(method)}
    strange = sorted(set(entry) - known - {'type'})
    if strange:
        owners = ''.join(
            f'; {other.__name__} has `{key}`'
            for key in strange
            for other in METHODS.module_dict.values()
            if key in method_options(other)
        )
        if not is_first and set(strange) & {*ONCE}:
            owners += f'; {", ".join(ONCE)} stand in the first of the list'
        known |= {*ONCE} if is_first else set()
        raise ValueError(
            f'unknown keys {strange} in `model.adapter`; {method.__name__} '
            f'takes type, {", ".join(sorted(known))}{owners}'
        )
    _check_types(entry)


def thaw_parts(segmentor: nn.Module, trainable: Any, teacher: Any) -> None:
    """Let what ``model.trainable`` names learn on beside the adapters.

    Raises:
        TypeError: no list of names.
        ValueError: a name without a module, a segmentor that is not frozen,
            or whose teacher would learn with it.
    """
    patterns = listed(
        'model.trainable', () if trainable is None else trainable, str
    )
    if not patterns:
        return
    if not hasattr(segmentor, 'adapters'):
        raise ValueError(
            '`model.trainable` names what learns beside `model.adapter`, '
            'which is not set; without it all but the backbone of an '
            'AdaptedBackbone learns'
        )
    if teacher:
        raise ValueError(
            'a teacher is the frozen base, head included; leave '
            '`model.trainable` or `model.teacher` out'
        )
    thaw(segmentor, patterns)


def _find_method(name: str) -> Any:
    try:
        return METHODS.get(name)
    except RuntimeError:  # how newer MMEngines say that there is none
        return None


def _check_types(settings: Mapping[str, Any]) -> None:
    """Check the keys that go with every method."""
    for name, is_optional in (
        ('sites', True),
        ('combinations', True),
        ('batch_major', False),
    ):
        key, value = f'model.adapter.{name}', settings.get(name)
        # A file of names, or names with widths, as adapter files have them.
        is_file = name == 'sites' and isinstance(value, (str, Mapping))
        is_default = is_optional and value is None
        if name in settings and not (is_file or is_default):
            for text in listed(key, value, str):
                if not text:
                    raise ValueError(f'`{key}` has an empty entry')
    rows = settings.get('rows')
    if rows is not None and not isinstance(rows, str):
        checked_part('model.adapter.rows', rows)


def declared_batch_major(root: nn.Module) -> Iterator[str]:
    """Yield patterns of layers that see several entries per sample.

    A backbone declares them in a class attribute ``batch_major_sites``
    (relative to itself); for Swin of MMSegmentation they are known.
    """
    for name, module in root.named_modules():
        declared = getattr(module, 'batch_major_sites', ())
        if type(module).__name__ == 'WindowMSA':
            declared = ('.*',)
        for pattern in declared:
            yield (name.replace('.', r'\.') + r'\.' if name else '') + pattern


def declare_channel_dims(root: nn.Module) -> None:
    """Say where the channels of the norms in ConvNeXt of mmpretrain lie.

    They are LayerNorm2d, whose caller decides: last in a block with linear
    pointwise layers, first elsewhere.
    """
    for part in _of_kind(root, 'ConvNeXt'):
        for norm in _of_kind(part, 'LayerNorm2d'):
            norm.channel_dim = 1
        for block in _of_kind(part, 'ConvNeXtBlock'):
            for norm in _of_kind(block, 'LayerNorm2d'):
                norm.channel_dim = -1 if block.linear_pw_conv else 1


def _of_kind(root: nn.Module, kind: str) -> Iterator[nn.Module]:
    return (m for m in root.modules() if type(m).__name__ == kind)
