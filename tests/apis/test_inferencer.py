"""One frame in, one mask out."""

import numpy as np
import pytest
from mmengine.hooks import Hook
from mmengine.runner import Runner
from mmseg.registry import DATASETS

from mmseg_missing.apis import Inferencer
from mmseg_missing.apis.model import load_weights
from mmseg_missing.engine.checkpoints import read_checkpoint

NAMES = ('rgb', 'depth', 'thermal')


@pytest.fixture
def segment(load, files):
    return Inferencer(load('tiny-ssf'), files.base, files.adapter)


@pytest.fixture
def frame(segment):
    """The first test scene, all modalities."""
    dataset = DATASETS.build(segment.model.cfg.test_dataloader.dataset)
    return dataset.get_data_info(0)['modalities']


class Collect(Hook):
    """Keep what the test loop predicts, by scene and combination."""

    def __init__(self):
        self.masks = {}

    def after_test_iter(self, runner, batch_idx, data_batch, outputs):
        for sample in outputs:
            mask = sample.pred_sem_seg.data[0].numpy()
            self.masks[sample.sample_idx, sample.combination] = mask


def test_as_the_test_loop_predicts(segment, load, files, tmp_path):
    """Every scene, every combination."""
    # One by one, as the inferencer does: sums in the same order.
    changes = {'work_dir': str(tmp_path), 'test_dataloader__batch_size': 1}
    cfg = load('tiny-ssf', **changes)
    runner = Runner.from_cfg(cfg)
    load_weights(
        runner.model, read_checkpoint(files.base), files.base, files.adapter
    )
    collect = Collect()
    runner.register_hook(collect)
    runner.test()
    scenes = runner.test_loop.dataloader.dataset
    assert len(collect.masks) == 3 * 7
    for (index, combination), mask in collect.masks.items():
        modalities = scenes.get_data_info(index)['modalities']
        frame = {name: modalities[name] for name in combination.split('+')}
        np.testing.assert_array_equal(segment(frame), mask)
    # The comparison can fail: predictions depend on scene and combination.
    assert len({mask.tobytes() for mask in collect.masks.values()}) > 7


def test_left_out_none_and_any_order_are_the_same(segment, frame):
    mask = segment({'rgb': frame['rgb'], 'depth': frame['depth']})
    named = {'thermal': None, 'depth': frame['depth'], 'rgb': frame['rgb']}
    np.testing.assert_array_equal(segment(named), mask)
    assert (segment(frame) != mask).any()


def test_mask_has_the_size_of_the_frame(load, files):
    """Also where the pipeline of the config resizes."""
    pipeline = [
        {'type': 'ResizeModalities', 'scale': (48, 32)},
        {'type': 'PackModalities'},
    ]
    cfg = load(test_dataloader__dataset__pipeline=pipeline)
    mask = Inferencer(cfg, files.base)({'depth': np.ones((40, 71))})
    assert mask.shape == (40, 71)
    assert mask.dtype == np.uint8


def test_one_channel_needs_no_axis(segment, frame):
    flat = {'depth': frame['depth'][..., 0]}
    mask = segment({'depth': frame['depth']})
    np.testing.assert_array_equal(segment(flat), mask)


def test_frame_stays_as_it_is(segment, frame):
    before = {name: array.copy() for name, array in frame.items()}
    segment(frame)
    assert frame.keys() == before.keys()
    for name in frame:
        np.testing.assert_array_equal(frame[name], before[name])


def holes():
    depth = np.ones((32, 48), np.float32)
    depth[3, 5] = np.nan
    return depth


@pytest.mark.parametrize(
    ('frame', 'word'),
    [
        ({}, 'at least one modality'),
        ({'rgb': None}, 'at least one modality'),
        ({'lidar': np.ones((32, 48))}, "'lidar'"),
        ({'lidar': None, 'depth': np.ones((32, 48))}, "'lidar'"),
        ({'rgb': np.ones((32, 48))}, r"'rgb' has shape \(32, 48\), exp"),
        ({'rgb': np.ones((3, 32, 48))}, r"'rgb' has shape \(3, 32, 48\)"),
        ({'depth': np.ones(48)}, "'depth' has shape"),
        (
            {'rgb': np.ones((32, 48, 3)), 'depth': np.ones((48, 32))},
            'differ in size',
        ),
        ({'depth': holes()}, 'NaN'),
    ],
)
def test_wrong_frame(segment, frame, word):
    with pytest.raises(ValueError, match=word) as refused:
        segment(frame)
    assert '\n' not in str(refused.value)
