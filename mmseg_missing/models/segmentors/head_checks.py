"""What heads and their losses must agree on with the labels."""

from __future__ import annotations

import inspect
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from mmengine.model import BaseModule
from mmseg.models.decode_heads import PointHead
from mmseg.models.decode_heads.decode_head import BaseDecodeHead
from mmseg.registry import MODELS
from torch import nn

from ...values import VOID, flag, listed, real, void_label, whole

# Keys without which a head that refines points cannot run.
POINT_KEYS = {
    'train_cfg': (
        'num_points',
        'oversample_ratio',
        'importance_sample_ratio',
    ),
    'test_cfg': (
        'subdivision_steps',
        'subdivision_num_points',
        'scale_factor',
    ),
}


# Heads of mmdetection that predict masks and a class of each.
MASK_HEADS = ('MaskFormerHead', 'Mask2FormerHead')


def heads_of(segmentor: Any) -> Sequence[nn.Module]:
    """Return the decode heads, one or those of a cascade."""
    head = segmentor.decode_head
    return list(head) if isinstance(head, nn.ModuleList) else [head]


def check_mask_heads(config: Any) -> None:
    """Refuse heads made of mmdetection where that is not installed.

    MMSegmentation registers them all the same, as empty shells.

    Args:
        config: Config of the decode head, or of several.

    Raises:
        ValueError: names the head.
    """
    for head in config if isinstance(config, (list, tuple)) else [config]:
        kind = head.get('type') if isinstance(head, Mapping) else None
        kind = MODELS.get(kind) if isinstance(kind, str) else kind
        name = getattr(kind, '__name__', '')
        if name in MASK_HEADS and kind.__bases__ == (BaseModule,):
            raise ValueError(
                f'`model.decode_head.type` {name!r} is made of mmdetection, '
                'which is not installed (`pip install mmdet`, or '
                '`onedl-mmdetection` beside onedl-mmsegmentation); install '
                'it, or take another head'
            )


def check_cascade(num_stages: Any, decode_head: Any) -> None:
    """Refuse heads of a cascade that are not one for each stage.

    Raises:
        TypeError: no list, or no whole number.
        ValueError: another number of heads, or no stage behind the first.
    """
    whole('model.num_stages', num_stages, 2)
    heads = listed('model.decode_head', decode_head)
    if len(heads) != num_stages:
        raise ValueError(
            f'`model.num_stages` is {num_stages}, but `model.decode_head` '
            f'lists {len(heads)} heads; give one for each stage'
        )


def _check_points(segmentor: Any) -> None:
    """Refuse a head that refines points without being told how many.

    Raises:
        ValueError: names the first key that is missing.
    """
    if not isinstance(heads_of(segmentor)[-1], PointHead):
        return
    for name, keys in POINT_KEYS.items():
        given = getattr(segmentor, name)
        for key in keys:
            if not isinstance(given, Mapping) or key not in given:
                raise ValueError(
                    f'PointHead needs `model.{name}.{key}`; see '
                    "`pointrend_r50.py` among MMSegmentation's base configs"
                )


def check_heads(root: nn.Module) -> None:
    """Refuse heads that would learn from void pixels, or weigh wrongly.

    Args:
        root: A segmentor, with any number of heads in any place.

    Raises:
        TypeError: class weights that are no list of numbers.
        ValueError: an ``ignore_index`` that is not the label of void pixels,
            class weights that do not fit the classes, or a head that
            refines points without knowing how many.
    """
    for name, head in root.named_modules():
        if isinstance(head, BaseDecodeHead):
            key = f'model.{name}'
            void_label(f'{key}.ignore_index', head.ignore_index)
            losses = list(_losses(head))
            if not losses:
                raise ValueError(
                    f'`{key}.loss_decode` is empty: nothing would learn'
                )
            for loss in losses:
                _check_takes_weight(f'{key}.loss_decode', head, loss)
                _check_loss(f'{key}.loss_decode', loss)
                void_label(
                    f'{key}.loss_decode.ignore_index',
                    getattr(loss, 'ignore_index', VOID),
                )
                _check_class_weight(
                    f'{key}.loss_decode.class_weight',
                    getattr(loss, 'class_weight', None),
                    head.out_channels,
                )
        elif type(head).__name__ in MASK_HEADS:
            void_label(f'model.{name}.ignore_index', head.ignore_index)
    _check_points(root)


def _losses(head: BaseDecodeHead) -> Iterator[nn.Module]:
    losses = head.loss_decode
    yield from losses if isinstance(losses, nn.ModuleList) else [losses]


def _check_loss(key: str, loss: nn.Module) -> None:
    """Check what losses of MMSegmentation take as it comes."""
    real(f'{key}.loss_weight', getattr(loss, 'loss_weight', 1.0), least=0)
    for name in ('avg_non_ignore', 'use_sigmoid'):
        flag(f'{key}.{name}', getattr(loss, name, False))
    name = getattr(loss, 'loss_name', 'loss')
    if not isinstance(name, str) or not name:
        raise TypeError(f'`{key}.loss_name` takes a word, got {name!r}')


def _check_takes_weight(key: str, head: BaseDecodeHead, loss: Any) -> None:
    """Refuse a loss that only heads with a loss of their own can call."""
    if type(head).loss_by_feat is not BaseDecodeHead.loss_by_feat:
        return
    try:
        inspect.signature(loss.forward).bind(
            None, None, weight=None, ignore_index=VOID
        )
    except TypeError as error:
        raise ValueError(
            f'`{key}`: {type(loss).__name__} is made for other heads than '
            f'{type(head).__name__}, which hands `weight` and `ignore_index` '
            'to its losses; take CrossEntropyLoss'
        ) from error


def _check_class_weight(key: str, weights: Any, num_classes: int) -> None:
    """Check what a loss has read, from its config or from a file."""
    if weights is None:
        return
    if not isinstance(weights, Sequence) and not hasattr(weights, 'tolist'):
        raise TypeError(
            f'`{key}` takes a list of one number per class, got {weights!r}'
        )
    values = getattr(weights, 'tolist', lambda: list(weights))()
    if len(values) != num_classes:
        raise ValueError(
            f'`{key}` takes one number for each of the {num_classes} '
            f'classes, got {len(values)}'
        )
    for value in values:
        real(key, value, least=0)
    if math.fsum(values) == 0:
        raise ValueError(f'`{key}` is 0 for every class: nothing would learn')
