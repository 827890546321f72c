"""Calls and evaluations that go on and on need no more memory.

python -m pytest -m slow tests/reliability/test_memory.py -s
"""

import os
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.hooks import Hook
from mmengine.registry import DefaultScope
from mmengine.runner import Runner
from mmseg.registry import MODELS

from mmseg_missing.apis import Inferencer

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not Path('/proc/self/statm').is_file(), reason='needs /proc'
    ),
]
CONFIGS = Path(__file__).parents[1] / 'configs'
NAMES = ('rgb', 'depth', 'thermal', 'nir')
MB = 2**20
# What an allocator may keep back; 2,000 lost masks of 32x48 would be 3 MB,
# 2,000 lost inputs 37 MB.
SLACK = 6 * MB


def resident():
    """Return the bytes of memory that this process holds."""
    pages = int(Path('/proc/self/statm').read_text().split()[1])
    return pages * os.sysconf('SC_PAGE_SIZE')


@pytest.fixture
def cfg(tmp_path):
    """Adapters on four modalities, so that there are 15 combinations."""
    cfg = Config.fromfile(CONFIGS / 'tiny-ssf.py')
    nir = {'name': 'nir', 'channels': 1, 'mean': [0.4], 'std': [0.2]}
    stack = [*cfg.modalities, nir]
    cfg.model.stack = stack
    cfg.model.backbone.in_channels = [3, 1, 1, 1]
    cfg.test_dataloader.dataset.modalities = stack
    cfg.test_dataloader.dataset.num_scenes = 3
    cfg.test_dataloader.dataset.cache = True
    cfg.work_dir = str(tmp_path)
    return cfg


@pytest.fixture
def checkpoint(cfg, tmp_path):
    torch.manual_seed(0)
    with DefaultScope.overwrite_default_scope('mmseg'):
        model = MODELS.build(cfg.model)
    model.adapters.samples_seen += 1
    torch.save({'state_dict': model.state_dict()}, tmp_path / 'joined.pth')
    return tmp_path / 'joined.pth'


def test_inferencer_calls(cfg, checkpoint, capsys):
    """2,000 calls, every combination, sizes in turn."""
    segment = Inferencer(cfg, checkpoint)
    generator = np.random.default_rng(0)
    shapes = [(32, 48), (48, 32), (40, 56)]
    combinations = segment.model.stack.combinations()

    def call(index):
        h, w = shapes[index % len(shapes)]
        frame = {
            'rgb': generator.integers(0, 256, (h, w, 3), np.uint8),
            'depth': generator.uniform(1, 6, (h, w)).astype(np.float32),
            'thermal': generator.uniform(15, 30, (h, w)).astype(np.float32),
            'nir': generator.uniform(0, 1, (h, w)).astype(np.float32),
        }
        names = combinations[index % len(combinations)].split('+')
        return segment({name: frame[name] for name in names})

    for index in range(200):
        call(index)
    start = resident()
    marks = []
    for index in range(2000):
        call(index)
        if index % 500 == 499:
            marks.append((resident() - start) / MB)
    with capsys.disabled():
        grown = ', '.join(f'{m:+.1f}' for m in marks)
        print(f'\n2,000 calls: MB after each 500: {grown}')
    assert marks[-1] * MB < SLACK


class Watch(Hook):
    """Note the memory after every batch."""

    def __init__(self):
        self.marks = []

    def after_test_iter(self, runner, batch_idx, data_batch, outputs):
        self.marks.append(resident())


def test_evaluation_of_15_combinations(cfg, checkpoint, capsys, forgetting):
    """300 images, each under 15 combinations."""
    cfg.test_dataloader.dataset = {
        'type': 'RepeatDataset',
        'dataset': cfg.test_dataloader.dataset,
        'times': 100,
    }
    with forgetting():
        cfg.load_from = str(checkpoint)
        runner = Runner.from_cfg(cfg)
        watch = Watch()
        runner.register_hook(watch)
        runner.test()
    assert len(runner.test_loop.combinations) == 15
    assert len(watch.marks) == 150
    start = watch.marks[30]
    marks = [(mark - start) / MB for mark in watch.marks[59::30]]
    with capsys.disabled():
        grown = ', '.join(f'{m:+.1f}' for m in marks)
        print(f'\n15 combinations: MB after each 60 images: {grown}')
    assert marks[-1] * MB < SLACK
