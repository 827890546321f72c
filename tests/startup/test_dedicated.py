"""Configs of dedicated networks, cut out of that of the full one."""

import pytest
from mmengine.config import Config

from mmseg_missing.startup.dedicated import keep_modalities


def make(**model):
    modalities = [
        {'name': 'rgb'},
        {'name': 'depth', 'channels': 1},
        {'name': 'thermal', 'channels': 2},
    ]
    pipeline = [{'type': 'PackModalities', 'modalities': modalities}]
    data = {'modalities': ['rgb', 'depth', 'thermal'], 'pipeline': pipeline}
    backbone = {'type': 'CMNeXt', 'in_channels': [3, 1, 2]}
    return Config(
        {
            'modalities': modalities,
            'model': {'stack': modalities, 'backbone': backbone, **model},
            'train_dataloader': {'dataset': data},
        }
    )


def test_the_stack_is_cut_wherever_it_is_stated():
    cfg = make()
    keep_modalities(cfg, 'thermal+rgb')
    names = ['rgb', 'thermal']
    dataset = cfg.train_dataloader.dataset
    assert [m.name for m in cfg.model.stack] == names
    assert cfg.model.backbone.in_channels == [3, 2]
    assert dataset.modalities == names
    assert [m.name for m in dataset.pipeline[0].modalities] == names


def test_what_is_validated_may_name_what_is_cut():
    cfg = make()
    cfg.val_cfg = {'type': 'CombinationValLoop', 'present': ['rgb', 'depth']}
    keep_modalities(cfg, 'thermal+rgb')
    assert cfg.val_cfg == {'type': 'CombinationValLoop'}


@pytest.mark.parametrize(
    ('combination', 'left'),
    [
        ('rgb+depth', [[3, 1]]),
        ('thermal', [2]),
        ('depth+thermal', [[1], 2]),
    ],
)
def test_a_stream_of_several_modalities(combination, left):
    cfg = make()
    cfg.model.backbone = {'type': 'CMX', 'in_channels': [[3, 1], 2]}
    keep_modalities(cfg, combination)
    assert cfg.model.backbone.in_channels == left


def test_unknown_modality():
    with pytest.raises(ValueError, match='lidar'):
        keep_modalities(make(), 'lidar')


def test_adapted_networks_are_refused():
    wrapped = {'type': 'AdaptedBackbone', 'backbone': {}, 'adapter': {}}
    for changes in (
        {'adapter': {'type': 'ScaleShift'}},
        {'adapter': {}},
        {'backbone': wrapped},
    ):
        with pytest.raises(ValueError, match='sibling config'):
            keep_modalities(make(**changes), 'rgb')
