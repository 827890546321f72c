"""What stands in for an absent modality."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from .external import EXTERNAL, Network, ask
from .modality import Stack
from .names import Names

# Those that name the modality they are made of, ``copy:depth``.
FROM_ANOTHER = {'copy'}
# That which names the fill it adds to, ``predicted:black``; alone: zero.
PREDICTED = 'predicted'

FILLS = Names('fill', 'a function of an `Absent`', callable)


class Absent(NamedTuple):
    """All that a fill may look at.

    Args:
        inputs: (n, sum C, h, w), normalised; what is absent may hold NaN.
        present: (n, M) bool.
        stack: The modalities.
        name: Name of the absent modality.
        source: The modality that ``copy:<modality>`` names.
        seeds: n numbers that tell images apart.
        learned: (C,) of the fill ``learned``.
        network: Network of the fill ``external``.
    """

    inputs: Tensor
    present: Tensor
    stack: Stack
    name: str
    source: str = ''
    seeds: Sequence[int] | None = None
    learned: Tensor | Sequence[float] | None = None
    network: Network | None = None

    @property
    def x(self) -> Tensor:
        """(n, C, h, w): the absent modality's part of the inputs."""
        return self.inputs[:, self.stack.slices[self.name]]


def parse_fill(stack: Stack, fill: str | Mapping[str, Any]) -> dict[str, str]:
    """Return the fill of every modality in words, checked.

    Args:
        stack: The modalities.
        fill: One of :data:`FILLS` for all, or one per modality name
            (``zero`` where none is given). A network, or the dict of one, is
            called ``external``.

    Raises:
        TypeError: no word and no dict.
        ValueError: unknown fill or modality.

    >>> stack = Stack([dict(name='rgb'), dict(name='depth', channels=1)])
    >>> parse_fill(stack, dict(depth='copy:rgb'))
    {'rgb': 'zero', 'depth': 'copy:rgb'}
    """
    if not isinstance(fill, (str, Mapping)):
        raise TypeError(
            f'`model.fill` takes one of {known_fills()}, or a dict of '
            f'modality names with such, got {fill!r}'
        )
    if isinstance(fill, Mapping) and 'type' in fill:
        raise ValueError(
            'a network fills one modality, `model.fill` has the dict of one '
            'for all; write `model.fill=dict(<modality>=dict(type=...))`'
        )
    given = (
        fill if isinstance(fill, Mapping) else dict.fromkeys(stack.names, fill)
    )
    for name in given:
        _check_known(stack, name)
    return {n: _in_words(stack, n, given.get(n, 'zero')) for n in stack.names}


def _in_words(stack: Stack, name: str, fill: Any) -> str:
    """Return one modality's fill as a text, checked."""
    if callable(fill) or (isinstance(fill, Mapping) and 'type' in fill):
        return EXTERNAL
    kind, colon, source = str(fill).partition(':')
    if kind == PREDICTED and colon and not is_predicted(source):
        start = _in_words(stack, name, source)
        return PREDICTED if start == 'zero' else f'{PREDICTED}:{start}'
    is_known = isinstance(fill, str) and kind in FILLS
    if not is_known or bool(colon) != (kind in FROM_ANOTHER):
        raise ValueError(
            f'unknown fill {fill!r} for {name!r} in `model.fill`; use '
            f'one of {known_fills()}, or one of your own that '
            '`custom_imports` brings'
        )
    if colon:
        _check_known(stack, source)
    # A modality that is its own source has nothing to copy.
    return 'zero' if fill == f'copy:{name}' else str(fill)


def _check_known(stack: Stack, name: Any) -> None:
    if name not in stack.names:
        raise ValueError(
            f'unknown modality {name!r} in `model.fill`; this stack has '
            f'{stack.full}'
        )


def is_predicted(fill: str) -> bool:
    """Say whether something is added to a fill that depends on the image."""
    return fill.partition(':')[0] == PREDICTED


def usual(fill: str) -> str:
    """Return the fill that a prediction starts from, others as they are.

    >>> usual('predicted'), usual('predicted:copy:rgb'), usual('black')
    ('zero', 'copy:rgb', 'black')
    """
    return fill.partition(':')[2] or 'zero' if is_predicted(fill) else fill


def with_networks(words: Any, given: Any) -> Any:
    """Return a fill in words, with the networks of another one that has them.

    Args:
        words: As :func:`parse_fill` returns them, or one for all.
        given: A `model.fill`.
    """
    if not (isinstance(words, Mapping) and isinstance(given, Mapping)):
        return words
    return {
        name: given[name]
        if word == EXTERNAL and not isinstance(given.get(name, word), str)
        else word
        for name, word in words.items()
    }


def fill_absent(
    inputs: Tensor,
    present: Tensor,
    stack: Stack,
    fill: str | Mapping[str, Any] = 'zero',
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
            ``predicted``: 0, to which a segmentor adds what it predicts;
            ``predicted:<fill>``: the same, from another fill. Or one of
            these per modality, where a network may stand as well, see
            :mod:`mmseg_missing.external`.
        seeds: n numbers that make ``noise`` the same for the same image.
        learned: (C,) per modality, in the space after normalisation; zero
            where none is given.

    Returns:
        (n, sum C, h, w), a new tensor.

    >>> stack = Stack([dict(name='rgb'), dict(name='depth', channels=1)])
    >>> inputs = torch.full((1, 4, 2, 2), float('nan'))
    >>> inputs[:, stack.slices['rgb']] = 1.0
    >>> filled = fill_absent(inputs, stack.present('rgb'), stack, 'zero')
    >>> filled.shape, filled[0, :, 0, 0].tolist()
    (torch.Size([1, 4, 2, 2]), [1.0, 1.0, 1.0, 0.0])
    >>> copied = fill_absent(inputs, stack.present('rgb'), stack, 'copy:rgb')
    >>> copied[0, :, 0, 0].tolist()
    [1.0, 1.0, 1.0, 1.0]
    """
    filled, present = [], present.to(inputs.device)
    given = fill if isinstance(fill, Mapping) else {}
    for index, (name, text) in enumerate(parse_fill(stack, fill).items()):
        kind, _, source = usual(text).partition(':')
        vector, network = (learned or {}).get(name), given.get(name)
        absent = Absent(
            inputs, present, stack, name, source, seeds, vector, network
        )
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
        if name != EXTERNAL
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


def external(absent: Absent) -> Tensor:
    """Return what a network of somebody's own tells, 0 where nothing."""
    inputs, present, stack, name, *_, network = absent
    return ask(network, inputs, present, stack, name)


for _fill in (zero, black, noise, copy, learned, predicted, external):
    FILLS[_fill.__name__] = _fill
