"""What texts say of modalities, as one tensor."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import normalize

from ...modality import Stack

KEY = 'model.adapter.rows.condition'


def text_vectors(given: Any, stack: Stack) -> Tensor:
    """Return the vectors of all modalities and classes, (M, classes, size).

    Encoders of texts give vectors that are all much alike; so they are taken
    as differences from their mean, each of length 1.

    Args:
        given: Per modality a tensor (classes, size), of the same classes.
        stack: The modalities; what it lacks is not looked at.

    Raises:
        ValueError: a modality without vectors, sizes that differ, numbers
            that are not finite, or vectors that are all the same.
    """
    vectors = given if isinstance(given, Mapping) else {}
    lacking = [name for name in stack.names if name not in vectors]
    if lacking:
        raise ValueError(
            f'`{KEY}` has no vectors of {lacking[0]!r}, only of '
            f'{sorted(vectors)}; add an entry for each of {stack.full}'
        )
    found = [torch.as_tensor(vectors[n]).float() for n in stack.names]
    shapes = {name: tuple(v.shape) for name, v in zip(stack.names, found)}
    if (
        len({*shapes.values()}) > 1
        or found[0].ndim != 2
        or not found[0].numel()
    ):
        raise ValueError(
            f'`{KEY}` takes as many vectors of one size for each modality, '
            f'(classes, size), got {shapes}'
        )
    table = torch.stack(found)
    apart = table - table.mean((0, 1))
    if not (table.isfinite().all() and apart.any()):
        raise ValueError(
            f'`{KEY}` takes vectors that differ and are finite; make the '
            'file again'
        )
    return normalize(apart, dim=2)
