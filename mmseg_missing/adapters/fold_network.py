"""A network for one combination: plain, and as fast as it gets."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from .attach import adapted
from .fold import fold
from .fold_norms import find_foldable_norms, fold_norms


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
    """
    roots = list(adapted(network))
    if not roots:
        raise ValueError('there are no adapters to fold; give --adapter')
    stack = roots[0][1].adapters.stack
    fill = {
        name: vector.tolist()
        for _, root in roots
        for name, vector in (root.adapters.fill or {}).items()
    }
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
    return {
        'combination': stack.format(stack.parse(combination)),
        'biases': biases + fold_norms(network, norms),
        'norms': list(norms),
        'fill': fill,
    }
