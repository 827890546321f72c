"""The page: sections of what was found, in a template, in one file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from ..comparison.render import tradeoff_chart
from ..engine.atomic import write_atomically
from ..importance.render import shapley_chart, site_chart
from ..version import __version__
from .collecting import Found, collect
from .run_sections import lacking_of, sections_of
from .sections import Section, drawn
from .tables import (
    HERE,
    Cell,
    Table,
    colour,
    fact_table,
    method_table,
    methods_by_combination,
)

PAGE_FILE = 'report.html'
TEMPLATE = 'page.html'
MOST_SITES = 12  # in a table


def write_page(
    folders: Sequence[str | Path], out: str | Path | None = None
) -> Path:
    """Write the page of work folders, and return its path.

    Args:
        folders: See :func:`~mmseg_missing.reporting.collect`.
        out: Its file; default: ``report.html`` in the first folder.

    Raises:
        FileNotFoundError: a folder that is no run.
        OSError: the file cannot be written.
        ValueError: what cannot be read, or stand on one page.
    """
    path = Path(out) if out else Path(folders[0]) / PAGE_FILE
    text = page_of(collect(folders))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, text)
    except OSError as error:
        raise OSError(
            f"report '{path}' cannot be written ({error.strerror}); choose "
            'another file (--out)'
        ) from error
    return path


def page_of(found: Found) -> str:
    """Return the page as HTML; the same for the same files."""
    sections, lacking = _sections(found)
    environment = Environment(
        loader=PackageLoader('mmseg_missing.reporting', '.'),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template(TEMPLATE).render(
        title=_title(found),
        sections=sections,
        lacking=lacking,
        here=HERE,
        scale=', '.join(colour(p)[0] for p in range(0, 101, 10)),
        version=__version__,
    )


def _title(found: Found) -> str:
    names = [run.name for run in found.runs] or [*found.analyses]
    more = f' and {len(names) - 1} more' if len(names) > 1 else ''
    return names[0] + more


def _sections(found: Found) -> tuple[list[Section], list[str]]:
    """Return what is shown, and sentences on what is not."""
    sections: list[Section] = []
    lacking: list[str] = []
    several = len(found.runs) > 1
    if several:
        sections.append(_side_by_side(found))
    elif found.runs:
        lacking.append(
            'Accuracy against added numbers takes several runs: '
            'mmseg-missing report WORK_DIR WORK_DIR ...'
        )
    for number, run in enumerate(found.runs, 1):
        start = f'run-{number}-' if several else ''
        if several:
            sections.append(Section(f'run-{number}', f'Run {run.name}'))
        lacking += lacking_of(run, found)
        for section in sections_of(run, found):
            section.name = start + section.name
            section.level = 3 if several else 2
            sections.append(section)
    for number, (folder, analysis) in enumerate(found.analyses.items(), 1):
        sections.append(_sensors(number, folder, analysis))
    if not found.analyses:
        lacking.append(
            'What each sensor is worth and which layers to adapt: '
            'mmseg-missing analyze CONFIG CHECKPOINT --out WORK_DIR/analysis'
        )
    made = _made(found)
    if made.tables or made.commands:
        sections.append(made)
    return sections, [*dict.fromkeys(lacking)]


def _side_by_side(found: Found) -> Section:
    comparison = found.comparison
    words = []
    if comparison.base is None and any(run.base for run in found.runs):
        words.append(
            'The runs did not begin with one network, so that nothing here is '
            'measured against a base; each run below is, against its own.'
        )
    return Section(
        'side-by-side',
        'Runs side by side',
        words,
        tables=[method_table(comparison), methods_by_combination(comparison)],
        charts=[
            drawn(
                *(tradeoff_chart(comparison), 'tradeoff'),
                'Accuracy against the numbers added for one combination',
            ),
        ],
    )


def _sensors(number: int, folder: str, analysis: Mapping[str, Any]) -> Section:
    rows, worth = analysis['sites'], analysis['importance']
    facts = {
        key.replace('_', ' '): str(value)
        for key, value in analysis['setting'].items()
        if value is not None
    }
    return Section(
        f'sensors-{number}',
        'What each sensor is worth, and where to adapt',
        [f'From {folder}.'],
        [
            _worth_table(worth),
            _site_table(rows),
            fact_table('How it was measured', facts),
        ],
        [
            drawn(
                *(shapley_chart(worth), f'shapley {number}'),
                'Shapley values and interactions of sensors',
            ),
            drawn(
                *(site_chart(rows, ''), f'sites {number}'),
                'Score of every site along the network; those chosen are blue',
            ),
        ],
    )


def _worth_table(worth: Mapping[str, Any]) -> Table:
    names = [*next(iter(worth.values()))['mIoU']['shapley']]
    values = {
        network: scores['mIoU']['shapley'] for network, scores in worth.items()
    }
    return Table(
        'Shapley values: points of mIoU that a sensor brings',
        ['network', *names],
        [
            (network, [Cell(f'{found[n]:+.2f}') for n in names])
            for network, found in values.items()
        ],
        is_scaled=False,
    )


def _site_table(rows: Sequence[Mapping[str, Any]]) -> Table:
    chosen = [row for row in rows if row['chosen']]
    best = sorted(chosen, key=lambda row: -row['score'])[:MOST_SITES]
    cells = [
        [
            str(row.get('kind', '')),
            str(row.get('numbers', '')),
            f'{row["score"]:.4f}',
        ]
        for row in best
    ]
    return Table(
        f'The best of {len(chosen)} sites that were chosen among {len(rows)}',
        ['site', 'kind', 'numbers', 'score'],
        [
            (row['name'], list(map(Cell, texts)))
            for row, texts in zip(best, cells, strict=True)
        ],
        is_scaled=False,
    )


def _made(found: Found) -> Section:
    """Return how everything was made, each command once."""
    commands: dict[str, None] = {}
    versions: dict[str, dict[str, None]] = {}
    for run in found.runs:
        for setting in run.settings.values():
            if setting.command:
                commands[setting.command] = None
            for name, version in setting.versions.items():
                versions.setdefault(name, {})[version] = None
    texts = {name: ', '.join(known) for name, known in versions.items()}
    tables = [fact_table('Versions', texts)] if texts else []
    return Section(
        'made',
        'Commands and versions',
        tables=tables,
        commands=[*commands],
    )
