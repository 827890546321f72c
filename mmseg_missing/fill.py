"""What stands in for an absent modality."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from .modality import Stack
from .names import Names

# Those that name the modality they are made of, ``copy:depth``.
FROM_ANOTHER = {'copy'}

FILLS = Names('fill', 'a function of an `Absent`', callable)


class Absent(NamedTuple):
    """All that a fill may look at.

    Args:
        inputs: (n, sum C, h, w), normalised; what is absent may hold NaN.
        present: (n, M) bool.
        stack: The modalities.
        name: Of the absent modality.
        source: The modality that ``copy:<modality>`` names.
        seeds: n numbers that tell images apart.
        learned: (C,) of the fill ``learned``.
    """

    inputs: Tensor
    present: Tensor
    stack: Stack
    name: str
    source: str = ''
    seeds: Sequence[int] | None = None
    learned: Tensor | Sequence[float] | None = None

    @property
    def x(self) -> Tensor:
        """(n, C, h, w): the absent modality's part of the inputs."""
        return self.inputs[:, self.stack.slices[self.name]]


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
            f'`model.fill` takes one of {known_fills()}, or a dict of '
            f'modality names with such, got {fill!r}'
        )
    given = (
        fill if isinstance(fill, Mapping) else dict.fromkeys(stack.names, fill)
    )
    for name, text in given.items():
        kind, colon, source = str(text).partition(':')
        for used in (name, *([source] if colon else [])):
            if used not in stack.names:
                raise ValueError(
                    f'unknown modality {used!r} in `model.fill`; this stack '
                    f'has {stack.full}'
                )
        is_known = isinstance(text, str) and kind in FILLS
        if not is_known or bool(colon) != (kind in FROM_ANOTHER):
            raise ValueError(
                f'unknown fill {text!r} for {name!r} in `model.fill`; use '
                f'one of {known_fills()}, or one of your own that '
                '`custom_imports` brings'
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
            standard normal. ``learned``: a vector in ``learned``.
            ``predicted``: 0, to which a segmentor adds what it predicts. Or
            one of these per modality.
        seeds: n numbers that make ``noise`` the same for the same image.
        learned: (C,) per modality, in the space after normalisation; zero
            where none is given.

    Returns:
        (n, sum C, h, w), a new tensor.
    """
    filled, present = [], present.to(inputs.device)
    for index, (name, text) in enumerate(parse_fill(stack, fill).items()):
        kind, _, source = text.partition(':')
        vector = (learned or {}).get(name)
        absent = Absent(inputs, present, stack, name, source, seeds, vector)
        keep, x = present[:, index, None, None, None], absent.x
        filled.append(torch.where(keep, x, FILLS[kind](absent).to(x.dtype)))
        if filled[-1].shape != x.shape:
            raise ValueError(
                f'fill {text!r} gave more than {tuple(x.shape)} for {name!r}; '
                'return (n, C, h, w) or what broadcasts to it'
            )
    return torch.cat(filled, dim=1)


def known_fills() -> str:
    """Return the names of all fills, as a config writes them."""
    return ', '.join(
        f'{name}:<modality>' if name in FROM_ANOTHER else name
        for name in FILLS
    )


def zero(absent: Absent) -> Tensor:
    """Return 0 after normalisation."""
    return absent.inputs.new_zeros(())


def black(absent: Absent) -> Tensor:
    """Return raw 0 after normalisation, (1, C, 1, 1)."""
    modality, x = absent.stack[absent.name], absent.inputs
    value = -x.new_tensor(modality.mean) / x.new_tensor(modality.std)
    return value[None, :, None, None]


def noise(absent: Absent) -> Tensor:
    """Return standard normal noise, a function of seed and modality."""
    x, images = absent.x, []
    index = absent.stack.index(absent.name)
    seeds = absent.seeds
    for seed in seeds if seeds is not None else range(len(x)):
        generator = torch.Generator().manual_seed(1009 * int(seed) + index)
        images.append(torch.randn(x.shape[1:], generator=generator))
    return torch.stack(images).to(x)


def copy(absent: Absent) -> Tensor:
    """Return (n, 1, h, w): the source's channel mean, 0 where absent."""
    inputs, present, stack, _, source, *_ = absent
    mean = inputs[:, stack.slices[source]].mean(dim=1, keepdim=True)
    there = present[:, stack.index(source), None, None, None]
    return torch.where(there, mean, mean.new_zeros(()))


def learned(absent: Absent) -> Tensor:
    """Return the learned vector, (1, C, 1, 1); 0 where there is none."""
    vector = 0.0 if absent.learned is None else absent.learned
    return torch.as_tensor(vector).to(absent.inputs).view(1, -1, 1, 1)


def predicted(absent: Absent) -> Tensor:
    """Return 0, to which a network with `model.generator` adds."""
    return zero(absent)


for _fill in (zero, black, noise, copy, learned, predicted):
    FILLS[_fill.__name__] = _fill
