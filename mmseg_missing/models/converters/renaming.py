"""Rename tensors by rule; nothing gets lost in silence."""

import re
from collections.abc import Iterable, Mapping

from torch import Tensor

from ...finite import is_finite

Rules = Iterable[tuple[str, str]]


def rename(name: str, rules: Rules) -> str:
    """Return ``name`` after every rule, in order.

    Args:
        name: A tensor's name.
        rules: Pairs of a regular expression and its replacement. ``<\\1>``
            in a replacement is group 1 less one: levels count from 0 here.
    """
    for pattern, replacement in rules:
        name = re.sub(pattern, replacement, name)
    return re.sub(r'<(\d+)>', lambda level: str(int(level[1]) - 1), name)


def check_names(
    weights: Mapping[str, Tensor], expected: Mapping[str, Tensor], what: str
) -> None:
    """Compare converted weights with those of the network that takes them.

    BatchNorm's step counters may be absent, evaluation does not need them.

    Args:
        weights: Converted tensors.
        expected: The network's own state dict.
        what: The network's name, for the message.

    Raises:
        ValueError: on a missing, an unknown or a differently shaped tensor,
            or one that is not finite.
    """
    needed = {n for n in expected if not n.endswith('num_batches_tracked')}
    shapes = {n: w.shape for n, w in weights.items()}
    problems = {
        'missing': needed - set(weights),
        'unknown': set(weights) - set(expected),
        'of another shape': {
            name
            for name, tensor in expected.items()
            if shapes.get(name, tensor.shape) != tensor.shape
        },
        'not finite': {
            name for name, tensor in weights.items() if not _is_finite(tensor)
        },
    }
    found = [f'{_few(n)} {kind}' for kind, n in problems.items() if n]
    if found:
        raise ValueError(
            f'expected a checkpoint of {what}, got tensors '
            f'{" and ".join(found)}; check SRC'
        )


def _is_finite(tensor: Tensor) -> bool:
    return tensor.is_meta or is_finite(tensor)


def _few(names: set[str]) -> str:
    first = sorted(names)[:4]
    more = f' and {len(names) - 4} more' if len(names) > 4 else ''
    return ', '.join(first) + more
