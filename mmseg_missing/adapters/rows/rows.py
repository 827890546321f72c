"""What all row modes share."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from ...modality import Stack
from ...present import Key, keys, places
from ...values import listed


class Rows(nn.Module):
    """The numbers of every combination, as differences from the identity.

    So weight decay pulls towards the base, and the full combination, whose
    row is constant zero, is the base.

    Args:
        stack: The modalities.
        width: Numbers in a row.
        combinations: Names of the combinations to learn; default: all that
            miss something and split no sensor.

    Attributes:
        sees_degraded: Whether keys may have M more flags: what is degraded.
        sees_images: Whether each sample has a row of its own, by its image.

    Raises:
        TypeError: ``combinations`` is no list of names.
        ValueError: an unknown combination, one twice, or the full one.

    >>> class Ones(Rows):
    ...     def compute(self, combinations):
    ...         return torch.ones(len(combinations), self.width)
    >>> stack = Stack([dict(name='rgb'), dict(name='depth', channels=1)])
    >>> Ones(stack, width=2)(stack.present(['rgb', 'rgb+depth'])).tolist()
    [[1.0, 1.0], [0.0, 0.0]]
    """

    sees_degraded = False
    sees_images = False

    def __init__(
        self,
        stack: Stack,
        width: int,
        combinations: Sequence[str] | None = None,
    ) -> None:
        super().__init__()
        key = 'model.adapter.combinations'
        given: Sequence[str] = stack.incomplete()
        if combinations is not None:
            given = listed(key, combinations, str)
        try:
            names = [stack.canonical(name) for name in given]
        except ValueError as error:
            raise ValueError(
                f'`model.adapter.combinations`: {error}'
            ) from error
        if stack.full in names or not names:
            raise ValueError(
                f'adapters learn combinations that miss something of '
                f'{stack.full}, got {names}; check '
                '`model.adapter.combinations`, and `sensor` in `modalities`'
            )
        if len(set(names)) < len(names):
            raise ValueError(
                '`model.adapter.combinations` takes each combination once, '
                f'got {names}'
            )
        self.stack, self.width = stack, width
        # Their order is the stack's, so that counts of samples, which lie
        # in it, mean the same in every checkpoint.
        learned = set(names)
        self.names = tuple(n for n in stack.subsets() if n in learned)
        self.present = stack.present(self.names)  # (R, M)
        # Part of every graph, with gradient zero: without it a batch that
        # misses nothing has no graph, GradScaler finds no gradient, and the
        # other ranks of DDP wait for ever.
        self.anchor = nn.Parameter(torch.zeros(1))

    def forward(self, present: Tensor) -> Tensor:
        """Return each sample's row, (n, width), for (n, M) bool."""
        rows, index = self.unique(keys(present))
        return rows if index is None else rows.index_select(0, index)

    def unique(
        self, samples: Sequence[Key], images: Tensor | None = None
    ) -> tuple[Tensor, Tensor | None]:
        """Return each row once, (k, width), and where each sample's lies.

        None is for one after the other. Only what is drawn enters the graph:
        the gradient of anything else stays None, so that no optimizer moves
        it.

        Args:
            samples: n combinations, each with M flags.
            images: (n, sum C, h, w), for rows that see them.
        """
        kinds = list(dict.fromkeys(samples))
        drawn = [key for key in kinds if self.has(key)]
        rows = []
        if drawn:
            # Sums over rows must not be rounded to half precision.
            with torch.autocast(self.anchor.device.type, enabled=False):
                rows.append(self.compute(drawn))
        if len(drawn) == len(samples):
            return rows[0], None
        if len(drawn) < len(kinds):  # the last one is constant zero
            rows.append(self.anchor.new_zeros(1, self.width))
        order = {key: place for place, key in enumerate(drawn)}
        index = [order.get(key, len(drawn)) for key in samples]
        return torch.cat(rows), torch.tensor(index, device=self.anchor.device)

    def anchored(self, numbers: Tensor) -> Tensor:
        """Return the same numbers, with the anchor in their graph."""
        always = torch.ones((), dtype=torch.bool, device=numbers.device)
        return torch.where(always, numbers, self.anchor)

    def has(self, combination: Key) -> bool:
        """Say whether a combination, M flags, has a row.

        The row of another one is constant zero. Default: all that miss
        something have one.
        """
        return not all(combination)

    def compute(self, combinations: Sequence[Key]) -> Tensor:
        """Return (n, width) for combinations that :meth:`has` a row."""
        raise NotImplementedError

    def served(self, seen: Tensor, asked: Tensor) -> Tensor:
        """Say for which combinations training on others made rows.

        Args:
            seen: (s, M) bool, the combinations that training has seen.
            asked: (n, M) bool.

        Returns:
            (n,) bool.
        """
        return torch.isin(places(asked), places(seen))

    def saved_options(self, options: Mapping[str, Any]) -> dict[str, Any]:
        """Return options of this mode as an adapter file repeats them."""
        return dict(options)

    def stored(self, seen: Collection[str]) -> dict[str, str]:
        """Return what a file holds: its name there, and its parameter."""
        raise NotImplementedError

    def write(self, combination: str, row: Tensor) -> None:
        """Set one combination's row, (width,).

        Raises:
            ValueError: this mode has no row of its own for it.
        """
        raise ValueError(
            f'{type(self).__name__} has no row of its own for '
            f"{combination!r}; set `model.adapter.rows` to 'table'"
        )

    def write_all(self, rows: Mapping[str, Tensor]) -> None:
        """Set several combinations' rows; raises as :meth:`write`."""
        for combination, row in rows.items():
            self.write(combination, row)

    def load(self, tensors: Mapping[str, Tensor]) -> None:
        """Copy in what a file holds; names and shapes as :meth:`stored`."""
        known = self.stored(self.names)
        for name, tensor in tensors.items():
            self.get_parameter(known[name]).data.copy_(tensor)
