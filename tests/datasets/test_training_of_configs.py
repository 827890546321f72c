"""Every config takes two iterations on its data set's real layout.

Images, crops and networks are tiny, the rest is the config's own: its
pipelines, loss, optimizer, schedule and hooks. Adapters get the checkpoint
that the run of their base wrote.
"""

from pathlib import Path

import numpy as np
import pytest
import torch
from mmseg.registry import DATASETS

import mmseg_missing
from mmseg_missing.apis.model import load_config
from mmseg_missing.apis.runner import build_runner
from mmseg_missing.engine.checkpoints import read_state

ROOT = Path(mmseg_missing.__file__).parents[1] / 'configs'
CONFIGS = sorted(set(ROOT.rglob('*.py')) - set(ROOT.rglob('_base_/**/*.py')))
CROP = (32, 64)  # height, width
WIDTHS = [8, 16, 24, 32]
TINY = {'embed_dims': WIDTHS, 'depths': [1] * 4, 'num_heads': [1, 2, 3, 4]}
# How a backbone of this kind gets smaller, and its channels then.
SMALLER = {
    'CMNeXt': ({**TINY, 'variant': None}, WIDTHS),
    'CMX': ({**TINY, 'variant': None}, WIDTHS),
    'MMSFormer': ({**TINY, 'variant': None}, WIDTHS),
    'MixVisionTransformer': (
        {'embed_dims': 8, 'num_layers': [1] * 4},
        [8, 16, 40, 64],
    ),
    'MobileNetV2': ({}, [24, 32, 96, 320]),
    'MSCAN': ({'embed_dims': WIDTHS, 'depths': [1] * 4}, WIDTHS),
    'ResNetV1c': (
        {'depth': 18, 'base_channels': 8, 'stem_channels': 8},
        [8, 16, 32, 64],
    ),
    'SwinTransformer': (
        {'embed_dims': 24, 'depths': [1] * 4},
        [24, 48, 96, 192],
    ),
    'mmpretrain.ConvNeXt': (
        {'arch': {'depths': [1] * 4, 'channels': WIDTHS}},
        WIDTHS,
    ),
}
# By `data_root`: a fixture, or what each image of a training list is.
LAYOUTS = {
    'data/nyuv2': 'folders_root',
    'data/nyuv2_240x320': 'compact_root',
    'data/mcubes': 'mcubes_root',
    'data/deliver': 'deliver_root',
    'data/sunrgbd': 'sunrgbd_root',
    'data/mfnet': {'images': 4, 'labels': 0},
    'data/pst900': {'train/rgb': 3, 'train/thermal': 1, 'train/labels': 0},
    'data/fmb': {
        'train/Visible': 3,
        'train/Infrared': 3,
        'train/Label': 0,
    },
    'data/ombria_128': {
        's1_before': 1,
        's1_after': 1,
        's2_before': 3,
        's2_after': 3,
        'mask': 0,
    },
}
# What belongs to the size of full images becomes that of conftest.py's.
SIZE = (11, 13)
CAMERA = {'fx': 10.0, 'fy': 10.0, 'cx': 6.0, 'cy': 5.0, 'size': SIZE}
OPTIONS = {
    'data/mcubes': {'columns': (5, 18)},
    'data/deliver': {'formats': {'event': {'size': SIZE}}},
}


def write_images(root, folders, write):
    """Four images per folder and a list; no channels mean a label."""
    names = [f'{i:05d}D' for i in range(4)]
    for number, name in enumerate(names):
        rng = np.random.default_rng(number)
        for folder, channels in folders.items():
            top = 256 if channels else 2
            shape = (*CROP, channels) if channels > 1 else CROP
            image = rng.integers(0, top, shape, dtype=np.uint8)
            write(root / folder / f'{name}.png', image)
    (root / 'train.txt').write_text('\n'.join(names))


@pytest.fixture
def data_root(request, tmp_path, write_image):
    """Return a function that writes the data of a config's data set."""

    def make(published):
        layout = LAYOUTS[published]
        if isinstance(layout, str):
            return request.getfixturevalue(layout)
        write_images(tmp_path, layout, write_image)
        return tmp_path

    return make


def shrink_network(cfg):
    backbone, head = cfg.model.backbone, cfg.model.decode_head
    inner = backbone.get('backbone', backbone)
    for part in (backbone, inner):
        part.pop('init_cfg', None)
        part.pop('extra_init_cfg', None)
    changes, widths = SMALLER[inner.type]
    inner.update(changes)
    head.update(in_channels=widths, channels=16)


def shrink_pipeline(steps):
    sizes = {'scale': CROP[::-1], 'crop_size': CROP, 'size': CROP}
    for step in steps:
        step.update({key: sizes[key] for key in sizes if key in step})


def shrink_data(cfg, data_root):
    """Let an epoch be two batches of two."""
    loader = cfg.train_dataloader
    dataset = loader.dataset
    if dataset.type == 'SceneDataset':
        dataset.update(size=CROP, num_scenes=4)
    else:
        dataset.update(OPTIONS.get(dataset.data_root, {}))
        dataset.data_root = str(data_root(dataset.data_root))
    for form in dataset.get('formats', {}).values():
        if 'encode' in form:
            form.encode.camera = CAMERA
    shrink_pipeline(dataset.pipeline)
    found = len(DATASETS.build(dataset))
    if dataset.type != 'SceneDataset':
        dataset.indices = next(n for n in (4, 2, 1) if n <= found)
        times = 4 // dataset.indices
        loader.dataset = {
            'type': 'RepeatDataset',
            'times': times,
            'dataset': dataset,
        }
    loader.update(batch_size=2, num_workers=0, persistent_workers=False)


@pytest.fixture(scope='module')
def works(tmp_path_factory):
    return tmp_path_factory.mktemp('works')


@pytest.fixture
def train(works, data_root, forgetting):
    """Return a function that gives the checkpoint of a config's short run."""

    def train(path):
        work = works / path.stem
        checkpoint = work / 'epoch_1.pth'
        if checkpoint.is_file():
            return checkpoint
        cfg = load_config(path)
        shrink_network(cfg)
        shrink_data(cfg, data_root)
        cfg.train_cfg.max_epochs = 1
        cfg.default_hooks.checkpoint.interval = 1
        cfg.merge_from_dict({'work_dir': str(work), 'launcher': 'none'})
        if 'base' in cfg:
            base = path.with_name(f'{Path(cfg.base).parent.name}.py')
            cfg.base = str(train(base))
        with forgetting():
            runner = build_runner(cfg)
            runner.train()
        assert runner.iter == 2
        return checkpoint

    return train


@pytest.mark.slow
@pytest.mark.parametrize(
    'path', CONFIGS, ids=lambda path: str(path.relative_to(ROOT))
)
def test_config_takes_two_iterations(path, train):
    if 'mmpretrain.' in str(load_config(path).model):
        pytest.importorskip('mmpretrain.models', exc_type=ImportError)
    state = read_state(train(path))
    assert all(torch.isfinite(w).all() for w in state.values())
    rows = [w for key, w in state.items() if 'adapters.rows.' in key]
    if '-ssf' in path.stem:
        assert any(w.any() for w in rows)
    else:
        assert not rows
