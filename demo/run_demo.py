"""Train, lose sensors, repair: the whole path on built-in scenes."""

from __future__ import annotations

import argparse
import os
import sys
import time
from pathlib import Path

from pictures import draw_grid
from prettytable import PrettyTable
from stages import Trained, forget, score, train

from mmseg_missing.adapters import read_adapter
from mmseg_missing.cli.ending import run_tool
from mmseg_missing.engine.checkpoints import read_state
from mmseg_missing.evaluation import Report, check_writable, recovered_fraction
from mmseg_missing.visualization import bar_chart

BASE = 'cmnext_small_1xb8-12e_scenes-rgbdt-64x96'
ADAPTED = 'cmnext_small-ssf_1xb8-12e_scenes-rgbdt-64x96'
PYTHON = os.path.relpath(sys.executable)
DEDICATED = {
    m: f'cmnext_small_1xb8-12e_scenes-{m}-64x96'
    for m in ('rgb', 'depth', 'thermal')
}


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--work-dir', default='work_dirs/demo')
    parser.add_argument(
        '--fresh', action='store_true', help='repeat finished stages'
    )
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    folder = Path(check_writable(args.work_dir))
    if args.fresh:
        forget(folder)
    start = time.time()
    base = train(BASE, 'train the base', folder)
    broken = score(base, 'score the base', folder)
    adapted = train(
        ADAPTED,
        'adapt all combinations',
        folder,
        base.checkpoint,
    )
    adapter = adapted.checkpoint.parent / 'adapter.safetensors'
    repaired = score(
        Trained(adapted.config, base.checkpoint, adapted.seconds),
        'score the repair',
        folder,
        adapter,
    )
    dedicated, seconds = {}, 0.0
    for modality, name in DEDICATED.items():
        alone = train(name, f'train a network for {modality}', folder)
        report = score(alone, f'score the network for {modality}', folder)
        dedicated[modality] = report.miou[modality]
        seconds += alone.seconds
    write_results(folder, broken, repaired, dedicated)
    draw_grid(folder / 'pictures.png', base, adapted.config, adapter)
    fraction = recovered_fraction(repaired.miou, broken.miou, dedicated)
    numbers, share = adapter_size(base, adapter)
    full = '+'.join(broken.modalities)
    print(
        f'\nWith every sensor the base reaches {broken.miou[full]:.1f} mIoU, '
        f'with {broken.worst} alone {broken.miou[broken.worst]:.1f}. One run '
        f'of {adapted.seconds:.0f} s taught it all six missing combinations, '
        f'{numbers:,} numbers each ({share:.2f} % of the network), and lifts '
        f'the mean over combinations from {broken.mean:.1f} to '
        f'{repaired.mean:.1f}; with every sensor present nothing changes. Of '
        'what networks trained for one sensor alone have over the base '
        f'({seconds:.0f} s of training) it recovers the fraction '
        f'{fraction:.2f}. Table, chart and pictures are in {folder}; this '
        f'took {time.time() - start:.0f} s. Next, see what another fill '
        'does:\n\n'
        f'  {PYTHON} tools/test.py {os.path.relpath(adapted.config)} \\\n'
        f'    {base.checkpoint} \\\n    --adapter {adapter} --fill black'
    )


def adapter_size(base: Trained, adapter: Path) -> tuple[int, float]:
    """Return the numbers of one row and their share of the base in %."""
    _, rows = read_adapter(adapter)
    numbers = len(next(iter(rows.values())))
    total = sum(
        value.numel()
        for key, value in read_state(base.checkpoint).items()
        if not key.endswith(('running_mean', 'running_var', 'tracked'))
    )
    return numbers, 100 * numbers / total


def write_results(
    folder: Path,
    broken: Report,
    repaired: Report,
    dedicated: dict[str, float],
) -> None:
    """Print and write the table, and draw the chart."""
    table = PrettyTable(['present', 'base', 'adapted', 'dedicated'])
    table.align = 'r'
    for name in broken.miou:
        alone = f'{dedicated[name]:.2f}' if name in dedicated else '-'
        row = [f'{r.miou[name]:.2f}' for r in (broken, repaired)]
        table.add_row([name, *row, alone])
    table.add_row(['mean', f'{broken.mean:.2f}', f'{repaired.mean:.2f}', '-'])
    text = (
        f'mIoU (%) on {broken.combinations[0].images} unseen scenes, rule '
        f'{broken.rule}, fill {broken.fill}\n{table}\n'
    )
    print(f'\n{text}')
    (folder / 'table.txt').write_text(text)
    networks = {
        'base, zero-filled': broken.miou,
        'adapted': repaired.miou,
        'dedicated': dedicated,
    }
    figure = bar_chart(networks, 'Built-in scenes', 'mIoU (%)')
    figure.savefig(folder / 'chart.png', dpi=120)


if __name__ == '__main__':
    run_tool(main)
