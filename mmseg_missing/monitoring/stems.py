"""The layers of a network that see one modality first."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from ..modality import Stack


class Stem(NamedTuple):
    """A convolution that sees one modality alone.

    Args:
        name: Name of the layer.
        layer: Itself. Its adapter is passed by: features are the base's.
    """

    name: str
    layer: nn.Conv2d

    def __call__(self, x: Tensor) -> Tensor:
        """Return the features of (n, C, h, w); one channel is repeated."""
        channels = self.layer.in_channels
        return self.layer.forward(x.expand(-1, channels, -1, -1))


@torch.no_grad()
def find_stems(
    root: nn.Module, run: Callable[[], Any], inputs: Tensor, stack: Stack
) -> dict[str, Stem]:
    """Return the stem of each modality that has one.

    A network tells by itself: the first convolution that is given just this
    modality, as it is or repeated to more channels. Where modalities are
    mixed at once there is none.

    Args:
        root: The network.
        run: Does a forward of ``inputs``.
        inputs: (1, sum C, h, w), normalised, no two modalities alike.
        stack: The modalities.
    """
    found: dict[str, Stem] = {}
    parts = {name: inputs[:, where] for name, where in stack.slices.items()}

    def look(name: str) -> Callable[..., None]:
        def hook(layer: nn.Conv2d, args: tuple[Tensor, ...]) -> None:
            for modality, x in parts.items():
                if modality not in found and _is_given(args[0], x):
                    found[modality] = Stem(name, layer)

        return hook

    hooks = [
        layer.register_forward_pre_hook(look(name))
        for name, layer in root.named_modules()
        if isinstance(layer, nn.Conv2d)
    ]
    try:
        run()
    finally:
        for hook in hooks:
            hook.remove()
    return {name: found[name] for name in stack.names if name in found}


def stems_of(
    root: nn.Module, names: Mapping[str, str], stack: Stack
) -> dict[str, Stem]:
    """Return the stems that a file names.

    Raises:
        ValueError: the network has other layers.
    """
    layers, stems = dict(root.named_modules()), {}
    for modality, name in names.items():
        layer = layers.get(name)
        takes = getattr(layer, 'in_channels', None)
        has = stack[modality].channels
        if not isinstance(layer, nn.Conv2d) or has not in (1, takes):
            raise ValueError(
                f'its clean statistics are of the layer {name!r}, which this '
                'network does not have'
            )
        stems[modality] = Stem(name, layer)
    return stems


def _is_given(given: Tensor, x: Tensor) -> bool:
    if given.shape[0] != x.shape[0] or given.shape[2:] != x.shape[2:]:
        return False
    if x.shape[1] not in (1, given.shape[1]):
        return False
    return torch.equal(given, x.expand_as(given))
