"""Whether a training validates, and on images that it does not train on."""

from __future__ import annotations

import logging
from collections.abc import Hashable
from functools import partial
from typing import Any

from mmengine.config import Config
from mmengine.dataset import BaseDataset
from mmengine.logging import print_log
from mmengine.runner import Runner

from ..engine.watching import watched

SECTIONS = ('val_dataloader', 'val_cfg', 'val_evaluator')


def drop_idle_validation(cfg: Config) -> None:
    """Leave out a validation that never begins, in place.

    Its data need not be there then. ``train_cfg.val_begin`` says when it
    begins; our schedules put that off until a config or a command asks.
    """
    if never_validates(cfg):
        for key in cfg.keys() & set(SECTIONS):
            cfg[key] = None


def never_validates(cfg: Config) -> bool:
    """Say whether training ends before its validation begins."""
    train = cfg.get('train_cfg') or {}
    last = train.get('max_epochs') or train.get('max_iters') or 0
    return (train.get('val_begin') or 1) > last


def check_validation(runner: Runner) -> None:
    """Compare what is validated with what is trained on, and with hooks.

    Images that are in both are worth a warning, and an error where a hook
    chooses by them: it would keep what knows them by heart.

    Raises:
        ValueError: a hook waits for a validation that never comes, or
            chooses by images that are trained on.
    """
    hooks = {type(hook).__name__ for hook, _ in watched(runner.hooks)}
    if runner.val_loop is None:
        if hooks:
            raise ValueError(
                f'{" and ".join(hooks)} waits for a validation, which never '
                'begins; set `train_cfg.val_begin=1`, and give the config '
                f'{", ".join(f"`{key}`" for key in SECTIONS)}'
            )
        return
    trained = sample_ids(runner.train_loop.dataloader.dataset)
    shared = trained & sample_ids(runner.val_loop.dataloader.dataset)
    if not shared:
        return
    said = (
        f'{len(shared)} images of `val_dataloader` are trained on, so that '
        'their scores say little; set `train_dataloader.dataset.split=train`, '
        "or another part that leaves out 'val'"
    )
    if hooks:
        raise ValueError(
            f'{" and ".join(hooks)} chooses by scores, but {said}'
        )
    print_log(said, logger='current', level=logging.WARNING)


def sample_ids(dataset: Any) -> set[Hashable]:
    """Return what tells each sample from others, files or scene numbers.

    Of a data set that says neither it is empty.
    """
    if hasattr(dataset, 'datasets'):  # joined
        return set().union(*map(sample_ids, dataset.datasets))
    if hasattr(dataset, 'dataset'):  # repeated
        return sample_ids(dataset.dataset)
    if not isinstance(dataset, BaseDataset):
        return set()
    seed = getattr(dataset, 'seed', None)
    # Not the data set's own way, which may render an image.
    info = partial(BaseDataset.get_data_info, dataset)
    return {_sample_id(info(i), seed) for i in range(len(dataset))} - {None}


def _sample_id(info: dict, seed: int | None) -> Hashable:
    if 'scene' in info:
        return seed, info['scene']
    paths = info.get('modality_paths') or {'image': info.get('img_path')}
    first = next(iter(paths.values()))
    return first if isinstance(first, str | None) else tuple(first)
