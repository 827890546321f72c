"""What heads and their losses must agree on with the labels."""

from __future__ import annotations

import inspect
import math
from collections.abc import Iterator, Sequence
from typing import Any

from mmseg.models.decode_heads.decode_head import BaseDecodeHead
from torch import nn

from ...values import VOID, flag, real, void_label


def check_heads(root: nn.Module) -> None:
    """Refuse heads that would learn from void pixels, or weigh wrongly.

    Args:
        root: A segmentor, with any number of heads.

    Raises:
        TypeError: class weights that are no list of numbers.
        ValueError: an ``ignore_index`` that is not the label of void pixels,
            or class weights that do not fit the classes.
    """
    for name, head in root.named_modules():
        if isinstance(head, BaseDecodeHead):
            key = f'model.{name}'
            void_label(f'{key}.ignore_index', head.ignore_index)
            for loss in _losses(head):
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
