"""Normalisation and padding of stacked modalities."""

import pytest
import torch
from mmengine.structures import PixelData
from mmseg.structures import SegDataSample

from mmseg_missing.models import ModalityDataPreprocessor

MODALITIES = [
    {'name': 'rgb', 'mean': [1, 2, 3], 'std': [2, 4, 8]},
    {'name': 'depth', 'channels': 1, 'mean': [5], 'std': [0.5]},
]
MEAN = torch.tensor([1.0, 2, 3, 5])[:, None, None]
STD = torch.tensor([2.0, 4, 8, 0.5])[:, None, None]


def make_data(*sizes, channels=4):
    inputs = [torch.randn(channels, *size) for size in sizes]
    samples = []
    for height, width in sizes:
        sample = SegDataSample(metainfo={'img_shape': (height, width)})
        label = torch.ones(1, height, width, dtype=torch.long)
        sample.gt_sem_seg = PixelData(data=label)
        samples.append(sample)
    return {'inputs': inputs, 'data_samples': samples}


@pytest.mark.parametrize('training', [True, False])
def test_each_channel_by_its_modality(training):
    data = make_data((5, 7), (5, 7))
    raw = torch.stack(data['inputs'])
    out = ModalityDataPreprocessor(MODALITIES)(data, training)
    torch.testing.assert_close(out['inputs'], (raw - MEAN) / STD)


def test_padding_is_zero_after_normalisation():
    data = make_data((5, 7), (3, 11))
    raw = data['inputs'][0]
    out = ModalityDataPreprocessor(MODALITIES, size_divisor=4)(data, True)
    assert out['inputs'].shape == (2, 4, 8, 12)
    torch.testing.assert_close(out['inputs'][0, :, :5, :7], (raw - MEAN) / STD)
    assert not out['inputs'][0, :, 5:].any()
    assert not out['inputs'][0, :, :, 7:].any()
    label = out['data_samples'][0].gt_sem_seg.data
    assert label.shape == (1, 8, 12)
    assert (label[:, 5:] == 255).all() and (label[:, :5, :7] == 1).all()
    assert out['data_samples'][0].pad_shape == (8, 12)


@pytest.mark.parametrize(
    ('settings', 'shape'),
    [
        ({'size': (13, 17)}, (13, 17)),
        ({}, (5, 11)),
        ({'size_divisor': 8}, (8, 16)),
    ],
)
def test_sizes_in_training(settings, shape):
    data = make_data((5, 7), (3, 11))
    out = ModalityDataPreprocessor(MODALITIES, **settings)(data, True)
    assert out['inputs'].shape[2:] == shape


@pytest.mark.parametrize(
    ('test_cfg', 'shape'),
    [
        (None, (5, 7)),
        ({'size_divisor': 4}, (8, 8)),
        ({'size': (11, 13)}, (11, 13)),
    ],
)
def test_sizes_in_testing(test_cfg, shape):
    preprocess = ModalityDataPreprocessor(
        MODALITIES, size_divisor=32, test_cfg=test_cfg
    )
    out = preprocess(make_data((5, 7), (5, 7)), False)
    assert out['inputs'].shape[2:] == shape


def test_nan_stays_where_it_is():
    data = make_data((5, 7))
    data['inputs'][0][3] = torch.nan
    out = ModalityDataPreprocessor(MODALITIES)(data, False)
    assert out['inputs'][0, :3].isfinite().all()
    assert out['inputs'][0, 3].isnan().all()


def test_wrong_number_of_channels():
    data = make_data((5, 7), channels=3)
    words = r'stack has 4 channels but an input has 3.*`modalities`'
    with pytest.raises(ValueError, match=words):
        ModalityDataPreprocessor(MODALITIES)(data, False)


def test_a_batch_of_sizes_in_testing():
    data = make_data((5, 7), (3, 11))
    words = r'differ in size \(\[\(3, 11\), \(5, 7\)\]\).*`batch_size=1`'
    with pytest.raises(ValueError, match=words):
        ModalityDataPreprocessor(MODALITIES)(data, False)


def test_it_adds_no_keys():
    assert not ModalityDataPreprocessor(MODALITIES).state_dict()


def test_padding_of_pipeline_and_batch_add_up():
    data = make_data((5, 7))
    (sample,) = data['data_samples']
    sample.set_metainfo({'padding_size': [2, 0, 0, 1]})
    preprocessor = ModalityDataPreprocessor(
        MODALITIES, test_cfg={'size_divisor': 8}
    )
    out = preprocessor(data)
    assert out['inputs'].shape[2:] == (8, 8)
    padding = out['data_samples'][0].img_padding_size
    assert list(padding) == [2, 1, 0, 4]


def test_two_flips_have_no_way_back():
    data = make_data((5, 7))
    flips = {'flip': True, 'flip_direction': 'diagonal', 'img_path': 'a.png'}
    data['data_samples'][0].set_metainfo(flips)
    with pytest.raises(ValueError, match=r"'a\.png' was flipped both ways"):
        ModalityDataPreprocessor(MODALITIES)(data)
    ModalityDataPreprocessor(MODALITIES)(data, training=True)
