"""Dissolve frozen BatchNorms into the convolutions before them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.utils.parametrize import is_parametrized

from .adapter import CONVS
from .sites import layer_named


def find_foldable_norms(
    root: nn.Module, run: Callable[[], Tensor]
) -> dict[str, str]:
    """Return each BatchNorm that sees just what one convolution gives.

    Which layer follows which is written in forward functions, so one run is
    watched: a BatchNorm counts if its input is the output of a convolution,
    untouched, and nothing else uses that output. Both must be plain: no kind
    of their own (``ConvWS`` standardises its weight), no hooks, no weights
    that something else has too.

    Args:
        root: A network in evaluation mode, without adapters.
        run: Runs it on an input that requires a gradient; returns what it
            gives.

    Returns:
        Names of BatchNorms and of their convolutions, in order of running.

    >>> network = nn.Sequential(nn.Conv2d(3, 6, 1), nn.BatchNorm2d(6)).eval()
    >>> run = lambda: network(torch.rand(1, 3, 5, 7))
    >>> found = find_foldable_norms(network, run)
    >>> found
    {'1': '0'}
    >>> fold_norms(network, found)  # no convolution gained a bias
    []
    """
    nodes: dict[nn.Module, list] = {}

    def watch(layer: nn.Module, inputs: tuple, output: Tensor) -> None:
        seen = output if isinstance(layer, CONVS) else inputs[0]
        nodes.setdefault(layer, []).append(seen.grad_fn)

    names = {module: name for name, module in root.named_modules()}
    owners = _owners(root)
    handles = [
        module.register_forward_hook(watch)
        for module in names
        if _is_plain(module) and all(owners[t] == 1 for t in _tensors(module))
    ]
    try:
        with torch.enable_grad():
            uses = _uses(run())
    finally:
        for handle in handles:
            handle.remove()
    made_by = {
        tuple(fns): layer
        for layer, fns in nodes.items()
        if isinstance(layer, CONVS)
        and all(fn is not None and uses[fn] == 1 for fn in fns)
    }
    return {
        names[layer]: names[made_by[tuple(fns)]]
        for layer, fns in nodes.items()
        if isinstance(layer, _BatchNorm)
        and layer.running_mean is not None
        and tuple(fns) in made_by
    }


def _is_plain(layer: nn.Module) -> bool:
    """Say whether it is one of the two kinds and does nothing else."""
    hooked = layer._forward_hooks or layer._forward_pre_hooks
    if hooked or is_parametrized(layer):
        return False
    # A norm's own class, as mmengine's instead of SyncBN, may check less.
    return type(layer) in CONVS or type(layer).forward in (
        _BatchNorm.forward,
        nn.SyncBatchNorm.forward,
    )


def _tensors(layer: nn.Module) -> Iterator[Tensor]:
    for tensor in (*layer._parameters.values(), *layer._buffers.values()):
        if tensor is not None:
            yield tensor


def _owners(root: nn.Module) -> Counter:
    """Return under how many names each tensor is known."""
    return Counter(
        tensor
        for _, layer in root.named_modules(remove_duplicate=False)
        for tensor in _tensors(layer)
    )


def _uses(output: Tensor) -> Counter:
    """Return how often each step of a computation is used."""
    uses: Counter = Counter()
    todo, seen = [output.grad_fn], {output.grad_fn}
    while todo:
        for fn, _ in todo.pop().next_functions:
            uses[fn] += 1
            if fn is not None and fn not in seen:
                seen.add(fn)
                todo.append(fn)
    return uses


@torch.no_grad()
def fold_norms(root: nn.Module, norms: Mapping[str, str]) -> list[str]:
    """Let convolutions do what the BatchNorms after them did, in place.

    y = g (W x + b - m) / s + t  becomes  (g / s W) x + (g (b - m) / s + t),
    with running mean m and s the root of running variance plus epsilon.

    Args:
        root: The network.
        norms: What :func:`find_foldable_norms` found.

    Returns:
        Names of the convolutions that gained a bias. A fresh network takes
        the weights after :func:`add_biases` and :func:`drop_norms`.
    """
    gained = []
    for norm_name, conv_name in norms.items():
        norm = root.get_submodule(norm_name)
        conv = root.get_submodule(conv_name)
        scale = (norm.running_var + norm.eps).rsqrt()
        if norm.weight is not None:
            scale *= norm.weight
        shift = -norm.running_mean * scale
        if norm.bias is not None:
            shift += norm.bias
        conv.weight.mul_(scale.view(-1, *[1] * (conv.weight.ndim - 1)))
        if conv.bias is None:
            conv.bias = nn.Parameter(shift, requires_grad=False)
            gained.append(conv_name)
        else:
            conv.bias.mul_(scale).add_(shift)
    drop_norms(root, norms)
    return gained


def drop_norms(root: nn.Module, names: Iterable[str]) -> None:
    """Put an identity in the place of each named norm.

    Raises:
        ValueError: a name that ``root`` lacks, or of something else.
    """
    for name in names:
        norm = layer_named(root, name)
        if not isinstance(norm, _BatchNorm):
            raise ValueError(
                f'{type(norm).__name__} {name!r} is no BatchNorm; the folded '
                'file was made from another network'
            )
        parent, _, child = name.rpartition('.')
        setattr(root.get_submodule(parent), child, nn.Identity())
