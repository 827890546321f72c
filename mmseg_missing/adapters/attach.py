"""Hang adapters on a network, and freeze what they hang on."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from torch import nn

from ..modality import Stack
from .adapter import Adapter, modulate
from .bank import AdapterBank
from .methods import ScaleShift
from .sites import exactly, find_sites, matches

BANK = 'adapters'


def attach(
    root: nn.Module,
    stack: Stack,
    method: type[Adapter] = ScaleShift,
    sites: Sequence[str] | Mapping[str, int] | str | None = None,
    combinations: Sequence[str] | None = None,
    rows: str | Mapping[str, Any] | None = None,
    within: Iterable[str] = (),
    batch_major: Iterable[str] = (),
    **options: Any,
) -> AdapterBank:
    """Freeze ``root`` and hang an adapter on each of its sites.

    The network's own keys do not change; it gains those of a child named
    ``adapters``. Attach while the network is built, after any conversion of
    norms, and before the optimizer is.

    Args:
        root: Any network whose layers see the batch first.
        stack: The modalities.
        method: What hangs on a site.
        sites: See :func:`find_sites`; or how many numbers each site has by
            its exact name, as an adapter file says, which is compared before
            any room is taken for them.
        combinations: The combinations to learn; default: all that miss
            something.
        rows: Row mode, ``table``, ``additive`` or ``hyper``, or
            ``dict(type=mode, ...)``; default: see :class:`AdapterBank`.
        within: See :func:`find_sites`.
        batch_major: See :func:`find_sites`.
        **options: Of the method.

    Returns:
        The bank, which is also ``root.adapters``.

    Raises:
        TypeError: an option that the method or the row mode lacks.
        ValueError: a pattern without a match, a wrong combination, other
            numbers than ``sites`` states, a network that has adapters
            already, or a bare ``nn.Sequential``.
    """
    _check_root(root)
    stated: Mapping[str, int] = {}
    patterns: Sequence[str] | str | None
    if sites is None:
        patterns = method.default_sites(root)
    elif isinstance(sites, Mapping):
        stated, patterns = sites, [exactly(name) for name in sites]
    else:
        patterns = sites
    found = find_sites(root, patterns, within, batch_major, method.takes)
    method.check_options(options, found)
    layers = [root.get_submodule(site.name) for site in found]
    adapters = [
        method(site, layer, **options) for site, layer in zip(found, layers)
    ]
    for adapter in adapters:
        _check_width(adapter, stated.get(adapter.site.name))
    bank = AdapterBank(
        stack,
        adapters,
        combinations,
        rows,
        {**method_options(method), **options},
        sites is not None,
    )
    for layer, adapter in zip(layers, adapters):
        layer.add_module('adapter', adapter)
        layer.register_forward_hook(modulate)
    root.add_module(BANK, bank)
    bank.frozen = (root,)
    freeze(root)
    return bank


def _check_root(root: nn.Module) -> None:
    """Refuse a network that has adapters, or cannot have them."""
    if hasattr(root, BANK) or any(adapted(root)):
        raise ValueError(
            f'{type(root).__name__} has `{BANK}` already; attach once, and '
            'give `adapter` to the segmentor or to the backbone, not to both'
        )
    if isinstance(root, nn.Sequential):
        raise ValueError(
            'a bare nn.Sequential would run `adapters` as one more step; '
            'make it a child of a module and attach to that'
        )


def _check_width(adapter: Adapter, stated: int | None) -> None:
    if stated not in (None, adapter.width()):
        raise ValueError(
            f'adapter site {adapter.site.name!r} has {adapter.width()} '
            f'numbers, the adapter file says {stated}; give the config that '
            'it was trained with'
        )


def method_options(method: type[Adapter]) -> dict[str, Any]:
    """Return the options of a method with their defaults."""
    parameters = list(inspect.signature(method).parameters.values())
    return {p.name: p.default for p in parameters[2:]}


def detach(root: nn.Module) -> None:
    """Take the adapters off again; the inverse of :func:`attach`."""
    for site in getattr(root, BANK).sites:
        layer = root.get_submodule(site.name)
        del layer.adapter
        for key, hook in list(layer._forward_hooks.items()):
            if hook is modulate:
                del layer._forward_hooks[key]
    delattr(root, BANK)


def freeze(root: nn.Module) -> None:
    """Let nothing of ``root`` learn but its adapters: no gradient, eval."""
    root.requires_grad_(False)
    root.eval()
    bank = getattr(root, BANK, None)
    if bank is not None:
        bank.requires_grad_(True)
        bank.train()


def thaw(root: nn.Module, patterns: Iterable[str]) -> tuple[str, ...]:
    """Let parts of a network with adapters learn on beside them.

    Their parameters have gradients again and their norms and dropout follow
    ``train()``. They are no part of the base any more: its fingerprint
    leaves them out.

    Args:
        root: Adapted, and frozen so far.
        patterns: Full regular expressions or dotted suffixes of modules'
            names.

    Returns:
        The names of the parts, none of which lies in another.

    Raises:
        ValueError: a pattern that names no module with parameters.
    """
    key, found = 'model.trainable', dict.fromkeys(patterns, False)
    names: list[str] = []
    for name, part in root.named_modules():
        if not name or name.split('.')[0] == BANK:
            continue
        hits = [p for p in found if matches(p, name, key)]
        if hits and any(True for _ in part.parameters()):
            found.update(dict.fromkeys(hits, True))
            if not f'{name}.'.startswith(tuple(f'{n}.' for n in names)):
                names.append(name)
                part.requires_grad_(True).train()
    lost = [pattern for pattern, is_found in found.items() if not is_found]
    if lost:
        raise ValueError(
            f'{lost[0]!r} matched no module of {type(root).__name__} that '
            f'has parameters; check `{key}`'
        )
    getattr(root, BANK).trainable = tuple(names)
    return tuple(names)


def adapted(root: nn.Module) -> Iterator[tuple[str, nn.Module]]:
    """Yield name and module of every network below that has adapters."""
    for name, module in root.named_modules():
        if isinstance(getattr(module, BANK, None), AdapterBank):
            yield name, module


def check_hooks(root: nn.Module) -> None:
    """Refuse a network whose sites lost their hook or their adapter.

    Converting norms to or from SyncBN after attaching does this.

    Raises:
        RuntimeError: names the first such site.
    """
    lost = []
    for site in getattr(root, BANK).sites:
        layer = root.get_submodule(site.name)
        hooked = modulate in layer._forward_hooks.values()
        if not (
            hooked and isinstance(getattr(layer, 'adapter', None), Adapter)
        ):
            lost.append(site.name)
    if lost:
        raise RuntimeError(
            f'{len(lost)} adapter sites of {type(root).__name__} lost their '
            f'hook, {lost[0]!r} first; its norms were converted after '
            'adapters were attached: leave `sync_bn` out and build the '
            "network with `norm_cfg=dict(type='BN')`, its statistics are "
            'frozen anyway'
        )
