"""Hang adapters on a network, and freeze what they hang on."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeAlias

from torch import nn

from ..modality import Stack
from ..values import listed
from .adapter import Adapter, modulate
from .bank import AdapterBank
from .methods import Hybrid, ScaleShift
from .sites import exactly, find_sites, matches

BANK = 'adapters'

Sites: TypeAlias = Sequence[str] | Mapping[str, int] | str | None


def attach(
    root: nn.Module,
    stack: Stack,
    method: type[Adapter] | Sequence[Mapping[str, Any]] = ScaleShift,
    sites: Sites = None,
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
        method: What hangs on a site; or several, each as
            ``dict(type=method, sites=..., **options)``. At a site that they
            share each modulates what the one before it in the list gave.
        sites: See :func:`find_sites`; or how many numbers each site has by
            its exact name, as an adapter file says, which is compared before
            any room is taken for them.
        combinations: The combinations to learn; default: all that miss
            something.
        rows: Row mode, a key of ``ROW_MODES`` or ``dict(type=key, ...)``;
            default: see :class:`AdapterBank`.
        within: See :func:`find_sites`.
        batch_major: See :func:`find_sites`.
        **options: Options of the method.

    Returns:
        The bank, which is also ``root.adapters``.

    Raises:
        TypeError: an option that the method or the row mode lacks; no list
            of methods, or ``sites`` and options beside one.
        ValueError: a pattern without a match, a wrong combination, other
            numbers than ``sites`` states, a method twice at one site, a
            network that has adapters already, or a bare ``nn.Sequential``.

    >>> stack = Stack([dict(name='rgb'), dict(name='depth', channels=1)])
    >>> network = nn.Module()
    >>> network.stem = nn.Conv2d(4, 6, 1)
    >>> bank = attach(network, stack)
    >>> bank.rows.names, bank.num_parameters  # a scale and a shift per channel
    (('rgb', 'depth'), 12)
    >>> x = torch.randn(2, 4, 5, 7)
    >>> with bank.told(stack.present(['rgb', 'rgb+depth'])):
    ...     network.stem(x).shape
    torch.Size([2, 6, 5, 7])
    """
    _check_root(root)
    entries = _entries(method, sites, options)
    within, batch_major = tuple(within), tuple(batch_major)
    found = [_hung(root, *entry, within, batch_major) for entry in entries]
    adapters = found[0] if len(found) == 1 else _joined(root, found)
    bank = AdapterBank(
        stack,
        adapters,
        combinations,
        rows,
        [(kind, {**method_options(kind), **o}) for kind, _, o in entries],
        {
            adapter.site.name
            for (_, given, _), part in zip(entries, found)
            for adapter in part
            if given is not None
        },
    )
    for adapter in adapters:
        layer = root.get_submodule(adapter.site.name)
        layer.add_module('adapter', adapter)
        layer.register_forward_hook(modulate)
    root.add_module(BANK, bank)
    bank.frozen = (root,)
    freeze(root)
    return bank


def _entries(
    method: Any, sites: Sites, options: dict[str, Any]
) -> list[tuple[type[Adapter], Sites, dict[str, Any]]]:
    """Return method, sites and options of each entry."""
    if isinstance(method, type):
        return [(method, sites, options)]
    parts = [dict(part) for part in listed('method', method, Mapping)]
    if sites is not None or options or not parts:
        raise TypeError(
            f'each of several methods brings its own sites and options, got '
            f'{len(parts)} methods, sites {sites} and options {options}'
        )
    return [
        (part.pop('type', ScaleShift), part.pop('sites', None), part)
        for part in parts
    ]


def _hung(
    root: nn.Module,
    method: type[Adapter],
    sites: Sites,
    options: Mapping[str, Any],
    within: Iterable[str],
    batch_major: Iterable[str],
) -> list[Adapter]:
    """Return one method's adapters, in the order of the network."""
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
    adapters = [
        method(site, root.get_submodule(site.name), **options)
        for site in found
    ]
    for adapter in adapters:
        _check_width(adapter, stated.get(adapter.site.name))
    return adapters


def _joined(
    root: nn.Module, found: Sequence[Sequence[Adapter]]
) -> list[Adapter]:
    """Return what hangs on each site, of several methods."""
    at = [{adapter.site.name: adapter for adapter in part} for part in found]
    joined: list[Adapter] = []
    for name, layer in root.named_modules():
        members = [part.get(name) for part in at]
        site = next((m.site for m in members if m is not None), None)
        if site is not None:
            joined.append(Hybrid(site, layer, members))
    return joined


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
    """Return the options of a method with their defaults.

    >>> from mmseg_missing.adapters import LowRank
    >>> method_options(LowRank)['rank']
    4
    """
    parameters = list(inspect.signature(method).parameters.values())
    return {p.name: p.default for p in parameters[2:]}


def detach(root: nn.Module) -> None:
    """Take the adapters off again; the inverse of :func:`attach`.

    >>> stack = Stack([dict(name='rgb'), dict(name='depth', channels=1)])
    >>> network = nn.Module()
    >>> network.stem = nn.Conv2d(4, 6, 1)
    >>> _ = attach(network, stack)
    >>> detach(network)
    >>> list(network.state_dict())
    ['stem.weight', 'stem.bias']
    """
    bank = getattr(root, BANK)
    for site in bank.sites:
        layer = root.get_submodule(site.name)
        del layer.adapter
        for key, hook in list(layer._forward_hooks.items()):
            if hook is modulate:
                del layer._forward_hooks[key]
    bank.frozen = ()  # who holds the bank alone lets the network go
    delattr(root, BANK)


def freeze(root: nn.Module) -> None:
    """Let nothing of ``root`` learn but its adapters: no gradient, eval.

    >>> stack = Stack([dict(name='rgb'), dict(name='depth', channels=1)])
    >>> network = nn.Module()
    >>> network.stem = nn.Conv2d(4, 6, 1)
    >>> freeze(network)
    >>> any(p.requires_grad for p in network.parameters())
    False
    """
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

    >>> stack = Stack([dict(name='rgb'), dict(name='depth', channels=1)])
    >>> network = nn.Module()
    >>> network.stem = nn.Conv2d(4, 6, 1)
    >>> _ = attach(network, stack)
    >>> thaw(network, ['stem'])
    ('stem',)
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
    """Yield name and module of every network below that has adapters.

    >>> stack = Stack([dict(name='rgb'), dict(name='depth', channels=1)])
    >>> network = nn.Module()
    >>> network.stem = nn.Conv2d(4, 6, 1)
    >>> _ = attach(network, stack)
    >>> [name for name, _ in adapted(network)]  # itself
    ['']
    """
    for name, module in root.named_modules():
        if isinstance(getattr(module, BANK, None), AdapterBank):
            yield name, module


def bank_of(root: nn.Module) -> AdapterBank:
    """Return the adapters of a network; raises ``ValueError`` without."""
    bank = getattr(root, BANK, None)
    if not isinstance(bank, AdapterBank):
        raise ValueError(
            f'{type(root).__name__} has no adapters; set `model.adapter`'
        )
    return bank


def check_hooks(root: nn.Module) -> None:
    """Refuse a network whose sites lost their hook or their adapter.

    Converting norms to or from SyncBN after attaching does this.

    Raises:
        RuntimeError: names the first such site.

    >>> stack = Stack([dict(name='rgb'), dict(name='depth', channels=1)])
    >>> network = nn.Module()
    >>> network.stem = nn.Conv2d(4, 6, 1)
    >>> _ = attach(network, stack)
    >>> check_hooks(network)  # all is well
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
