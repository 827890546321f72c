from copy import deepcopy
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from mmcv.transforms import TestTimeAug as TimeAug  # pytest collects Test*
from mmseg.models.segmentors.base import BaseSegmentor

from mmseg_missing.datasets.transforms import (
    PackModalities,
    RandomFlipModalities,
)


def test_stack_order_and_label(modalities, sample):
    packed = PackModalities(modalities)(sample)
    inputs, data_sample = packed['inputs'], packed['data_samples']
    assert inputs.shape == (4, 11, 13) and inputs.dtype == torch.float32
    label = torch.from_numpy(sample['gt_seg_map'])
    torch.testing.assert_close(inputs[3], label.float())
    torch.testing.assert_close(inputs[0], label.float())
    torch.testing.assert_close(data_sample.gt_sem_seg.data, label[None].long())


def test_order_comes_from_the_stack_not_the_sample(modalities, sample):
    sample['modalities']['rgb'] = np.full((11, 13, 3), 9, np.uint8)
    inputs = PackModalities(modalities[::-1])(sample)['inputs']
    assert (inputs[1:] == 9).all()
    assert inputs[0, 0, 1] == 1


@pytest.mark.parametrize('names', [('rgb', 'depth'), ('depth', 'rgb')])
def test_present_is_in_stack_order(modalities, sample, names):
    sample['present'] = {'rgb': True, 'depth': False}
    stack = sorted(modalities, key=lambda m: names.index(m['name']))
    packed = PackModalities(stack)(sample)
    present = packed['data_samples'].metainfo['present']
    assert present.tolist() == [name == 'rgb' for name in names]
    assert present.dtype == torch.bool
    assert packed['data_samples'].metainfo['stack'] == '+'.join(names)


def test_metainfo(modalities, sample):
    sample.update(
        modality_paths={'rgb': 'a.jpg', 'depth': 'b.png'},
        seg_map_path='c.png',
        flip=False,
        flip_direction=None,
    )
    metainfo = PackModalities(modalities)(sample)['data_samples'].metainfo
    assert metainfo['img_path'] == 'a.jpg'
    assert metainfo['seg_map_path'] == 'c.png'
    assert metainfo['img_shape'] == metainfo['ori_shape'] == (11, 13)
    assert metainfo['sample_idx'] == 5
    assert metainfo['flip'] is False


def test_made_data_is_named_by_its_index(modalities, sample):
    packed = PackModalities(modalities)(sample)
    assert packed['data_samples'].img_path == 'sample_000005'


def test_flipped_views_are_not_negative_strides(modalities, sample):
    for name, array in sample['modalities'].items():
        sample['modalities'][name] = np.flip(array, 1)
    sample['gt_seg_map'] = np.flip(sample['gt_seg_map'], 1)
    packed = PackModalities(modalities)(sample)
    assert packed['inputs'][3, 0, 0] == 12
    assert packed['data_samples'].gt_sem_seg.data[0, 0, 0] == 12


@pytest.mark.parametrize('direction', ['horizontal', 'vertical'])
def test_test_time_augmentation_comes_back(modalities, sample, direction):
    """MMSegmentation undoes flip, padding and size by our metainfo."""
    flip = {
        'type': 'RandomFlipModalities',
        'modalities': modalities,
        'direction': direction,
    }
    resize = {'type': 'ResizeModalities', 'modalities': modalities}
    pad = {'type': 'PadModalities', 'modalities': modalities, 'size': (31, 37)}
    augment = TimeAug(
        transforms=[
            [{**resize, 'scale_factor': f} for f in (1.0, 2.0)],
            [{**flip, 'prob': p} for p in (0.0, 1.0)],
            [pad],
            [{'type': 'PackModalities', 'modalities': modalities}],
        ]
    )
    views = augment(sample)
    flips = [s.flip for s in views['data_samples']]
    assert flips == [False, True, False, True]
    segmentor = SimpleNamespace(align_corners=False)
    for inputs, data_sample in zip(
        views['inputs'], views['data_samples'], strict=True
    ):
        assert inputs.shape == (4, 31, 37)
        [back] = BaseSegmentor.postprocess_result(
            segmentor, inputs[None], [data_sample]
        )
        label = torch.from_numpy(sample['gt_seg_map']).float()
        # Bilinear down and up again blurs; the nearest depth is exact.
        torch.testing.assert_close(
            back.seg_logits.data[3], label, atol=1e-4, rtol=0
        )


def test_image_path_of_a_modality_in_two_files(sample, modalities):
    paths = {'rgb': ['sin.npy', 'cos.npy'], 'depth': 'b.png'}
    packed = PackModalities(modalities)({**sample, 'modality_paths': paths})
    assert packed['data_samples'].img_path == 'sin.npy'


def test_a_label_that_was_mirrored_is_known(modalities, sample):
    pack = PackModalities(modalities)
    flip = RandomFlipModalities(modalities, prob=1)
    assert pack(flip(deepcopy(sample)))['data_samples'].label_flipped
    del sample['gt_seg_map']
    assert not pack(flip(sample))['data_samples'].label_flipped


def test_nothing_is_loaded(modalities):
    with pytest.raises(
        KeyError, match=r'PackModalities needs.*LoadModalities'
    ):
        PackModalities(modalities)({})


def test_other_shape_than_declared(modalities, sample):
    sample['modalities']['depth'] = np.zeros((11, 13, 3), np.float32)
    words = r"'depth' reached .*\(11, 13, 3\).*expected \(11, 13, 1\)"
    with pytest.raises(ValueError, match=words):
        PackModalities(modalities)(sample)
