"""What the page says of one run."""

from __future__ import annotations

import base64
from collections.abc import Iterator

from ..evaluation.measures import mean_miou, recovered_fraction, won_back
from . import figures
from .collecting import Found, Scored
from .pictures import FOLDER, Gallery
from .sections import Section, Shown, drawn
from .tables import class_table, combination_table, fact_table

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


def sections_of(run: Scored, found: Found) -> Iterator[Section]:
    """Yield the sections of one run."""
    report, name, dedicated = run.report, run.name, found.dedicated
    yield _what_was_run(run)
    yield Section(
        'combinations',
        'Scores of every combination',
        [*_summary(run, found), f'{report.settings}. {_images(run)}']
        + [f'{note[0].upper()}{note[1:]}.' for note in report.notes],
        [combination_table(run, dedicated)],
        [
            drawn(
                *(figures.miou_bars(run, dedicated), f'{name} mIoU'),
                'mIoU per combination'
                + (': before, after' if run.base else '')
                + (', dedicated' if dedicated else ''),
            )
        ],
    )
    yield Section(
        'classes', 'Classes and combinations', tables=[class_table(report)]
    )
    if run.losses or run.scores:
        yield _training(run)
    if run.gallery:
        yield _gallery(run, run.gallery)
    if report.ece:
        yield _calibration(run)


def lacking_of(run: Scored, found: Found) -> Iterator[str]:
    """Yield what is not known of one run, with what finds it out."""
    if not run.base:
        yield (
            'Scores before adaptation: mmseg-missing test CONFIG CHECKPOINT '
            '--adapter FILE --base DIR --out WORK_DIR/test'
        )
    if not found.dedicated:
        yield (
            'Dedicated networks: mmseg-missing train CONFIG --modalities '
            'NAMES, then test --out; give their folders too'
        )
    if not (run.losses or run.scores):
        yield (
            'Loss of each combination during training: mmseg-missing repair, '
            'or train --pictures 4'
        )
    if not run.gallery:
        yield (
            'Pictures of the largest repairs and of what is left: '
            'mmseg-missing repair, or test --adapter FILE --base DIR --out '
            'DIR'
        )
    if not run.report.ece:
        yield (
            'Calibration: mmseg-missing test CONFIG CHECKPOINT --out '
            'WORK_DIR/test'
        )


def _summary(run: Scored, found: Found) -> list[str]:
    """Say in a sentence what adapters won, where it is known."""
    report = run.report
    missing = [name for name in report.miou if name != report.full]
    if not (run.base and missing):
        return []
    was = mean_miou({name: run.base[name] for name in missing})
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
            drawn(
                *(figures.curves(run.losses, 'loss'), f'{run.name} loss'),
                'Loss of each combination over the training',
            )
        )
    if run.scores:
        chart = figures.curves(run.scores, 'mIoU (%)', run.axis)
        charts.append(
            drawn(
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
            drawn(
                *(figures.calibration_bars(run), f'{run.name} ece'),
                'Expected calibration error per combination, lower is better',
            ),
            drawn(
                *(figures.reliability(run), f'{run.name} reliability'),
                'Accuracy over confidence',
            ),
        ],
    )
