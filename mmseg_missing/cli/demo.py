"""Train, lose sensors, repair: all of it on built-in scenes.

About ten minutes on two CPU cores. Stopped, it goes on where it was.

Example:
  mmseg-missing demo --work-dir work_dirs/demo
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from mmseg.registry import DATASETS

from ..apis import Inferencer
from ..apis.model import load_config
from ..apis.repair import Repaired, repair
from ..apis.stages import forget, score_stage, train_stage
from ..apis.verdict import fills
from ..evaluation import check_writable
from ..evaluation.measures import recovered_fraction
from ..evaluation.render import plain_table
from ..evaluation.traces import RATES_TEXT
from ..reporting import write_page
from ..startup.config_files import find_config
from ..visualization.bar_chart import bar_chart
from ..visualization.pictures import (
    colorize_label,
    colorize_modality,
    contact_sheet,
    write_picture,
)
from .arguments import verb_parser
from .ending import say, say_next, saying

BASE = 'cmnext_small_1xb8-12e_scenes-rgbdt-64x96'
DEDICATED = {
    m: f'cmnext_small_1xb8-12e_scenes-{m}-64x96'
    for m in ('rgb', 'depth', 'thermal')
}
# What each row of the pictures still has.
ROWS = ('depth+thermal', 'rgb+thermal', 'rgb', 'depth', 'thermal')
ZOOM = 2


def parser() -> argparse.ArgumentParser:
    """Return the parser of this verb."""
    parser = verb_parser('demo', __doc__)
    parser.add_argument(
        '--work-dir',
        default='work_dirs/demo',
        metavar='DIR',
        help='default: work_dirs/demo',
    )
    parser.add_argument(
        '--fresh', action='store_true', help='repeat what is finished'
    )
    return parser


def main(argv: Sequence[str] | None = None) -> None:
    """Run the demo."""
    args = parser().parse_args(argv)
    folder = check_writable(args.work_dir)
    if args.fresh:
        forget(folder)
    with saying('what is finished is kept, start it again'):
        run(folder)


def run(folder: Path) -> None:
    """Train, repair, and compare with networks for one sensor each."""
    start = time.time()
    config = find_config(BASE)
    base = train_stage(load_config(config), folder / BASE, 'train the base')
    repaired = repair(
        config,
        base.checkpoint,
        folder / f'{BASE}-repaired',
        fresh=not base.is_reused,
    )
    dedicated, seconds = {}, 0.0
    for modality, name in DEDICATED.items():
        cfg = load_config(find_config(name))
        title = f'train a network for {modality}'
        alone = train_stage(cfg, folder / name, title)
        report = score_stage(
            cfg,
            alone.checkpoint,
            folder / name / 'test',
            f'score the network for {modality}',
        )
        dedicated[modality] = report.miou[modality]
        seconds += alone.seconds
    write_results(folder, repaired, dedicated)
    draw_grid(folder / 'pictures.png', config, base.checkpoint, repaired)
    write_frame(folder / 'frame.png', config)
    page = write_page([folder])
    before, after = repaired.before, repaired.after
    fraction = recovered_fraction(after.miou, before.miou, dedicated)
    say(
        f'{repaired.summary}\nOf what networks trained for one sensor alone '
        f'have over the base ({seconds:.0f} s of training) it recovers the '
        f'fraction {fraction:.2f}. Table, chart, pictures and a frame to '
        f'try are in {folder}, all of it in {page}; '
        f'this took {time.time() - start:.0f} s.'
    )
    say_next(
        'test',
        config.stem,
        base.checkpoint,
        '--adapter',
        repaired.adapter,
        '--trace',
        RATES_TEXT,
        why='sensors that come and go',
    )


def write_results(
    folder: Path, repaired: Repaired, dedicated: dict[str, float]
) -> None:
    """Print and write the table, and draw the chart."""
    before, after = repaired.before, repaired.after
    table = plain_table(['present', 'base', 'adapted', 'dedicated'])
    for name in before.miou:
        alone = f'{dedicated[name]:.2f}' if name in dedicated else '-'
        row = [f'{report.miou[name]:.2f}' for report in (before, after)]
        table.add_row([name, *row, alone])
    table.add_row(['mean', f'{before.mean:.2f}', f'{after.mean:.2f}', '-'])
    text = (
        f'mIoU (%) on {before.combinations[0].images} unseen scenes, rule '
        f'{before.rule}, fill {fills(before, after)}\n{table}\n'
    )
    print(f'\n{text}')
    (folder / 'table.txt').write_text(text, encoding='utf-8')
    networks = {
        'base, zero-filled': before.miou,
        'adapted': after.miou,
        'dedicated': dedicated,
    }
    figure = bar_chart(networks, 'Built-in scenes', 'mIoU (%)')
    figure.savefig(folder / 'chart.png', dpi=120)


def draw_grid(
    path: Path, config: Path, checkpoint: Path, repaired: Repaired
) -> None:
    """Write inputs, broken and repaired prediction, and truth to a PNG.

    Args:
        path: Path of the picture.
        config: Config of the base.
        checkpoint: Checkpoint of the base.
        repaired: Repair of that base.
    """
    broken = Inferencer(config, checkpoint)
    whole = Inferencer(config, checkpoint, repaired.adapter)
    stack = broken.model.stack
    scenes = DATASETS.build(broken.model.cfg.test_dataloader.dataset)
    palette = scenes.metainfo['palette']
    rows = []
    for index, combination in enumerate(ROWS):
        scene = scenes.get_data_info(index)
        frame = {
            name: scene['modalities'][name] for name in combination.split('+')
        }
        inputs = [
            colorize_modality(frame[name]) if name in frame else None
            for name in stack.names
        ]
        labels = [broken(frame), whole(frame), scene['gt_seg_map']]
        pictures = [colorize_label(label, palette) for label in labels]
        rows.append([_zoomed(cell) for cell in (*inputs, *pictures)])
    titles = [*stack.names, 'base', 'adapted', 'truth']
    write_picture(path, contact_sheet(rows, titles))


def write_frame(path: Path, config: Path) -> None:
    """Write the colours of an unseen scene to a PNG, to try a network on.

    Args:
        path: Path of the picture.
        config: Config of the base.
    """
    scenes = DATASETS.build(load_config(config).test_dataloader.dataset)
    write_picture(path, scenes.get_data_info(0)['modalities']['rgb'])


def _zoomed(picture: np.ndarray | None) -> np.ndarray | None:
    if picture is None:
        return None
    return picture.repeat(ZOOM, axis=0).repeat(ZOOM, axis=1)
