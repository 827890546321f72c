"""Calls and evaluations that go on and on need no more memory.

python -m pytest -m slow tests/reliability/test_memory.py -s
"""

import gc
import os
import weakref
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.hooks import Hook
from mmengine.registry import DefaultScope
from mmengine.runner import Runner
from mmseg.registry import MODELS

from mmseg_missing.apis import (
    Inferencer,
    MultiModalInferencer,
    folded_networks,
)
from mmseg_missing.apis.folded_networks import MOST

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
    return write_joined(cfg, tmp_path / 'joined.pth')


def write_joined(cfg, path):
    """Write base and adapters as if they were trained."""
    torch.manual_seed(0)
    with DefaultScope.overwrite_default_scope('mmseg'):
        model = MODELS.build(cfg.model)
    model.adapters.samples_seen += 1
    torch.save({'state_dict': model.state_dict()}, path)
    return path


def frame_of(generator, shape):
    """Return one array per modality."""
    return {
        'rgb': generator.integers(0, 256, (*shape, 3), np.uint8),
        'depth': generator.uniform(1, 6, shape).astype(np.float32),
        'thermal': generator.uniform(15, 30, shape).astype(np.float32),
        'nir': generator.uniform(0, 1, shape).astype(np.float32),
    }


def test_inferencer_calls(cfg, checkpoint, capsys):
    """2,000 calls, every combination, sizes in turn."""
    segment = Inferencer(cfg, checkpoint)
    generator = np.random.default_rng(0)
    shapes = [(32, 48), (48, 32), (40, 56)]
    combinations = segment.model.stack.combinations()

    def call(index):
        frame = frame_of(generator, shapes[index % len(shapes)])
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


def test_folds_of_15_combinations(cfg, checkpoint, capsys, monkeypatch):
    """Four are kept, whatever comes; what goes is gone at once."""
    dims = (32, 64, 160, 256)
    cfg.model.backbone.update(embed_dims=dims, num_heads=(1, 2, 5, 8))
    cfg.model.decode_head.in_channels = dims
    checkpoint = write_joined(cfg, checkpoint)
    infer = MultiModalInferencer(cfg, checkpoint)
    fold, folds = folded_networks.folded, []

    def folded(*args):
        network = fold(*args)
        folds.append(weakref.ref(network))
        return network

    monkeypatch.setattr(folded_networks, 'folded', folded)
    frame = frame_of(np.random.default_rng(0), (64, 96))
    infer.segment(frame)
    model = infer.model
    one = sum(t.nbytes for t in (*model.parameters(), *model.buffers()))
    start, marks = resident(), []
    gc.disable()  # what only it would find is found here
    try:
        for _ in range(2):
            most = 0
            for combination in model.stack.combinations():
                names = combination.split('+')
                for _ in range(3):
                    infer.segment({name: frame[name] for name in names})
                assert combination in infer.folded.combinations
                assert sum(known() is not None for known in folds) <= MOST
                most = max(most, resident() - start)
            marks.append(most)
    finally:
        gc.enable()
    assert len(folds) == 30
    with capsys.disabled():
        first, second = (f'{mark / MB:+.1f}' for mark in marks)
        print(
            f'\n15 combinations folded, at most {MOST} kept, a network has '
            f'{one / MB:.1f} MB: MB at most in pass 1 {first}, 2 {second}'
        )
    # One more while it is made, and another at most that the allocator keeps.
    assert marks[0] < (MOST + 2) * one
    assert marks[1] < marks[0] + one


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
