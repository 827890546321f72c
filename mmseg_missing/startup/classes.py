"""Whether network, checkpoint and data set mean the same classes."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mmengine.config import Config
from torch import nn
from torch.utils.data import Dataset

from ..values import data_sets


def check_classes(
    model: nn.Module,
    dataset: Dataset,
    checkpoint: Mapping[str, Any] | None = None,
    path: str | Path = '',
) -> None:
    """Refuse a head or a checkpoint that knows other classes than the labels.

    Args:
        model: The segmentor.
        dataset: Where its classes matter; without any all is well.
        checkpoint: What the network comes from.
        path: Path of the checkpoint.

    Raises:
        ValueError: another number of classes, or another order.
    """
    classes = dataset.metainfo.get('classes') or ()
    if classes and model.num_classes != len(classes):
        raise ValueError(
            f'the head tells {model.num_classes} classes apart, but the data '
            f'set has {len(classes)}; set `model.decode_head.num_classes`'
        )
    if checkpoint is not None:
        compare_classes(checkpoint, classes, path)


def compare_classes(
    checkpoint: Mapping[str, Any],
    classes: Sequence[str],
    path: str | Path,
    learns: bool = False,
) -> None:
    """Compare classes with those of a checkpoint, if it says them.

    Args:
        checkpoint: Checkpoint with MMEngine's ``meta``.
        classes: Classes of the data set; empty: unknown.
        path: Path of the checkpoint.
        learns: The head trains on, so their number may differ.

    Raises:
        ValueError: more, fewer, or the same in another order.
    """
    meta = checkpoint.get('meta') or {}
    known = (meta.get('dataset_meta') or {}).get('classes')
    known = known or meta.get('CLASSES') or ()
    is_list = isinstance(known, (list, tuple))
    if not is_list or not known or not classes:
        return
    differ = [i for i, (a, b) in enumerate(zip(known, classes)) if a != b]
    moved = [i for i in differ if known[i] in classes or classes[i] in known]
    if moved and (not learns or set(known) == set(classes)):
        i = moved[0]
        raise ValueError(
            f'{str(path)!r} knows the classes in another order: number {i} '
            f'is {known[i]!r} there, {classes[i]!r} in the data set; give '
            'the data set the `metainfo.classes` of the training'
        )
    if len(known) != len(classes) and not learns:
        raise ValueError(
            f'{str(path)!r} knows {len(known)} classes, the data set has '
            f'{len(classes)}; give the data set the `metainfo.classes` of '
            'the training'
        )
    if differ and not learns:
        i = differ[0]
        warnings.warn(
            f'{str(path)!r} calls class {i} {known[i]!r}, the data set '
            f'{classes[i]!r}; scores mean something if both are one',
            stacklevel=2,
        )


def stated_classes(cfg: Config) -> Sequence[str]:
    """Return the classes that the config of a test states, or none."""
    loader = cfg.get('test_dataloader') or {}
    for dataset in data_sets(loader.get('dataset') or {}):
        metainfo = dataset.get('metainfo') or {}
        if isinstance(metainfo, dict) and metainfo.get('classes'):
            return metainfo['classes']
    return ()
