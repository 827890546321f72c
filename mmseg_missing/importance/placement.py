"""Which sites to adapt under a budget."""

from __future__ import annotations

import json
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..evaluation.measures import chances

if TYPE_CHECKING:
    from .analyzer import ModalityAnalyzer

UNITS = ('sites', 'numbers')
# The first is the default. Gain that a quarter of the sites kept, of all
# sites', on scenes 50000 to 50079 (four combinations, 300 training samples
# each, one seed): l1 96 %, sensitivity 96 %, random 85 to 86 %, snr 77 %.
CRITERIA = ('l1', 'sensitivity', 'fisher', 'snr', 'drift')


@dataclass(frozen=True)
class Placement:
    """How sites are chosen.

    Args:
        by: One of :data:`CRITERIA`.
        budget: Part of all sites or numbers, in (0, 1].
        unit: ``sites``: the best of them. ``numbers``: the best per number,
            as long as they fit.
        missing_rate: Weigh combinations by how often they are left if each
            sensor fails with this probability; default: all alike.

    Raises:
        ValueError: a value that cannot work.

    >>> Placement(by='l1', budget=0.25).budget
    0.25
    """

    by: str = CRITERIA[0]
    budget: float = 0.25
    unit: str = 'sites'
    missing_rate: float | None = None

    def __post_init__(self) -> None:
        if self.by not in CRITERIA:
            raise ValueError(
                f'sites are chosen by one of {", ".join(CRITERIA)}, got '
                f'{self.by!r}'
            )
        _budget([1], self.budget, self.unit)
        if self.missing_rate is not None and not 0 < self.missing_rate < 1:
            raise ValueError(
                f'a missing rate must be in (0, 1), got {self.missing_rate}'
            )

    def choose(
        self, analyzer: ModalityAnalyzer
    ) -> tuple[list[float], list[int]]:
        """Return a score for each site, and the indices of the chosen."""
        names = [site.name for site in analyzer.sites]
        if self.by == 'drift':
            found = analyzer.drift['base'].report()
            values = {
                c: [d[n].gain if n in d else 0.0 for n in names]
                for c, d in found.items()
            }
        else:
            found = analyzer.sensitivity.report()
            values = {
                c: [getattr(d[n], self.by) for n in names]
                for c, d in found.items()
            }
        weights = None
        if self.missing_rate is not None:
            weights = chances(analyzer.stack, self.missing_rate)
        scores = combine(values, weights)
        costs = [2 * site.num_features for site in analyzer.sites]
        return scores, choose(scores, costs, self.budget, self.unit)


def combine(
    values: Mapping[str, Sequence[float]],
    weights: Mapping[str, float] | None = None,
) -> list[float]:
    """Return one score per site, over all combinations.

    Each combination is brought to the sum 1 first: otherwise those with the
    largest loss decide alone.

    Args:
        values: For each combination one value per site, 0 or more.
        weights: Weights of the combinations, 0 where not named; default: all
            alike.
    """
    total: list[float] = []
    for name, found in values.items():
        weight = 1.0 if weights is None else weights.get(name, 0.0)
        share = weight / (sum(found) or 1.0)
        total = total or [0.0] * len(found)
        total = [t + share * v for t, v in zip(total, found, strict=True)]
    return total


def choose(
    scores: Sequence[float],
    costs: Sequence[int],
    budget: float,
    unit: str = 'sites',
) -> list[int]:
    """Return the indices of the best sites, in network order.

    Args:
        scores: One per site; a site with 0 is never chosen.
        costs: Numbers of each site.
        budget: Part of all sites or numbers, in (0, 1].
        unit: ``sites``: the best of them. ``numbers``: the best per number,
            as long as they fit.

    Raises:
        ValueError: a budget or unit that cannot work, or no site fits.
    """
    left = _budget(costs, budget, unit)
    price = [1] * len(costs) if unit == 'sites' else list(costs)
    ranked = sorted(
        range(len(scores)), key=lambda i: scores[i] / price[i], reverse=True
    )
    chosen = []
    for index in ranked:
        if scores[index] > 0 and price[index] <= left:
            chosen.append(index)
            left -= price[index]
    if not chosen:
        raise ValueError(
            f'no site fits into {budget:.0%} of all {unit}; raise --budget'
        )
    return sorted(chosen)


def choose_randomly(
    costs: Sequence[int], budget: float, unit: str = 'sites', seed: int = 0
) -> list[int]:
    """Return as many sites as a budget buys, drawn without a look at them.

    Args:
        costs: Numbers of each site.
        budget: See :func:`choose`.
        unit: See :func:`choose`.
        seed: Seed of the draw.
    """
    order = random.Random(seed).sample(range(len(costs)), len(costs))
    left = _budget(costs, budget, unit)
    chosen = []
    for index in order:
        price = 1 if unit == 'sites' else costs[index]
        if price <= left:
            chosen.append(index)
            left -= price
    return sorted(chosen)


def _budget(costs: Sequence[int], budget: float, unit: str) -> int:
    if unit not in UNITS or not 0 < budget <= 1:
        raise ValueError(
            f'a budget is a part in (0, 1] of the {" or ".join(UNITS)}, got '
            f'{budget} of the {unit}; check --budget and --budget-of'
        )
    if unit == 'sites':
        return max(round(budget * len(costs)), 1)
    return int(budget * sum(costs))


def write_sites(path: str | Path, names: Sequence[str], **about: Any) -> None:
    """Write the file that ``adapter=dict(sites='file')`` takes.

    Args:
        path: File to write.
        names: Sites, relative to the network that is adapted.
        **about: How they were chosen.
    """
    text = json.dumps({'sites': list(names), **about}, indent=2)
    Path(path).write_text(text + '\n', encoding='utf-8')
