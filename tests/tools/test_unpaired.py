"""Training on lists of which each has one modality: nothing is paired."""

import cv2
import numpy as np
import pytest
import torch

HAVE = {'rgb': (0, 1), 'depth': (2, 3)}  # numbers of samples
CONFIG = """
_base_ = {base!r}
modalities = [
    dict(name='rgb', mean=[127.0], std=[60.0]),
    dict(name='depth', channels=1, mean=[127.0], std=[60.0]),
]
data = dict(
    type='FolderDataset',
    data_root={root!r},
    modalities=modalities,
    metainfo=dict(classes=('floor', 'wall')),
    pipeline=[
        dict(type='LoadModalities', absent_file='missing'),
        dict(type='LoadLabel', num_classes=2),
        dict(type='PackModalities'),
    ],
)
model = dict(
    stack=modalities,
    backbone=dict(
        _delete_=True,
        type='SharedStreamBackbone',
        backbone=dict(
            type='ResNet', depth=18, base_channels=8, stem_channels=8
        ),
        in_channels=[3, 1],
    ),
    decode_head=dict(in_channels=[8, 16, 32, 64], num_classes=2),
    sampler='half',
)
train_dataloader = dict(
    dataset=dict(
        _delete_=True,
        type='ConcatDataset',
        datasets=[
            dict(data, names='only_rgb.txt', formats=dict(depth=None)),
            dict(data, names='only_depth.txt', formats=dict(rgb=None)),
        ],
        ignore_keys='split',
    )
)
"""
GAPS = """
_base_ = 'unpaired.py'
train_dataloader = dict(
    dataset=dict(_delete_=True, names='all.txt', **_base_.data)
)
"""


def write(path, image):
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), image)


@pytest.fixture
def root(tmp_path, configs):
    """Four samples, of which each lacks the file of one modality."""
    data = tmp_path / 'data'
    rng = np.random.default_rng(0)
    for modality, numbers in HAVE.items():
        for i in numbers:
            shape = (32, 48, 3) if modality == 'rgb' else (32, 48)
            image = rng.integers(0, 256, shape, dtype=np.uint8)
            write(data / f'{modality}/{i}.png', image)
            label = rng.random((32, 48)) > 0.5
            write(data / f'label/{i}.png', np.uint8(label))
        lines = '\n'.join(map(str, numbers))
        (data / f'only_{modality}.txt').write_text(lines)
    (data / 'all.txt').write_text('0\n1\n2\n3')
    base = str(configs / 'tiny.py')
    config = CONFIG.format(base=base, root=str(data))
    (tmp_path / 'unpaired.py').write_text(config)
    (tmp_path / 'gaps.py').write_text(GAPS)
    return tmp_path


@pytest.fixture
def weights(run, root):
    """Return a function that trains and gives the weights."""

    def weights(name):
        run('train.py', root / f'{name}.py', '--work-dir', root / name)
        saved = torch.load(root / name / 'epoch_1.pth', weights_only=False)
        return saved['state_dict']

    return weights


def test_lists_of_one_modality_train(weights, root):
    """As one list does whose samples lack files, whatever the files hold."""
    gaps = weights('gaps')
    for i in HAVE['rgb']:
        image = np.full((32, 48), 200, np.uint8)
        write(root / f'data/depth/{i}.png', image)
    found = weights('unpaired')
    for m in range(2):
        assert found[f'backbone.stream.bn1.{m}.num_batches_tracked'] > 0
    for key, value in gaps.items():
        assert torch.equal(found[key], value), key
