"""The page: sections of what was found, in a template, in one file."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from ..comparison.render import tradeoff_chart
from ..engine.atomic import write_atomically
from ..evaluation.measures import mean_miou, recovered_fraction, won_back
from ..importance.render import shapley_chart, site_chart
from ..version import __version__
from . import figures
from .collecting import Found, Scored, collect
from .pictures import FOLDER, Gallery
from .tables import (
    HERE,
    Cell,
    Table,
    class_table,
    colour,
    combination_table,
    fact_table,
    method_table,
    methods_by_combination,
)

PAGE_FILE = 'report.html'
TEMPLATE = 'page.html'
VOID_COLOUR = (0, 0, 0)
# Facts of a training, by field of Cost, and how they are written.
COSTS = (
    ('seed', 'seed', '{}'),
    ('iterations', 'training steps', '{:,}'),
    ('seconds', 'seconds of training', '{:,.0f}'),
    ('sampler', 'sampler', '{}'),
    ('trained_parameters', 'numbers that learnt', '{:,}'),
    ('added_parameters', 'numbers added for one combination', '{:,}'),
    ('total_parameters', 'numbers of the adapted network', '{:,}'),
    ('memory_mib', 'peak memory (MiB)', '{:,.0f}'),
    ('device', 'device', '{}'),
)


@dataclass(frozen=True)
class Drawn:
    """A chart: its element, and the words below it."""

    element: Markup
    caption: str


@dataclass(frozen=True)
class Shown:
    """Pictures in the page, bytes as text and words, and a caption."""

    images: Sequence[tuple[str, str]]
    caption: str


@dataclass
class Section:
    """One part of the page; what is empty is not shown.

    Args:
        name: Its address in the page.
        title: Its heading.
        words: Paragraphs.
        tables: Below them.
        charts: Below these.
        pictures: Below these, by their heading.
        classes: RGB of classes, by name.
        commands: As a shell takes them.
        level: The level of the heading.
    """

    name: str
    title: str
    words: Sequence[str] = ()
    tables: Sequence[Table] = ()
    charts: Sequence[Drawn] = ()
    pictures: Mapping[str, Sequence[Shown]] = field(default_factory=dict)
    classes: Mapping[str, Sequence[int]] = field(default_factory=dict)
    commands: Sequence[str] = ()
    level: int = 2


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
    lacking: dict[str, None] = {}
    several = len(found.runs) > 1
    if several:
        sections.append(_side_by_side(found))
    elif found.runs:
        lacking[
            'Accuracy against added numbers takes several runs: '
            'mmseg-missing report WORK_DIR WORK_DIR ...'
        ] = None
    for number, run in enumerate(found.runs, 1):
        start = f'run-{number}-' if several else ''
        if several:
            sections.append(Section(f'run-{number}', f'Run {run.name}'))
        for section in _of_run(run, found, lacking):
            section.name = start + section.name
            section.level = 3 if several else 2
            sections.append(section)
    for number, (folder, analysis) in enumerate(found.analyses.items(), 1):
        sections.append(_sensors(number, folder, analysis))
    if not found.analyses:
        lacking[
            'What each sensor is worth and which layers to adapt: '
            'mmseg-missing analyze CONFIG CHECKPOINT --out WORK_DIR/analysis'
        ] = None
    made = _made(found)
    if made.tables or made.commands:
        sections.append(made)
    return sections, [*lacking]


def _of_run(
    run: Scored, found: Found, lacking: dict[str, None]
) -> Iterator[Section]:
    """Yield the sections of one run; note what it lacks."""
    report, name, dedicated = run.report, run.name, found.dedicated
    yield _what_was_run(run)
    yield Section(
        'combinations',
        'Scores of every combination',
        [*_summary(run, found), f'{report.settings}. {_images(run)}']
        + [f'{note[0].upper()}{note[1:]}.' for note in report.notes],
        [combination_table(run, dedicated)],
        [
            _drawn(
                *(figures.miou_bars(run, dedicated), f'{name} mIoU'),
                'mIoU per combination'
                + (': before, after' if run.base else '')
                + (', dedicated' if dedicated else ''),
            )
        ],
    )
    if not run.base:
        lacking[
            'Scores before adaptation: mmseg-missing test CONFIG CHECKPOINT '
            '--adapter FILE --base DIR --out WORK_DIR/test'
        ] = None
    if not dedicated:
        lacking[
            'Dedicated networks: mmseg-missing train CONFIG --modalities '
            'NAMES, then test --out; give their folders too'
        ] = None
    yield Section(
        'classes', 'Classes and combinations', tables=[class_table(report)]
    )
    if run.losses or run.scores:
        yield _training(run)
    else:
        lacking[
            'Loss of each combination during training: mmseg-missing repair, '
            'or train --pictures 4'
        ] = None
    if run.gallery:
        yield _gallery(run, run.gallery)
    else:
        lacking[
            'Pictures of the largest repairs and of what is left: '
            'mmseg-missing repair, or test --adapter FILE --base DIR --out '
            'DIR'
        ] = None
    if report.ece:
        yield _calibration(run)
    else:
        lacking[
            'Calibration: mmseg-missing test CONFIG CHECKPOINT --out '
            'WORK_DIR/test'
        ] = None


def _summary(run: Scored, found: Found) -> list[str]:
    """Say in a sentence what adapters won, where it is known."""
    report = run.report
    if not run.base:
        return []
    was = mean_miou({n: run.base[n] for n in report.miou if n != report.full})
    said = (
        f'Where something is missing the mean went from {was:.2f} to '
        f'{report.mean_missing:.2f}; the worst is {report.worst} with '
        f'{report.miou[report.worst]:.2f}'
    )
    share = won_back(report.miou, run.base, report.full)
    if share is not None:
        said += f'. {share:.0%} of what missing sensors cost is won back'
    try:
        fraction = recovered_fraction(report.miou, run.base, found.dedicated)
    except ValueError:  # no such networks, or none that is better
        return [f'{said}.']
    return [
        f'{said}, {fraction:.0%} of what dedicated networks have over the '
        'base recovered.'
    ]


def _images(run: Scored) -> str:
    counts = sorted({c.images for c in run.report.combinations})
    ends = ' to '.join(map(str, dict.fromkeys([counts[0], counts[-1]])))
    return f'{ends} images per combination.'


def _what_was_run(run: Scored) -> Section:
    facts: dict[str, str] = {}
    for setting in run.settings.values():
        for key, value in setting.facts.items():
            facts.setdefault(key, value)
    cost = run.part.cost
    if cost is not None:
        facts.setdefault('config', cost.config)
        for key, title, form in COSTS:
            facts.setdefault(title, form.format(getattr(cost, key)))
    report = run.report
    facts.update(
        {
            'sensors': report.full,
            'classes': str(len(report.classes)),
            'split': report.split,
            'fill': report.fill,
            'scores in': str(run.folder),
        }
    )
    return Section(
        'what', 'What was run', tables=[fact_table('The run', facts)]
    )


def _training(run: Scored) -> Section:
    charts = []
    if run.losses:
        charts.append(
            _drawn(
                *(figures.curves(run.losses, 'loss'), f'{run.name} loss'),
                'Loss of each combination over the training',
            )
        )
    if run.scores:
        chart = figures.curves(run.scores, 'mIoU (%)', run.axis)
        charts.append(
            _drawn(
                *(chart, f'{run.name} val'),
                'mIoU of each combination at every validation',
            )
        )
    return Section('training', 'Training', charts=charts)


def _gallery(run: Scored, gallery: Gallery) -> Section:
    pictures: dict[str, list[Shown]] = {}
    for one in gallery.pictures:
        has = f'{one.image}, given {one.combination}'
        scores = f'mIoU of this image {one.before:.1f} to {one.after:.1f}'
        pictures.setdefault(one.kind.capitalize(), []).append(
            Shown(
                [
                    (_data(run, one.inputs), f'Inputs of {has}'),
                    (
                        _data(run, one.masks),
                        f'Base, repaired and truth of {has}; {scores}',
                    ),
                ],
                f'{has}: {scores}.',
            )
        )
    return Section(
        'pictures',
        'Largest repairs, and what is left',
        [
            'From left to right: the inputs, those that the network did not '
            'get crossed out; the base; the repaired network; the truth.'
        ],
        pictures=pictures,
        classes={**gallery.colours, 'no label': VOID_COLOUR},
    )


def _data(run: Scored, name: str) -> str:
    return base64.b64encode((run.folder / FOLDER / name).read_bytes()).decode()


def _calibration(run: Scored) -> Section:
    return Section(
        'calibration',
        'Calibration',
        [
            'The expected calibration error (ECE) is how far confidence and '
            'accuracy are apart, over 15 bins of equal width, weighted by '
            'their pixels. Below the diagonal a network is surer than it is '
            'right.'
        ],
        charts=[
            _drawn(
                *(figures.calibration_bars(run), f'{run.name} ece'),
                'Expected calibration error per combination, lower is better',
            ),
            _drawn(
                *(figures.reliability(run), f'{run.name} reliability'),
                'Accuracy over confidence',
            ),
        ],
    )


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
            _drawn(
                *(tradeoff_chart(comparison), 'tradeoff'),
                'Accuracy against the numbers added for one combination',
            ),
        ],
    )


def _sensors(number: int, folder: str, analysis: Mapping[str, Any]) -> Section:
    rows = analysis['sites']
    chosen = [row for row in rows if row['chosen']]
    best = sorted(chosen, key=lambda row: -row['score'])[:12]
    facts = {
        key.replace('_', ' '): str(value)
        for key, value in analysis['setting'].items()
        if value is not None
    }
    worth = analysis['importance']
    names = [*next(iter(worth.values()))['mIoU']['shapley']]
    return Section(
        f'sensors-{number}',
        'What each sensor is worth, and where to adapt',
        [f'From {folder}.'],
        [
            Table(
                'Shapley values: points of mIoU that a sensor brings',
                ['network', *names],
                [
                    (
                        network,
                        [
                            Cell(f'{scores["mIoU"]["shapley"][n]:+.2f}')
                            for n in names
                        ],
                    )
                    for network, scores in worth.items()
                ],
                is_scaled=False,
            ),
            Table(
                f'The best of {len(chosen)} sites that were chosen among '
                f'{len(rows)}',
                ['site', 'kind', 'numbers', 'score'],
                [
                    (
                        row['name'],
                        [
                            Cell(str(row.get('kind', ''))),
                            Cell(str(row.get('numbers', ''))),
                            Cell(f'{row["score"]:.4f}'),
                        ],
                    )
                    for row in best
                ],
                is_scaled=False,
            ),
            fact_table('How it was measured', facts),
        ],
        [
            _drawn(
                *(shapley_chart(worth), f'shapley {number}'),
                'Shapley values and interactions of sensors',
            ),
            _drawn(
                *(site_chart(rows, ''), f'sites {number}'),
                'Score of every site along the network; those chosen are blue',
            ),
        ],
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


def _drawn(figure: Any, name: str, caption: str) -> Drawn:
    label = ''.join(c if c.isalnum() else '-' for c in name)
    return Drawn(Markup(figures.svg(figure, label, caption)), caption)
