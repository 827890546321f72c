"""What the flags of `train` and `repair` write into a config."""

import argparse

import pytest

from mmseg_missing.cli.arguments import add_show, shown
from mmseg_missing.startup import showing
from mmseg_missing.startup.showing import Show


def test_nothing_changes_where_nothing_is_asked_for(load):
    cfg, plain = load(), load()
    Show().apply(cfg)
    assert cfg.to_dict() == plain.to_dict()


def test_validation_begins_and_backends_are_there_once(load, monkeypatch):
    monkeypatch.setattr(showing, 'find_spec', lambda name: name)
    cfg = load()
    cfg.visualizer.vis_backends.append({'type': 'TensorboardVisBackend'})
    Show(pictures=3, tensorboard=True, wandb=True).apply(cfg)
    assert cfg.train_cfg.val_begin == 1
    types = [backend['type'] for backend in cfg.visualizer.vis_backends]
    assert types == [
        *('LocalVisBackend', 'TensorboardVisBackend', 'WandbVisBackend')
    ]
    hooks = [hook['type'] for hook in cfg.custom_hooks]
    assert hooks == ['CombinationLossHook', 'CombinationPicturesHook']


def test_a_validation_that_begins_later_stays(load):
    cfg = load(train_cfg__val_begin=3, train_cfg__max_epochs=5)
    Show(pictures=1).apply(cfg)
    assert cfg.train_cfg.val_begin == 3


def test_combinations_that_are_scored_are_those_that_are_shown(load):
    cfg = load(test_cfg__present=['rgb', 'rgb+depth'])
    Show(pictures=1).apply(cfg)
    assert cfg.val_cfg.present == ['rgb', 'rgb+depth']


def test_flags():
    parser = argparse.ArgumentParser()
    add_show(parser)
    args = parser.parse_args(['--wandb', '--pictures', '2', '--tensorboard'])
    assert shown(args) == Show(2, tensorboard=True, wandb=True)
    assert shown(parser.parse_args(['--tensorboard'])) == Show(0, True)
    assert shown(parser.parse_args([])) == Show()


@pytest.mark.parametrize('package', ['tensorboard', 'wandb'])
def test_a_package_that_is_missing(load, monkeypatch, package):
    monkeypatch.setattr(showing, 'find_spec', lambda name: None)
    with pytest.raises(ImportError, match=rf'missing\[{package}\]"$'):
        Show(**{package: True}).apply(load())


def test_a_config_without_validation(load):
    cfg = load()
    cfg.val_dataloader = None
    with pytest.raises(ValueError, match='no `val_dataloader`; add it'):
        Show(pictures=1).apply(cfg)


def test_wandb_goes_online_when_its_variable_says_so(load, monkeypatch):
    monkeypatch.setattr(showing, 'find_spec', lambda name: name)
    monkeypatch.delenv('WANDB_MODE', raising=False)
    for mode in ('offline', 'online'):
        cfg = load()
        Show(wandb=True).apply(cfg)
        assert cfg.visualizer.vis_backends[-1].init_kwargs.mode == mode
        monkeypatch.setenv('WANDB_MODE', 'online')
