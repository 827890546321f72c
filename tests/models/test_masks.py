"""Masks that are found without all logits are those of all logits.

The figures of docs/results/speed.md:

    python -m pytest -m slow -s tests/models/test_masks.py
"""

import copy
import itertools
from functools import partial

import pytest
import torch
import torch.nn.functional as F
from mmseg.structures import SegDataSample

from mmseg_missing.benchmark.measuring import (
    interleave,
    peak_bytes,
    ratio_spread,
    spread,
)
from mmseg_missing.models.segmentors.masks import resized_argmax, restored

LAYOUTS = (torch.contiguous_format, torch.channels_last)
CLASSES = (2, 3, 5, 16, 17, 31, 32, 33, 40, 63, 150)
SIZES = [  # of the logits, of the network's input, of the image
    ((7, 11), (28, 44), (28, 44)),
    ((7, 11), (83, 91), (83, 91)),
    ((13, 9), (97, 71), (131, 59)),
    ((5, 6), (131, 150), (131, 150)),
    ((1, 1), (65, 67), (3, 5)),
    ((40, 30), (20, 90), (70, 61)),
]


def whole(x, *steps):
    for step in steps:
        x = step(x)
    return x.argmax(1)


def resize(size, align_corners):
    return partial(
        F.interpolate, size=size, mode='bilinear', align_corners=align_corners
    )


@pytest.mark.parametrize('c', CLASSES)
def test_as_of_all_classes_at_once(c):
    """Both layouts, both ways to align, types of numbers, with ties."""
    generator = torch.Generator().manual_seed(c)
    grid = itertools.product(
        LAYOUTS,
        (False, True),
        SIZES,
        (torch.float32, torch.bfloat16, torch.float64),
    )
    for layout, align, (low, middle, size), dtype in grid:
        x = torch.randn(1, c, *low, generator=generator)
        x[:, c // 2] = x[:, 0]  # a tie everywhere
        x = x.mul(8).round().to(dtype).contiguous(memory_format=layout)
        steps = resize(middle, align), resize(size, align)
        if middle == size:
            meta = {'ori_shape': size}
            left_out = partial(restored, meta=meta, align_corners=align)
            found = resized_argmax(x, steps[0], left_out)
        else:
            found = resized_argmax(x, *steps)
        assert torch.equal(found, whole(x, *steps)), (layout, align, low)


def _samples(make_samples, size, **meta):
    samples = make_samples([(True, False), (True, True)])
    for sample in samples:
        sample.set_metainfo({'ori_shape': size, **meta})
    return samples


METAS = [
    {},
    {'padding_size': [0, 5, 0, 3]},
    {'img_padding_size': [2, 0, 1, 4], 'flip': True},
    {'flip': True, 'flip_direction': 'vertical'},
]


@pytest.mark.parametrize('meta', METAS)
@pytest.mark.parametrize('size', [(32, 64), (29, 59), (75, 101)])
@pytest.mark.parametrize('network', ['cmnext', 'resnet streams'])
@torch.no_grad()
def test_as_predict(
    network, size, meta, make_config, make_segmentor, inputs, make_samples
):
    head = make_config(network)['decode_head']
    head.update(num_classes=45, align_corners=network == 'cmnext')
    model = make_segmentor(network, decode_head=head)
    meta = {'flip_direction': 'horizontal', **meta}
    samples = _samples(make_samples, size, **meta)
    expected = model(inputs, copy.deepcopy(samples), mode='predict')
    told = copy.deepcopy(samples)
    found = model.predict_masks(inputs, samples)
    assert model._is_usual()
    told = model.predict_masks(inputs, told, confidence=True)
    for one, other in zip(told, expected, strict=True):
        assert torch.equal(one.pred_sem_seg.data, other.pred_sem_seg.data)
        sure = other.seg_logits.data.softmax(0).amax(0, keepdim=True)
        torch.testing.assert_close(one.pred_confidence.data, sure)
    for one, other in zip(found, expected, strict=True):
        assert torch.equal(one.pred_sem_seg.data, other.pred_sem_seg.data)
        assert one.pred_sem_seg.data.dtype == other.pred_sem_seg.data.dtype
        assert 'seg_logits' not in one and one.finite_scores


@pytest.mark.parametrize('meta', METAS)
@pytest.mark.parametrize('size', [(32, 64), (75, 101)])
@pytest.mark.parametrize('what', ['usual', 'one channel', 'nan'])
@torch.no_grad()
def test_masks_of_logits(
    what, size, meta, make_config, make_segmentor, inputs, make_samples
):
    """Of somebody else's graph, say: as they come after the network."""
    head = make_config()['decode_head']
    count = 1 if what == 'one channel' else 45
    if count == 1:
        head.update(
            num_classes=2,
            out_channels=1,
            threshold=0.4,
            loss_decode={'type': 'CrossEntropyLoss', 'use_sigmoid': True},
        )
    else:
        head.update(num_classes=count)
    model = make_segmentor(decode_head=head)
    meta = {'flip_direction': 'horizontal', **meta}
    samples = _samples(make_samples, size, **meta)
    torch.manual_seed(0)
    logits = torch.randn(2, count, *inputs.shape[2:])
    if what == 'nan':
        logits[:, 3, 4, 5] = float('nan')
    told = copy.deepcopy(samples)
    expected = model.postprocess_result(logits, told)
    for x, sample, other in zip(logits, samples, expected, strict=True):
        found = model.mask_of(x[None], sample)
        assert torch.equal(found, other.pred_sem_seg.data[0])


@torch.no_grad()
def test_numbers_that_are_none(make_segmentor, inputs, make_samples):
    model = make_segmentor()
    model.decode_head.conv_seg.bias[1] = float('nan')
    samples = make_samples([None, None])
    expected = model(inputs, copy.deepcopy(samples), mode='predict')
    found = model.predict_masks(inputs, samples)
    for one, other in zip(found, expected, strict=True):
        assert torch.equal(one.pred_sem_seg.data, other.pred_sem_seg.data)
        assert not one.finite_scores


@pytest.mark.parametrize('what', ['slide', 'one channel', 'own predict'])
@torch.no_grad()
def test_otherwise_as_predict_too(
    what, make_config, make_segmentor, inputs, make_samples
):
    config = make_config()
    if what == 'slide':
        config['test_cfg'] = {
            'mode': 'slide',
            'crop_size': (32, 32),
            'stride': (16, 16),
        }
    elif what == 'one channel':
        config['decode_head'].update(num_classes=2, out_channels=1)
        config['decode_head']['loss_decode']['use_sigmoid'] = True
    model = make_segmentor(**config)
    if what == 'own predict':
        model.predict = lambda *args: type(model).predict(model, *args)
    assert not model._is_usual()
    samples = make_samples([None, None])
    expected = model(inputs, copy.deepcopy(samples), mode='predict')
    found = model.predict_masks(inputs, samples)
    for one, other in zip(found, expected, strict=True):
        assert torch.equal(one.pred_sem_seg.data, other.pred_sem_seg.data)
        assert 'seg_logits' not in one and one.finite_scores


@torch.no_grad()
def test_the_bare_base(make_pair, inputs, make_samples):
    base, model = make_pair()
    samples = make_samples([(True, False), (False, True)])
    expected = base.predict_masks(inputs, copy.deepcopy(samples))
    repaired = model.predict_masks(inputs, copy.deepcopy(samples))
    with model.unrepaired():
        found = model.predict_masks(inputs, samples)
    for one, other, third in zip(found, expected, repaired, strict=True):
        assert torch.equal(one.pred_sem_seg.data, other.pred_sem_seg.data)
        assert (one.pred_sem_seg.data != third.pred_sem_seg.data).any()


def _ways(c, size, layout):
    """Return what MMSegmentation does with logits at 1/4, and what we do."""
    low = [side // 4 for side in size]
    x = torch.randn(1, c, *low).contiguous(memory_format=layout)
    step, left_out = resize(size, False), {'ori_shape': size}
    restore = partial(restored, meta=left_out, align_corners=False)
    return {
        'whole': lambda: whole(x, step, step),
        'groups': lambda: resized_argmax(x, step, restore),
    }


@pytest.mark.parametrize('layout', LAYOUTS)
def test_holds_a_group_of_classes_at_once(layout):
    c, h, w = 150, 96, 128
    peaks = {k: peak_bytes(way) for k, way in _ways(c, (h, w), layout).items()}
    everything = 4 * c * h * w
    assert peaks['whole'] > 1.9 * everything
    assert peaks['groups'] < 0.5 * everything


def _measured(ways, repeats, capsys, title):
    """Print both ways side by side, return their ratio and their peaks."""
    seconds = interleave(ways, repeats, 1)
    times = {k: spread(v)['median'] for k, v in seconds.items()}
    ratio = ratio_spread(seconds['groups'], seconds['whole'])['median']
    peaks = {k: peak_bytes(way) / 2**20 for k, way in ways.items()}
    with capsys.disabled():
        print(f'\n{title}: ', end='')
        for name, time in times.items():
            print(f'{name} {time:.3f} s, {peaks[name]:.0f} MiB; ', end='')
        print(f'ratio {ratio:.2f}')
    return ratio, peaks


@pytest.mark.slow
@pytest.mark.usefixtures('one_thread')
@pytest.mark.parametrize(
    ('c', 'size', 'repeats'),
    [
        (40, (480, 640), 9),
        (150, (480, 640), 9),
        (150, (1024, 2048), 2),
    ],
)
def test_takes_less_time_and_memory(c, size, repeats, capsys):
    """From logits at 1/4, as one image after the other."""
    for layout in LAYOUTS:
        title = f'{c} classes, {size[0]}x{size[1]}, {layout}'
        ways = _ways(c, size, layout)
        ratio, peaks = _measured(ways, repeats, capsys, title)
        assert ratio < 0.8
        # Two steps of 16 to 31 classes, and the masks.
        assert peaks['groups'] < (0.9 if c == 40 else 0.25) * peaks['whole']


@pytest.mark.slow
@pytest.mark.usefixtures('one_thread')
@pytest.mark.parametrize('c', [40, 150])
@torch.no_grad()
def test_of_a_whole_prediction(c, make_config, make_segmentor, capsys):
    """CMNeXt-B2, RGB and depth, 480x640."""
    config = make_config('cmnext')
    config['backbone'] = {
        'type': 'CMNeXt',
        'variant': 'b2',
        'in_channels': [3, 1],
    }
    config['decode_head'].update(
        in_channels=[64, 128, 320, 512], channels=512, num_classes=c
    )
    model = make_segmentor(**config)
    x = torch.randn(1, 4, 480, 640)

    meta = {'ori_shape': (480, 640), 'img_shape': (480, 640)}

    def sample():
        return [SegDataSample(metainfo=meta)]

    ways = {
        'whole': lambda: model.predict(x, sample()),
        'groups': lambda: model.predict_masks(x, sample()),
    }
    title = f'{c} classes, CMNeXt-B2, 480x640'
    ratio, peaks = _measured(ways, 5, capsys, title)
    assert ratio < 1
    # With 40 classes the network itself needs the most.
    assert peaks['groups'] <= (1 if c == 40 else 0.5) * peaks['whole']
