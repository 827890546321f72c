"""Heads in a row, as in OCRNet and PointRend."""

import copy

import pytest
import torch
from mmengine.config import ConfigDict
from mmseg.models.decode_heads import point_head

from mmseg_missing.adapters import adapted, fold
from mmseg_missing.models.segmentors.small_images import explaining_sizes

PRESENT = [(True, False), (False, True)]
FCN = {
    'type': 'FCNHead',
    'in_channels': 64,
    'in_index': 3,
    'channels': 8,
    'num_convs': 1,
    'concat_input': False,
    'num_classes': 3,
    'align_corners': False,
}
OCR = {
    'type': 'OCRHead',
    'in_channels': 64,
    'in_index': 3,
    'channels': 8,
    'ocr_channels': 8,
    'num_classes': 3,
    'align_corners': False,
}
POINT = {
    'type': 'PointHead',
    'in_channels': [8],
    'in_index': [0],
    'channels': 8,
    'num_fcs': 1,
    'num_classes': 3,
    'align_corners': False,
}
TRAIN = {
    'num_points': 24,
    'oversample_ratio': 3,
    'importance_sample_ratio': 0.75,
}
TEST = {
    'mode': 'whole',
    'subdivision_steps': 2,
    'subdivision_num_points': 40,
    'scale_factor': 2,
}
CASCADES = {
    'OCRNet': {'decode_head': [FCN, OCR]},
    'PointRend': {
        'decode_head': [FCN, POINT],
        'train_cfg': TRAIN,
        'test_cfg': TEST,
    },
}


def point_sample(x, points, **options):
    """What mmcv's function of that name does, (n, c, h, w) -> (n, c, p)."""
    grid = 2 * points[:, :, None] - 1
    return torch.nn.functional.grid_sample(x, grid, **options)[..., 0]


@pytest.fixture(autouse=True)
def operators(monkeypatch):
    """Builds of mmcv without operators have none to sample points."""
    if point_head.point_sample is None:
        monkeypatch.setattr(point_head, 'point_sample', point_sample)


@pytest.fixture
def cascade():
    """Return a function that gives the keys of a cascade."""

    def cascade(name, **settings):
        keys = ConfigDict(copy.deepcopy(CASCADES[name]))
        keys.update(
            type='MissingModalityCascadeSegmentor', num_stages=2, **settings
        )
        return keys

    return cascade


@pytest.fixture(params=CASCADES)
def pair(request, make_pair, cascade):
    """A base and the same with trained adapters."""
    return make_pair('cmnext', **cascade(request.param))


def test_full_input_is_the_base(pair, inputs, make_samples):
    base, model = pair
    samples = make_samples([(True, True)] * 2)
    metas = [sample.metainfo for sample in samples]
    with torch.no_grad():
        expected = base.encode_decode(inputs, metas)
        assert torch.equal(model.encode_decode(inputs, metas), expected)
        assert torch.equal(model(inputs), base(inputs))
        assert expected.shape[1:] == (3, 32, 64)
        alone = model.encode_decode(inputs, make_metas(make_samples))
    assert not torch.equal(alone, expected)


def make_metas(make_samples):
    return [sample.metainfo for sample in make_samples(PRESENT)]


def test_prediction(pair, inputs, make_samples):
    _, model = pair
    dirty = inputs.clone()
    dirty[0, 3:] = torch.nan
    for sample in model(dirty, make_samples(PRESENT), 'predict'):
        assert sample.seg_logits.data.isfinite().all()
        assert sample.pred_sem_seg.data.shape == (1, 32, 64)


def test_a_step_moves_what_was_drawn_alone(pair, inputs, make_samples):
    _, model = pair
    model.train()
    before = copy.deepcopy(model.state_dict())
    losses = model(inputs, make_samples([(True, False)] * 2), 'loss')
    assert {'decode_0.loss_ce', 'decode_0.acc_seg'} < set(losses)
    assert any(key.startswith('decode_1.') for key in losses)
    loss, _ = model.parse_losses(losses)
    loss.backward()
    rows = model.adapters.rows.table
    assert rows['rgb'].grad.any()
    assert rows['depth'].grad is None
    torch.optim.SGD(model.adapters.parameters(), 0.1).step()
    moved = {
        k
        for k, v in model.state_dict().items()
        if not torch.equal(v, before[k])
    }
    assert moved == {'adapters.rows.table.rgb', 'adapters.samples_seen'}


def test_a_mixed_batch_equals_its_samples(pair, inputs, make_samples):
    _, model = pair
    metas = make_metas(make_samples)
    with torch.no_grad():
        both = model.encode_decode(inputs, metas)
        ones = [
            model.encode_decode(inputs[i : i + 1], metas[i : i + 1])
            for i in range(2)
        ]
    torch.testing.assert_close(both, torch.cat(ones), rtol=1e-4, atol=1e-4)


def test_sliding(make_pair, cascade, inputs, make_samples):
    slide = {'mode': 'slide', 'crop_size': [32, 32], 'stride': [32, 32]}
    base, model = make_pair('cmnext', **cascade('OCRNet', test_cfg=slide))
    samples = make_samples([(True, True)] * 2)
    found = [m(inputs, samples, 'predict') for m in (base, model)]
    for one, other in zip(*found):
        assert torch.equal(one.seg_logits.data, other.seg_logits.data)


def test_it_folds(make_pair, cascade, inputs, make_samples):
    _, model = make_pair('cmnext', **cascade('OCRNet'))
    metas = [sample.metainfo for sample in make_samples([(True, False)] * 2)]
    with torch.no_grad():
        expected = model.encode_decode(inputs, metas)
        fold(model, 'rgb')
        assert not list(adapted(model))
        found = model.encode_decode(inputs, metas)
    torch.testing.assert_close(found, expected, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize(
    ('keys', 'word'),
    [
        ({'decode_head': FCN}, r'model\.decode_head.*list'),
        ({'num_stages': 3}, r'num_stages.* is 3.*lists 2'),
        ({'num_stages': 1}, r'num_stages'),
        ({'decode_head': [FCN, {**OCR, 'odd': 1}]}, r'decode_head\.1'),
        ({'decode_head': [FCN, POINT]}, r'model\.train_cfg\.num_points'),
        (
            {'decode_head': [FCN, POINT], 'train_cfg': TRAIN},
            r'model\.test_cfg\.subdivision_steps',
        ),
        (
            {'decode_head': [{**FCN, 'ignore_index': 0}, OCR]},
            r'decode_head\.0\.ignore_index',
        ),
        (
            {
                'adapter': {'type': 'ScaleShift'},
                'teacher': {'type': 'LogitKL'},
            },
            r'teacher.*MissingModalityCascadeSegmentor',
        ),
    ],
)
def test_refused(make_segmentor, cascade, keys, word):
    keys = {**cascade('OCRNet'), **copy.deepcopy(keys)}
    with pytest.raises((ValueError, TypeError), match=word):
        make_segmentor('cmnext', **keys)


def test_other_levels_are_refused(make_segmentor, cascade, inputs):
    keys = cascade('PointRend')
    keys.decode_head[1].in_channels = [16]
    model = make_segmentor('cmnext', **keys)
    with pytest.raises(ValueError, match=r'is \[16\] .*gives \[8, 16'):
        model(inputs)


def test_images_that_are_too_small(make_segmentor, cascade):
    model = make_segmentor('one resnet', **cascade('OCRNet'))
    image = torch.zeros(1, 4, 8, 8)
    with (
        pytest.raises(ValueError, match=r'FCNHead.*enough'),
        explaining_sizes(model, image),
    ):
        raise RuntimeError('Kernel size cannot be greater')
