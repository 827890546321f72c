"""A network of somebody's own tells what an absent modality would show.

It is a callable, such as a monocular depth network. It is asked with a dict
``name -> (k, C, h, w)`` of the modalities that k samples have, and answers
with the one that they lack, (k, C, h, w), or with None where it can tell
nothing of these. Both are in the space after normalisation, as all fills,
in the dtype of the inputs, outside of autocast and without gradients. It is
asked once per combination, and about samples that lack the modality alone.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import torch
from torch import Tensor, nn

from .finite import is_finite
from .modality import Stack
from .present import Key, keys

# What texts call such a network, which is no text.
EXTERNAL = 'external'
Network: TypeAlias = Callable[[dict[str, Tensor]], Tensor | None]


def ask(
    network: Network | None,
    inputs: Tensor,
    present: Tensor,
    stack: Stack,
    name: str,
) -> Tensor:
    """Return one modality where samples lack it, 0 everywhere else.

    Args:
        network: See above.
        inputs: (n, sum C, h, w), normalised; what is absent may hold NaN.
        present: (n, M) bool.
        stack: The modalities.
        name: Name of the modality that may be absent.

    Returns:
        (n, C, h, w); 0 too where the network told nothing.

    Raises:
        TypeError: it answers with something else than a tensor.
        ValueError: there is no network, it asks for what is not there, or
            answers in another size or dtype, or with NaN or infinity.
    """
    check_network(name, network)
    groups: dict[Key, list[int]] = {}
    for sample, flags in enumerate(keys(present)):
        if not flags[stack.index(name)]:
            groups.setdefault(flags, []).append(sample)
    filled = torch.zeros_like(inputs[:, stack.slices[name]])
    for flags, samples in groups.items():
        there = zip(stack.slices.items(), flags)
        seen = {
            m: inputs[samples, c] for (m, c), is_there in there if is_there
        }
        answer = _answer(network, seen, name, stack)
        if answer is not None:
            _check_answer(name, answer, filled[samples])
            filled[samples] = answer
    return filled


def check_network(name: str, network: Any) -> None:
    """Refuse what cannot be called; ``name`` is the modality it fills.

    Raises:
        ValueError: says where a network comes from.
    """
    if not callable(network):
        raise ValueError(
            f'{EXTERNAL!r} stands for a network of your own that fills '
            f'{name!r}, which no file holds; give the config that it was '
            f'trained with, or set `model.fill=dict({name}=dict(type=...))`'
        )


@torch.no_grad()
def _answer(
    network: Any, seen: dict[str, Tensor], name: str, stack: Stack
) -> Any:
    device = next(iter(seen.values())).device
    if isinstance(network, nn.Module):  # part of no other, so it moves here
        network.to(device)
    try:
        with torch.autocast(device.type, enabled=False):
            return network(dict(seen))
    except KeyError as error:
        asked = error.args[0]
        if asked not in stack.names or asked in seen:
            raise
        raise ValueError(
            f'{_who(name)} asks for {asked!r} of samples that have '
            f'{"+".join(seen)} alone; let it return None there'
        ) from error


def _check_answer(name: str, answer: Any, like: Tensor) -> None:
    if not isinstance(answer, Tensor):
        raise TypeError(
            f'{_who(name)} must return a tensor or None, got '
            f'{type(answer).__name__}'
        )
    for what, found, expected in (
        ('shape', tuple(answer.shape), tuple(like.shape)),
        ('dtype', answer.dtype, like.dtype),
        ('device', answer.device, like.device),
    ):
        if found != expected:
            raise ValueError(
                f'{_who(name)} must return {what} {expected}, got {found}'
            )
    if not is_finite(answer):
        raise ValueError(
            f'{_who(name)} returned NaN or infinity; let it return finite '
            'numbers, or None where it can tell nothing'
        )


def _who(name: str) -> str:
    return f'the network of `model.fill` for {name!r}'
