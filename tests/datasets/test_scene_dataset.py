import numpy as np
import pytest
import torch
from mmengine.runner import Runner
from mmseg.registry import DATASETS

from mmseg_missing.datasets import SceneDataset
from mmseg_missing.datasets.scenes import (
    CLASSES,
    PALETTE,
    SENSORS,
    render_scene,
)

SIZE = (17, 29)
ALL = list(SENSORS)


@pytest.fixture
def stack(modalities):
    return [*modalities, {'name': 'thermal', 'channels': 1}]


def build(modalities, **kwargs):
    return DATASETS.build(
        {
            'type': 'SceneDataset',
            'modalities': modalities,
            'num_scenes': 5,
            'size': SIZE,
            **kwargs,
        }
    )


def test_a_runner_loads_batches(stack):
    pipeline = [{'type': 'PackModalities', 'modalities': stack}]
    loader = Runner.build_dataloader(
        {
            'batch_size': 2,
            'num_workers': 0,
            'dataset': {
                'type': 'SceneDataset',
                'modalities': stack,
                'num_scenes': 5,
                'size': list(SIZE),
                'lazy_init': True,
                'pipeline': pipeline,
            },
            'sampler': {'type': 'DefaultSampler', 'shuffle': False},
            'collate_fn': {'type': 'pseudo_collate'},
        }
    )
    assert loader.dataset.metainfo['classes'] == CLASSES
    assert loader.dataset.metainfo['palette'] == PALETTE
    batches = list(loader)
    assert [len(batch['inputs']) for batch in batches] == [2, 2, 1]
    images, label = render_scene(2, ['rgb', 'depth', 'thermal'], SIZE)
    stacked = np.concatenate([*images.values()], 2).transpose(2, 0, 1)
    torch.testing.assert_close(
        batches[1]['inputs'][0], torch.from_numpy(np.float32(stacked))
    )
    sample = batches[1]['data_samples'][0]
    assert sample.present.tolist() == [True, True, True]
    assert sample.ori_shape == SIZE
    np.testing.assert_array_equal(sample.gt_sem_seg.data[0], label)


def test_start_shifts_the_range_of_scenes():
    late, early = build(['nir'], start=3), build(['nir'])
    np.testing.assert_array_equal(
        late[0]['gt_seg_map'], early[3]['gt_seg_map']
    )
    assert len(late) == 5


def test_cache_gives_the_same_and_survives_writing():
    plain, cached = build(ALL), build(ALL, cache=True)
    for _ in range(2):
        first = cached[1]
        expected = plain[1]
        np.testing.assert_array_equal(
            first['gt_seg_map'], expected['gt_seg_map']
        )
        for name, image in first['modalities'].items():
            np.testing.assert_array_equal(image, expected['modalities'][name])
            image[:] = 0
        first['gt_seg_map'][:] = 0
    assert list(cached.cache) == [1]


def test_classes_can_be_left_out():
    dataset = build(['rgb'], metainfo={'classes': CLASSES[1:]})
    for old, new in zip(build(['rgb']), dataset, strict=True):
        np.testing.assert_array_equal(
            new['gt_seg_map'], old['gt_seg_map'] - np.uint8(1)
        )


def test_works_with_the_transforms_of_all_modalities(stack):
    flip = {'type': 'RandomFlipModalities', 'modalities': stack, 'prob': 1.0}
    plain, flipped = build(stack)[2], build(stack, pipeline=[flip])[2]
    np.testing.assert_array_equal(
        flipped['modalities']['thermal'][:, ::-1],
        plain['modalities']['thermal'],
    )
    np.testing.assert_array_equal(
        flipped['gt_seg_map'][:, ::-1], plain['gt_seg_map']
    )


@pytest.mark.parametrize(
    'wrong, message',
    [
        ({'modalities': ['rgb', 'hha']}, r"\['rgb', 'depth', .*'hha'"),
        ({'modalities': []}, '`modalities`'),
        ({'num_scenes': 0}, '`num_scenes`'),
        ({'size': (64,)}, r'`size` takes \(height, width\)'),
        ({'size': (0, 9)}, '`size`'),
        ({'start': -1}, '`start`'),
    ],
)
def test_bad_arguments_are_one_clear_sentence(wrong, message):
    arguments = {'modalities': ['rgb'], 'num_scenes': 5, **wrong}
    with pytest.raises(ValueError, match=message):
        SceneDataset(**arguments)
