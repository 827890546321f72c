"""Rows without training: from statistics of what the sites give."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import compress
from typing import Any

import torch
from torch import Tensor, nn

from ..bank import AdapterBank
from ..methods import ScaleShift, Shift
from ..rows import MixedRows
from .moments import Moments, PairedMoments
from .norm_statistics import NormFit

Run = Callable[[Any, Sequence[str]], object]
Affine = tuple[Tensor, Tensor]

# A scale outside would let a site that lost its signal go silent, and with
# it the gradient of all that is before it, or would blow its noise up.
SCALES = (0.5, 2.0)


@torch.no_grad()
def fit_rows(
    root: nn.Module,
    run: Run,
    batches: Iterable[Any],
    by: str = 'moments',
    combinations: Sequence[str] | None = None,
) -> dict[str, Tensor]:
    """Return the numbers of combinations in closed form; nothing is written.

    ``moments`` brings what a site gives for a missing input closest to what
    it gives for the full one, by a scale and shift per channel (a shift
    alone for :class:`Shift`). ``norm_statistics`` gives batch norms the mean
    and variance that they have under the missing input, as running the
    network in train mode with ``momentum=None`` would; it leaves all other
    sites alone. In both, a site sees what the repaired ones before it give.

    Args:
        root: A network with adapters; they are bypassed meanwhile.
        run: ``run(batch, names)`` runs the network in eval mode on the batch
            under each of these combinations, stacked along the batch.
        batches: Samples that have everything.
        by: A key of ``FITS``.
        combinations: Default: all of the table; of additive rows those that
            miss one modality, where each can fail alone.

    Returns:
        For each combination (width,) numbers that ``bank.write_all`` takes.

    Raises:
        ValueError: an unknown ``by``; a method or a row mode that it does
            not serve; no batch norm to estimate; no batch.
    """
    bank: AdapterBank = root.adapters
    if by not in FITS:
        raise ValueError(
            f'rows are fitted by one of {", ".join(FITS)}, got {by!r}'
        )
    names = _combinations(bank, combinations)
    fits = {name: FITS[by](root, run, name) for name in names}
    ran = False
    with bank.bypassed():
        for batch in batches:
            ran = True
            for fit in fits.values():
                fit.see(batch)
    if not ran:
        raise ValueError('there is no batch of complete samples to fit on')
    return {name: _numbers(bank, fit.maps()) for name, fit in fits.items()}


class MomentsFit:
    """The best map of each site, the ones before it being repaired.

    Args:
        root: The network.
        run: See :func:`fit_rows`.
        combination: What misses something.
    """

    def __init__(self, root: nn.Module, run: Run, combination: str) -> None:
        bank: AdapterBank = root.adapters
        if not issubclass(bank.method, (ScaleShift, Shift)):
            raise ValueError(
                f'moments give scales and shifts, not a {bank.method.__name__}'
                "; set `model.adapter.type` to 'ScaleShift'"
            )
        self._run, self._names = run, (bank.stack.full, combination)
        is_shift = issubclass(bank.method, Shift)
        self._rule = best_shift if is_shift else best_affine
        self._watched = PairedMoments(root, bank.sites, self._correct)

    def see(self, batch: Any) -> None:
        """Run one batch, complete and incomplete side by side."""
        with self._watched:
            self._run(batch, self._names)

    def maps(self) -> list[Affine | None]:
        """Return (scale, shift) of each site, None if it never ran."""
        return [
            None if m is None else self._rule(m) for m in self._watched.moments
        ]

    def _correct(self, index: int, found: Moments) -> Affine:
        before = self._watched.moments[index]
        return self._rule(found if before is None else before + found)


def best_affine(moments: Moments) -> Affine:
    """Return the scale within ``SCALES`` and the shift with least error."""
    scale = moments.affine()[0].clamp(*SCALES)
    return scale, moments.mean_y - scale * moments.mean_x


def best_shift(moments: Moments) -> Affine:
    """Return a scale of ones and the shift with the least error."""
    shift = moments.mean_y - moments.mean_x
    return torch.ones_like(shift), shift


FITS: dict[str, type[MomentsFit | NormFit]] = {
    'moments': MomentsFit,
    'norm_statistics': NormFit,
}


def _combinations(
    bank: AdapterBank, wanted: Sequence[str] | None
) -> list[str]:
    """Return the combinations to fit, all of which can be written."""
    if isinstance(bank.rows, MixedRows):
        raise ValueError(
            f'{bank.row_mode} rows are mixed out of vectors that all share '
            "and cannot be set; set `model.adapter.rows` to 'table' or "
            "'additive'"
        )
    if wanted is None:
        return _determining(bank)
    own = bank.rows.names
    names = [bank.stack.canonical(name) for name in wanted]
    strange = [name for name in names if name not in own]
    if strange or not names:
        raise ValueError(
            f'{strange or names} have no rows of their own, only {list(own)} '
            'have; check `model.adapter.combinations`'
        )
    return names


def _determining(bank: AdapterBank) -> list[str]:
    """Return all combinations, or the few from which sums follow."""
    names = list(bank.rows.names)
    if bank.row_mode != 'additive':
        return names
    gone = ~bank.stack.present(names)
    single = [*compress(names, (gone.sum(1) == 1).tolist())]
    return single if len(single) == gone.any(0).sum() else names


def _numbers(bank: AdapterBank, maps: Sequence[Affine | None]) -> Tensor:
    """Return (width,) numbers, the identity where there is no map."""
    numbers = bank.identity.clone()
    for part, found in zip(numbers.split(bank.widths), maps):
        if found is not None:
            # A shift alone has no place for its scale of ones.
            part.copy_(torch.cat(found)[-len(part) :])
    return numbers
