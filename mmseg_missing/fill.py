"""What stands in for an absent modality."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from .modality import Stack

FILLS = ('zero', 'black', 'noise', 'copy:<modality>', 'learned')


def parse_fill(stack: Stack, fill: str | Mapping[str, str]) -> dict[str, str]:
    """Return the fill of every modality, checked.

    Args:
        stack: The modalities.
        fill: One of :data:`FILLS` for all, or one per modality name
            (``zero`` where none is given).

    Raises:
        TypeError: no word and no dict.
        ValueError: unknown fill or modality.
    """
    if not isinstance(fill, (str, Mapping)):
        raise TypeError(
            f'`model.fill` takes one of {", ".join(FILLS)}, or a dict of '
            f'modality names with such, got {fill!r}'
        )
    given = (
        fill if isinstance(fill, Mapping) else dict.fromkeys(stack.names, fill)
    )
    for name, kind in given.items():
        is_copy = isinstance(kind, str) and kind.startswith('copy:')
        source = kind.removeprefix('copy:') if is_copy else name
        for used in (name, source):
            if used not in stack.names:
                raise ValueError(
                    f'unknown modality {used!r} in `model.fill`; this stack '
                    f'has {stack.full}'
                )
        if not is_copy and kind not in FILLS:
            raise ValueError(
                f'unknown fill {kind!r} for {name!r} in `model.fill`; use '
                f'one of {", ".join(FILLS)}'
            )
    return {
        # A modality that is its own source has nothing to copy.
        name: 'zero'
        if given.get(name) == f'copy:{name}'
        else given.get(name, 'zero')
        for name in stack.names
    }


def fill_absent(
    inputs: Tensor,
    present: Tensor,
    stack: Stack,
    fill: str | Mapping[str, str] = 'zero',
    seeds: Sequence[int] | None = None,
    learned: Mapping[str, Tensor | Sequence[float]] | None = None,
) -> Tensor:
    """Replace what is absent; nothing of it survives, NaN included.

    Args:
        inputs: (n, sum C, h, w), normalised, in stack order.
        present: (n, M) bool, on any device.
        stack: The modalities.
        fill: ``zero``: 0 after normalisation. ``black``: raw 0, so
            ``-mean / std``. ``copy:<modality>``: that modality's channel
            mean, repeated, and zero where it is absent itself. ``noise``:
            standard normal. ``learned``: a vector in ``learned``. Or one of
            these per modality.
        seeds: n numbers that make ``noise`` the same for the same image.
        learned: (C,) per modality, in the space after normalisation; zero
            where none is given.

    Returns:
        (n, sum C, h, w), a new tensor.
    """
    filled, present = [], present.to(inputs.device)
    for index, (name, kind) in enumerate(parse_fill(stack, fill).items()):
        x = inputs[:, stack.slices[name]]
        if kind == 'zero':
            substitute = x.new_zeros(())
        elif kind == 'black':
            modality = stack[name]
            substitute = -x.new_tensor(modality.mean) / x.new_tensor(
                modality.std
            )
            substitute = substitute[None, :, None, None]
        elif kind == 'noise':
            substitute = _noise(x, index, seeds)
        elif kind == 'learned':
            vector = torch.as_tensor((learned or {}).get(name, 0.0)).to(x)
            substitute = vector.view(1, -1, 1, 1)
        else:
            substitute = _copy(inputs, present, stack, kind[len('copy:') :])
        keep = present[:, index, None, None, None]
        filled.append(torch.where(keep, x, substitute))
    return torch.cat(filled, dim=1)


def _copy(
    inputs: Tensor, present: Tensor, stack: Stack, source: str
) -> Tensor:
    """Return (n, 1, h, w): the source's channel mean, 0 where absent."""
    mean = inputs[:, stack.slices[source]].mean(dim=1, keepdim=True)
    there = present[:, stack.index(source), None, None, None]
    return torch.where(there, mean, mean.new_zeros(()))


def _noise(x: Tensor, index: int, seeds: Sequence[int] | None) -> Tensor:
    """Return standard normal noise, a function of seed and modality."""
    images = []
    for seed in seeds if seeds is not None else range(len(x)):
        generator = torch.Generator().manual_seed(1009 * int(seed) + index)
        images.append(torch.randn(x.shape[1:], generator=generator))
    return torch.stack(images).to(x)
