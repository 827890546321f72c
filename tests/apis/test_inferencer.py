"""One frame in, one mask out."""

import cv2
import numpy as np
import pytest
import torch
from mmengine.hooks import Hook
from mmengine.registry import DefaultScope
from mmengine.runner import Runner
from mmseg.registry import DATASETS, MODELS

from mmseg_missing.apis import Inferencer, read_array
from mmseg_missing.apis.arrays import inputs_of
from mmseg_missing.apis.model import load_weights
from mmseg_missing.engine.checkpoints import read_checkpoint
from mmseg_missing.modality import Stack

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


COLOUR, DEPTH = np.ones((32, 48, 3)), np.ones((32, 48))


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
        ({'rgb': COLOUR, 'deph': DEPTH}, "'deph' .* did you mean 'depth'"),
        ({'rgb': COLOUR, 'deph': None}, "'deph'"),
        ({'rgb': COLOUR, ' depth': DEPTH}, "' depth'"),
        ({'rgb+depth': DEPTH, 'rgb': COLOUR}, r"'rgb\+depth'"),
        ({'rgb': COLOUR, 1: DEPTH}, 'unknown modality 1 in'),
        ({'depth': DEPTH * 1e300}, "'depth' holds NaN, infinity or numbers"),
        ({'depth': np.ma.masked_equal(DEPTH, DEPTH[0, 0])}, 'masked pixels'),
    ],
)
def test_wrong_frame(segment, frame, word):
    with pytest.raises(ValueError, match=word) as refused:
        segment(frame)
    assert '\n' not in str(refused.value)


@pytest.mark.parametrize(
    ('frame', 'word'),
    [
        (DEPTH, 'a frame is a dict of arrays for rgb'),
        ({'depth': 'depth/0.png'}, "'depth' takes an array of numbers"),
        ({'depth': [[1, 2], [3]]}, "'depth' takes an array on the CPU"),
        ({'depth': DEPTH * 1j}, "'depth' takes an array of numbers"),
        ({'depth': {'a': 1}}, "'depth' takes an array of numbers"),
    ],
)
def test_no_numbers(segment, frame, word):
    with pytest.raises(TypeError, match=word) as refused:
        segment(frame)
    assert '\n' not in str(refused.value)


@pytest.fixture
def warned(monkeypatch):
    """Give the modalities of which the log warns in one call."""

    def run(segment, frame):
        said = []
        monkeypatch.setattr(
            'mmseg_missing.apis.assembling.print_log',
            lambda text, **kwargs: said.append(text),
        )
        segment(frame)
        return [text.split("'")[1] for text in said]

    return run


@pytest.mark.parametrize(
    ('name', 'change'),
    [
        ('depth', lambda x: (x * 1000).astype(np.uint16)),  # millimetres
        ('depth', lambda x: x / 1000),
        ('rgb', lambda x: x / np.float32(255)),
        ('rgb', lambda x: x / 127.5 - 1.0),
        ('thermal', lambda x: x + 273.15),  # Kelvin
    ],
)
def test_other_units_warn_once(segment, frame, warned, name, change):
    assert warned(segment, frame) == []
    other = {**frame, name: change(frame[name])}
    assert warned(segment, other) == [name]
    assert warned(segment, other) == []


def test_normal_frames_do_not_warn(load, files, warned):
    segment = Inferencer(load('tiny-ssf'), files.base, files.adapter)
    scenes = DATASETS.build(
        {
            'type': 'SceneDataset',
            'modalities': list(NAMES),
            'size': (32, 48),
            'num_scenes': 40,
        }
    )
    for index in range(40):
        assert not warned(segment, scenes.get_data_info(index)['modalities'])
    dark = np.zeros((32, 48, 3), np.uint8)
    assert not warned(segment, {'rgb': dark, 'depth': np.full((32, 48), 2.9)})


ENCODED = {
    'disparity': {'encoding': 'disparity'},
    'hha': {
        'encoding': 'hha',
        'camera': {'fx': 40, 'fy': 40, 'cx': 24, 'cy': 16, 'size': (32, 48)},
    },
}


@pytest.mark.parametrize('kind', ENCODED)
def test_depth_is_encoded_as_the_data_set_does(kind, load, tmp_path):
    """A file through the test loop and its array through the inferencer."""
    name = 'depth' if kind == 'disparity' else 'hha'
    channels = 1 if kind == 'disparity' else 3
    rgb = {'name': 'rgb', 'mean': [127.0], 'std': [60.0]}
    depth = {'name': name, 'channels': channels, 'mean': [0.4], 'std': [90.0]}
    form = {'suffix': '.npy', 'dtype': 'float32', 'encode': ENCODED[kind]}
    dataset = {
        'type': 'FolderDataset',
        '_delete_': True,
        'data_root': str(tmp_path),
        'modalities': [rgb, depth],
        'formats': {name: form},
        'labelled': False,
        'pipeline': [{'type': 'LoadModalities'}, {'type': 'PackModalities'}],
    }
    cfg = load(
        model__stack=[rgb, depth],
        model__backbone__in_channels=[3, channels],
        test_dataloader__dataset=dataset,
    )
    torch.manual_seed(0)
    with DefaultScope.overwrite_default_scope('mmseg'):
        model = MODELS.build(cfg.model)
    for tensor in model.state_dict().values():
        if tensor.ndim > 1:
            tensor.normal_(0, (2 / tensor[0].numel()) ** 0.5)
    torch.save({'state_dict': model.state_dict()}, tmp_path / 'base.pth')
    generator = np.random.default_rng(0)
    frame = {
        'rgb': generator.integers(0, 256, (32, 48, 3), np.uint8),
        name: generator.uniform(1, 6, (32, 48)).astype(np.float32),
    }
    for folder in frame:
        (tmp_path / folder).mkdir()
    cv2.imwrite(str(tmp_path / 'rgb/0.png'), frame['rgb'][..., ::-1])
    np.save(tmp_path / name / '0.npy', frame[name])

    segment = Inferencer(cfg, tmp_path / 'base.pth')
    item = DATASETS.build(cfg.test_dataloader.dataset)[0]
    batch = {key: [value] for key, value in item.items()}
    (expected,) = segment.model.test_step(batch)
    mask = expected.pred_sem_seg.data[0].numpy()
    np.testing.assert_array_equal(segment(frame), mask)
    assert len(np.unique(mask)) > 1
    assert read_array(tmp_path / 'rgb/0.png').tolist() == frame['rgb'].tolist()


def test_pixels_without_a_value_become_the_mean(load, files, frame):
    """As in the files of the data set: stored 0 and -1 mark them."""
    form = {'dtype': 'uint16', 'scale': 0.5, 'offset': 1.0, 'nodata': [0, -2]}
    changes = {'test_dataloader__dataset__formats': {'depth': form}}
    marking = Inferencer(load('tiny-ssf', **changes), files.base)
    plain = Inferencer(load('tiny-ssf'), files.base)
    holes = {**frame, 'depth': frame['depth'].copy()}
    filled = {**frame, 'depth': frame['depth'].copy()}
    holes['depth'][:4] = 1.0  # 0 * 0.5 + 1
    holes['depth'][4:8] = 0.0
    marked = (holes['depth'] == 1.0) | (holes['depth'] == 0.0)
    filled['depth'][marked] = plain.model.stack['depth'].mean[0]
    assert np.array_equal(marking(holes), plain(filled))
    assert not np.array_equal(
        marking._assemble.inputs['depth'].loaded(holes['depth']),
        plain._assemble.inputs['depth'].loaded(holes['depth']),
    )


@pytest.mark.parametrize('value', [-9999, 32767, [0, 4095]])
def test_marks_however_they_were_brought_to_the_unit(load, value):
    """In doubles, by a division: float32 of the loader rounds otherwise."""
    form = {'dtype': 'int16', 'scale': 0.001, 'nodata': value}
    stack = Stack([{'name': 'depth', 'channels': 1, 'mean': [2.5]}])
    [depth] = inputs_of(stack.names, {'depth': form}, stack)
    raw = np.int16([[*np.ravel(value), 1, 4094, 4096, 32766, -9998]])
    marked = np.isin(raw, value)[..., None]
    ways = (
        raw * 0.001,
        raw / 1000,
        (raw / 1000).astype(np.float32),
        raw.astype(np.float32) * np.float32(0.001),
    )
    for metres in ways:
        found = depth.loaded(metres) == np.float32(2.5)
        assert found.tolist() == marked.tolist()


def test_nan_may_mark_pixels(load, files, frame):
    form = {'dtype': 'float32', 'nodata': float('nan')}
    changes = {'test_dataloader__dataset__formats': {'depth': form}}
    segment = Inferencer(load('tiny-ssf', **changes), files.base)
    depth = frame['depth'].copy()
    depth[3] = np.nan
    assert segment({**frame, 'depth': depth}).shape == depth.shape[:2]
    depth[4] = np.inf
    with pytest.raises(ValueError, match="'depth' holds NaN, infinity"):
        segment({**frame, 'depth': depth})
