"""What all row modes share."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import torch
from torch import Tensor, nn

from ...modality import Stack
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

    Raises:
        TypeError: ``combinations`` is no list of names.
        ValueError: an unknown combination, one twice, or the full one.
    """

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
            names = [stack.format(stack.parse(name)) for name in given]
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
        # Part of every graph, with gradient zero: without it a batch that
        # misses nothing has no graph, GradScaler finds no gradient, and the
        # other ranks of DDP wait for ever.
        self.anchor = nn.Parameter(torch.zeros(1))

    def forward(self, combinations: Sequence[str]) -> Tensor:
        """Return (n, width): each sample's row."""
        rows, index = self.unique(combinations)
        return rows.index_select(0, torch.tensor(index, device=rows.device))

    def unique(self, combinations: Sequence[str]) -> tuple[Tensor, list[int]]:
        """Return each row once, (k, width), and where each sample's lies.

        Only what is drawn enters the graph: the gradient of anything else
        stays None, so that no optimizer moves it.
        """
        kinds = list(dict.fromkeys(combinations))
        drawn = [name for name in kinds if self.has(name)]
        zeros = self.anchor.new_zeros(1, self.width)
        rows = [zeros.where(zeros == 0, self.anchor)]
        if drawn:
            # Sums over rows must not be rounded to half precision.
            with torch.autocast(zeros.device.type, enabled=False):
                rows.append(self.compute(drawn))
        places = {name: i + 1 for i, name in enumerate(drawn)}
        return torch.cat(rows), [places.get(c, 0) for c in combinations]

    def has(self, combination: str) -> bool:
        """Say whether there is a row that is not constant zero."""
        raise NotImplementedError

    def compute(self, combinations: Sequence[str]) -> Tensor:
        """Return (n, width) for combinations that :meth:`has` a row."""
        raise NotImplementedError

    def serves(self, combination: str, seen: Collection[str]) -> bool:
        """Say whether training on ``seen`` made a row for ``combination``."""
        return bool(self.served(seen, [combination]))

    def served(
        self, seen: Collection[str], combinations: Sequence[str]
    ) -> tuple[str, ...]:
        """Return the combinations for which training on ``seen`` made rows."""
        known = set(seen)
        return tuple(name for name in combinations if name in known)

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
