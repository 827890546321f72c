"""What an analysis found: files, charts and the choice of sites."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from .analyzer import ModalityAnalyzer
from .placement import Placement, choose_randomly, write_sites
from .render import (
    class_shapley_table,
    drift_chart,
    drift_table,
    shapley_chart,
    shapley_table,
    site_chart,
    site_table,
    value_table,
)


class Findings:
    """Everything that was measured, and the sites that follow from it.

    Args:
        analyzer: After its run.
        placement: How sites are chosen.
        setting: How it was measured, for the files.
    """

    def __init__(
        self,
        analyzer: ModalityAnalyzer,
        placement: Placement,
        setting: Mapping[str, Any],
    ) -> None:
        self.placement, self.setting = placement, dict(setting)
        self.importance = {
            name: scores.report() for name, scores in analyzer.scores.items()
        }
        self.drift = {
            name: drift.report() for name, drift in analyzer.drift.items()
        }
        self.sensitivity = analyzer.sensitivity.report()
        scores, chosen = placement.choose(analyzer)
        self.rows = [
            {
                'name': site.name,
                'kind': site.kind,
                'numbers': 2 * site.num_features,
                'score': score,
                'chosen': index in chosen,
            }
            for index, (site, score) in enumerate(zip(analyzer.sites, scores))
        ]

    @property
    def sites(self) -> list[str]:
        """Names of the chosen sites, relative to what is adapted."""
        return [row['name'] for row in self.rows if row['chosen']]

    def tables(self) -> str:
        """Return what a reader at the terminal wants to see."""
        classes = [
            class_shapley_table(found, f'{name}: Shapley values of the IoU')
            for name, found in self.importance.items()
        ]
        return '\n'.join(
            [
                value_table(self.importance),
                shapley_table(self.importance),
                *classes,
                drift_table(self.drift),
                site_table(self.rows, self.headline),
            ]
        )

    @property
    def headline(self) -> str:
        """What was chosen, in words."""
        numbers = sum(row['numbers'] for row in self.rows)
        kept = sum(row['numbers'] for row in self.rows if row['chosen'])
        return (
            f'{len(self.sites)} of {len(self.rows)} sites by '
            f'{self.placement.by}, {kept:,} of {numbers:,} numbers'
        )

    def write(self, folder: Path, controls: int = 0) -> Iterator[Path]:
        """Write JSON, charts and site files; yield each path.

        Args:
            folder: Where to; it exists.
            controls: How many random choices of the same budget to add.
        """
        yield self._write_json(folder / 'analysis.json')
        for name, figure in self._charts():
            figure.savefig(folder / name, dpi=150)
            yield folder / name
        about = {**asdict(self.placement), **self.setting}
        write_sites(folder / 'sites.json', self.sites, **about)
        yield folder / 'sites.json'
        names = [row['name'] for row in self.rows]
        costs = [row['numbers'] for row in self.rows]
        for seed in range(controls):
            p = self.placement
            drawn = choose_randomly(costs, p.budget, p.unit, seed)
            path = folder / f'sites_random{seed}.json'
            write_sites(
                path,
                [names[index] for index in drawn],
                **{**about, 'by': f'random, seed {seed}'},
            )
            yield path

    def _write_json(self, path: Path) -> Path:
        found = {
            'setting': self.setting,
            'placement': asdict(self.placement),
            'importance': self.importance,
            'drift': {
                network: {
                    name: {site: asdict(d) for site, d in sites.items()}
                    for name, sites in drifts.items()
                }
                for network, drifts in self.drift.items()
            },
            'sensitivity': {
                name: {site: asdict(s) for site, s in sites.items()}
                for name, sites in self.sensitivity.items()
            },
            'sites': self.rows,
        }
        path.write_text(
            json.dumps(found, indent=1, allow_nan=False) + '\n',
            encoding='utf-8',
        )
        return path

    def _charts(self) -> Iterator[tuple[str, Any]]:
        yield 'shapley.png', shapley_chart(self.importance)
        for network, found in self.drift.items():
            name = 'drift.png' if network == 'base' else f'drift_{network}.png'
            title = f'{network}: what scale and shift can repair at each site'
            yield name, drift_chart(found, title)
        yield 'sites.png', site_chart(self.rows, self.headline)
