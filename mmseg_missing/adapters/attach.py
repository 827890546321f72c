"""Hang adapters on a network, and freeze what they hang on."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from torch import nn

from ..modality import Stack
from .bank import AdapterBank
from .base import Adapter, modulate
from .scale_shift import ScaleShift
from .sites import find_sites

BANK = 'adapters'


def attach(
    root: nn.Module,
    stack: Stack,
    method: type[Adapter] = ScaleShift,
    sites: Sequence[str] | None = None,
    combinations: Sequence[str] | None = None,
    rows: str = 'table',
    within: Iterable[str] = (),
    batch_major: Iterable[str] = (),
) -> AdapterBank:
    """Freeze ``root`` and hang an adapter on each of its sites.

    The network's own keys do not change; it gains those of a child named
    ``adapters``. Attach while the network is built, after any conversion of
    norms, and before the optimizer is.

    Args:
        root: Any network whose layers see the batch first.
        stack: The modalities.
        method: What hangs on a site.
        sites: See :func:`find_sites`.
        combinations: The combinations to learn; default: all that miss
            something.
        rows: Row mode.
        within: See :func:`find_sites`.
        batch_major: See :func:`find_sites`.

    Returns:
        The bank, which is also ``root.adapters``.

    Raises:
        ValueError: a pattern without a match, a wrong combination, a
            network that has adapters already, or a bare ``nn.Sequential``.
    """
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
    found = find_sites(root, sites, within, batch_major)
    bank = AdapterBank(
        stack, found, method, combinations, rows, sites is not None
    )
    for slot, site in enumerate(found):
        layer = root.get_submodule(site.name)
        layer.add_module('adapter', method(site, bank, slot))
        layer.register_forward_hook(modulate)
    root.add_module(BANK, bank)
    bank.frozen = (root,)
    freeze(root)
    return bank


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
