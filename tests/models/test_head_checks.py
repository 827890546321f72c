"""Heads, losses, preprocessor and metric agree on void pixels."""

import math

import pytest
import torch
from mmseg.evaluation import IoUMetric

from mmseg_missing.evaluation import CombinationIoUMetric
from mmseg_missing.evaluation.per_combination import per_combination

# Losses that weigh classes.
LOSSES = [
    {'type': 'LovaszLoss', 'reduction': 'none'},
    {'type': 'TverskyLoss'},
    {'type': 'CrossEntropyLoss', 'use_sigmoid': True},
]
AUXILIARY = {
    'type': 'FCNHead',
    'in_channels': 32,
    'in_index': 2,
    'channels': 8,
    'num_classes': 3,
    'align_corners': False,
}
FULL = (True, True)


@pytest.fixture
def build(make_config, make_segmentor):
    """Return a function that builds with other keys of the head."""

    def build(loss=None, **settings):
        head = make_config('one resnet')['decode_head']
        head.update(settings)
        if 'type' in (loss or {}):
            head['loss_decode'].clear()
        head['loss_decode'].update(loss or {})
        return make_segmentor('one resnet', decode_head=head)

    return build


@pytest.mark.parametrize('value', [0, -100, None, True, 254])
def test_one_label_is_void(build, make_segmentor, value):
    with pytest.raises(ValueError, match=r'model\.decode_head\.ignore_index'):
        build(ignore_index=value)
    auxiliary = {**AUXILIARY, 'ignore_index': value}
    with pytest.raises(ValueError, match=r'auxiliary_head\.1\.ignore_index'):
        make_segmentor('one resnet', auxiliary_head=[AUXILIARY, auxiliary])
    with pytest.raises(ValueError, match=r'seg_pad_val.*reduce_zero_label'):
        make_segmentor('one resnet', data_preprocessor={'seg_pad_val': value})
    with pytest.raises(ValueError, match=r'test_evaluator\.ignore_index'):
        CombinationIoUMetric(ignore_index=value)


@pytest.mark.parametrize(
    ('value', 'word'),
    [
        ([1.0, 2.0], '3 classes, got 2'),
        ([1.0, math.nan, 1.0], 'finite'),
        ([1.0, -1.0, 1.0], 'at least 0'),
        ([1.0, 'x', 1.0], "'x'"),
        ([0.0, 0.0, 0.0], 'nothing would learn'),
        (2.0, 'takes a list'),
    ],
)
def test_class_weights(build, value, word):
    with pytest.raises((ValueError, TypeError), match=word) as error:
        build({'class_weight': value})
    assert 'model.decode_head.loss_decode.class_weight' in str(error.value)


@pytest.mark.parametrize('avg_non_ignore', [True, False])
def test_class_weights_work(build, inputs, make_samples, avg_non_ignore):
    model = build(
        {'class_weight': [1.0, 2.0, 2.0], 'avg_non_ignore': avg_non_ignore}
    )
    samples = make_samples([FULL, FULL])
    samples[0].gt_sem_seg.data[:, :4] = 255
    loss = model(inputs, samples, 'loss')['decode.loss_ce']
    assert torch.isfinite(loss)


@pytest.mark.parametrize('loss', LOSSES, ids=lambda loss: loss['type'])
def test_other_losses(build, inputs, make_samples, loss):
    model = build({**loss, 'class_weight': [1.0, 2.0, 2.0]})
    samples = make_samples([FULL, FULL])
    samples[0].gt_sem_seg.data[:, :4] = 255
    losses = model(inputs, samples, 'loss')
    (found,) = (v for k, v in losses.items() if 'loss' in k)
    assert torch.isfinite(found)


def test_a_loss_for_other_heads(build):
    with pytest.raises(ValueError, match='OhemCrossEntropy is made for'):
        build({'type': 'OhemCrossEntropy'})


def test_a_loss_has_no_void_label_of_its_own(build):
    with pytest.raises(ValueError, match=r'loss_decode\.ignore_index'):
        build({'type': 'DiceLoss', 'ignore_index': 0})


def test_metrics_of_mmsegmentation():
    """They would score what nothing learns, one per combination."""
    metric = IoUMetric(ignore_index=0)
    with pytest.raises(ValueError, match=r'test_evaluator\.ignore_index'):
        per_combination([metric], ['rgb'], 'rgb+depth')
    assert per_combination([IoUMetric()], ['rgb'], 'rgb+depth')
