"""Forwards of adapted CMNeXt-B2 in two checkouts, taking turns.

    git worktree add ../before COMMIT
    python tests/reliability/compare_speed.py ../before .

Each checkout runs in a process of its own, with one thread; only one of them
computes at a time. What counts is the ratio: the machine may be busy.
"""

import os
import statistics
import subprocess
import sys
from pathlib import Path

ROUNDS = 15
CONFIG = 'configs/cmnext/cmnext_mit-b2-ssf_1xb4-100e_nyuv2-40-rgbd-480x640.py'
WORKER = """
import sys, time, torch, warnings
warnings.simplefilter('ignore')
torch.set_num_threads(1)
import mmseg_missing
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmseg.registry import MODELS
cfg = Config.fromfile(sys.argv[1])
init_default_scope('mmseg')
cfg.model.backbone.init_cfg = None
torch.manual_seed(0)
model = MODELS.build(cfg.model).eval()
bank = model.adapters
for row in bank.rows.table.values():
    row.data.normal_(0, 0.05)
bank.samples_seen += 1
image = torch.randn(1, model.stack.num_channels, 240, 320)
cases = {'all': (True, True), 'rgb': (True, False)}
for line in sys.stdin:
    meta = dict(present=cases[line.strip()], ori_shape=(240, 320),
                img_shape=(240, 320), pad_shape=(240, 320))
    start = time.perf_counter()
    with torch.no_grad():
        model.encode_decode(image, [meta])
    print(time.perf_counter() - start, flush=True)
"""


def start(checkout):
    """Return a process that times one forward for each line it gets."""
    root = Path(checkout).resolve()
    return subprocess.Popen(
        [sys.executable, '-c', WORKER, str(root / CONFIG)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        cwd=root,
        env={**os.environ, 'PYTHONPATH': str(root), 'OMP_NUM_THREADS': '1'},
    )


def ask(process, case):
    process.stdin.write(case + '\n')
    process.stdin.flush()
    return float(process.stdout.readline())


def main():
    before, after = map(start, sys.argv[1:3])
    for case in ('all', 'rgb'):
        for process in (before, after):
            ask(process, case)  # the first one warms up
        pairs = [(ask(before, case), ask(after, case)) for _ in range(ROUNDS)]
        ratio = statistics.median(b / a for a, b in pairs)
        seconds = [statistics.median(column) for column in zip(*pairs)]
        print(
            f'{case}: before {seconds[0]:.3f} s, after {seconds[1]:.3f} s, '
            f'median ratio {ratio:.3f}'
        )


if __name__ == '__main__':
    main()
