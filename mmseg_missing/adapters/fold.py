"""Dissolve the adapters of one combination into the base's weights.

What is left is a plain network for this combination, at the base's speed.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.conv import _ConvNd
from torch.nn.utils.parametrize import is_parametrized

from .attach import BANK, adapted, detach
from .fold_norms import find_foldable_norms, fold_norms
from .sites import Site, layer_named


@torch.no_grad()
def fold(root: nn.Module, combination: str) -> list[str]:
    """Turn an adapted network into a plain one for one combination.

    The result gives the outputs of the adapted network for samples with
    exactly this combination, at the base's speed. In place.

    Args:
        root: A network with adapters.
        combination: Such as ``rgb``.

    Returns:
        Names of the layers that gained a bias; a fresh network needs
        :func:`add_biases` with them before it takes the folded weights.

    Raises:
        ValueError: an unknown combination, one without a trained row, or a
            method or a layer that cannot be folded.

    >>> from mmseg_missing.adapters import attach
    >>> stack = Stack([dict(name='rgb'), dict(name='depth', channels=1)])
    >>> network = nn.Module()
    >>> network.stem = nn.Conv2d(4, 6, 1)
    >>> bank = attach(network, stack)
    >>> _ = bank.samples_seen.fill_(1)  # as if it had been trained
    >>> fold(network, 'rgb')
    []
    >>> [name for name, _ in network.named_parameters()]
    ['stem.weight', 'stem.bias']
    """
    bank = getattr(root, BANK)
    layers = [root.get_submodule(site.name) for site in bank.sites]
    for layer in layers:
        if layer.adapter.unfoldable:
            raise ValueError(
                f'{bank.method.__name__} adapters cannot be folded: '
                f'{layer.adapter.unfoldable}'
            )
    combination = bank.stack.canonical(combination)
    if combination not in (*bank.served, bank.stack.full):
        raise ValueError(
            f'no trained row for {combination!r}, only for '
            f'{list(bank.served)}; give the adapter file that has it'
        )
    [numbers] = bank.numbers(bank.stack.present(combination))
    _check_foldable(bank.sites, layers)
    gained = []
    for site, layer, part in zip(
        bank.sites, layers, numbers.split(bank.widths)
    ):
        had_bias = layer.bias is not None
        layer.adapter.fold(layer, part)
        if not had_bias and layer.bias is not None:
            gained.append(site.name)
    detach(root)
    return gained


def fold_network(
    network: nn.Module, combination: str, image: Tensor | None = None
) -> dict[str, Any]:
    """Dissolve all adapters, and BatchNorms, into other weights, in place.

    Args:
        network: Itself or parts of it have adapters; it ends in evaluation
            mode.
        combination: What will be present, such as ``rgb``.
        image: An input of any values with which ``network`` runs, to see
            which convolution each BatchNorm follows; None keeps them.

    Returns:
        What a segmentor needs as ``folded`` to take the weights.

    Raises:
        ValueError: no adapters, or see :func:`fold`.

    >>> from mmseg_missing.adapters import attach
    >>> stack = Stack([dict(name='rgb'), dict(name='depth', channels=1)])
    >>> network = nn.Module()
    >>> network.stem = nn.Conv2d(4, 6, 1)
    >>> bank = attach(network, stack)
    >>> _ = bank.samples_seen.fill_(1)  # as if it had been trained
    >>> fold_network(network, 'rgb')['combination']
    'rgb'
    """
    roots = list(adapted(network))
    if not roots:
        raise ValueError('there are no adapters to fold; give --adapter')
    stack = roots[0][1].adapters.stack
    fill = {
        name: vector.tolist()
        for _, root in roots
        for name, vector in root.adapters.fill_vectors.items()
    }
    predictors = nn.ModuleDict()
    configs: dict[str, Any] = {}
    for _, root in roots:
        predictors.update(root.adapters.predictors)
        configs.update(root.adapters.predictor_configs)
    biases = [
        f'{name}.{layer}' if name else layer
        for name, root in roots
        for layer in fold(root, combination)
    ]
    norms = {}
    network.eval()
    if image is not None:
        image = image.requires_grad_()
        norms = find_foldable_norms(network, lambda: network(image))
    if configs:  # what is predicted depends on the image, and stays
        network.predictors = predictors.requires_grad_(False)
    return {
        'combination': stack.canonical(combination),
        'biases': biases + fold_norms(network, norms),
        'norms': list(norms),
        'fill': fill,
        'predictors': configs,
    }


def add_biases(root: nn.Module, names: Iterable[str]) -> None:
    """Give the named layers a bias of zeros, as folding did.

    Raises:
        ValueError: a name that ``root`` lacks, or of something that takes
            no bias.

    >>> network = nn.Module()
    >>> network.stem = nn.Conv2d(4, 6, 1, bias=False)
    >>> add_biases(network, ['stem'])
    >>> network.stem.bias.shape
    torch.Size([6])
    """
    for name in names:
        layer = layer_named(root, name)
        if (
            not _is_own(layer, 'weight')
            or 'bias' not in layer._parameters
            or (layer.bias is not None)
        ):
            raise ValueError(
                f'{type(layer).__name__} {name!r} takes no further bias; the '
                'folded file was made from another network'
            )
        zeros = layer.weight.new_zeros(_out_features(layer))
        layer.bias = nn.Parameter(zeros, requires_grad=False)


def _check_foldable(
    sites: Sequence[Site], layers: Sequence[nn.Module]
) -> None:
    """Raise ``ValueError`` for a layer whose weight cannot take an adapter."""
    folded: set[int] = set()
    for site, layer in zip(sites, layers):
        if getattr(layer, 'weight', None) is None:
            raise ValueError(
                f'{site.kind} {site.name!r} has no weight to fold into; '
                'leave it out of `model.adapter.sites`'
            )
        if id(layer.weight) in folded:
            raise ValueError(
                f'{site.kind} {site.name!r} shares its weight with another '
                'site and cannot be folded; leave one of them out of '
                '`model.adapter.sites`'
            )
        if not _uses_its_weight(layer):
            raise ValueError(
                f'{site.kind} {site.name!r} cannot be folded: it computes '
                'with another weight than it holds; leave it out of '
                '`model.adapter.sites`'
            )
        folded.add(id(layer.weight))
        if getattr(layer, 'transposed', False):
            raise ValueError(
                f'{site.kind} {site.name!r} cannot be folded: its weight has '
                'the input channels first; leave it out of '
                '`model.adapter.sites`'
            )


def _uses_its_weight(layer: nn.Module) -> bool:
    """Say whether what is written into weight and bias is what counts.

    Not so where a hook or a parametrization makes them anew for each forward
    (``weight_norm``, ``spectral_norm``, pruning), nor where the weight is
    normalised first (``ConvWS``): then twice the weight does not give twice
    the output.
    """
    is_own = all(
        _is_own(layer, key)
        for key in ('weight', 'bias')
        if getattr(layer, key, None) is not None
    )
    # Any hook before the forward may write a weight.
    if is_parametrized(layer) or not is_own or layer._forward_pre_hooks:
        return False
    is_plain = type(layer).__module__.startswith('torch.nn.modules.')
    if is_plain or not isinstance(layer, (_ConvNd, nn.Linear)):
        return True
    if isinstance(layer, nn.Linear):
        shape = [layer.in_features]
    else:
        size = [2 * k * d for k, d in zip(layer.kernel_size, layer.dilation)]
        shape = [layer.in_channels, *size]
    x = torch.rand(1, *shape).to(layer.weight)
    bias, layer.bias = layer.bias, None
    once = layer.forward(x)  # without hooks, so without the adapter
    layer.weight.mul_(2)
    twice = layer.forward(x)
    layer.weight.div_(2)
    layer.bias = bias
    return torch.allclose(twice, 2 * once, rtol=1e-4)


def _is_own(layer: nn.Module, key: str) -> bool:
    return isinstance(layer._parameters.get(key), nn.Parameter)


def _out_features(layer: nn.Module) -> int:
    """Return how many channels ``layer`` gives; transposed ones differ."""
    for key in ('out_channels', 'out_features'):
        if hasattr(layer, key):
            return getattr(layer, key)
    return len(layer.weight)
