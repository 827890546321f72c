"""A sentence for images that a network cannot take."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from mmengine.dist import get_world_size
from mmseg.models.decode_heads.decode_head import BaseDecodeHead
from torch import Tensor

from ...values import first_line
from .head_checks import heads_of

# What layers say of maps that are too small for them.
TOO_SMALL = re.compile(
    r'kernel size|output size|padding size|more than 1 value per channel|'
    r'sizes? should be greater|non-?zero|non-?empty',
    re.IGNORECASE,
)
SIDES = (32, 64, 128, 256, 512)


@contextmanager
def explaining_sizes(segmentor: Any, inputs: Tensor) -> Iterator[None]:
    """Within this block, say so if the images are too small.

    Args:
        segmentor: An encoder-decoder; what a forward is told it was told.
        inputs: (n, c, h, w).

    Raises:
        ValueError: in the place of what a layer raised.
    """
    try:
        yield
    except (RuntimeError, ValueError) as error:
        if not TOO_SMALL.search(str(error)):
            raise
        h, w = inputs.shape[2:]
        enough = _enough(segmentor, inputs)
        if enough is None or enough <= min(h, w):
            raise
        raise ValueError(
            f'images of {h}x{w} pixels are too small for '
            f'{type(segmentor.backbone).__name__} and '
            f'{type(heads_of(segmentor)[0]).__name__} '
            f'({first_line(error)}), {enough}x{enough} are enough; put '
            '`ResizeModalities` or `PadModalities` into the pipeline, or '
            'choose a larger crop'
        ) from error


@torch.no_grad()
def _enough(segmentor: Any, inputs: Tensor) -> int | None:
    """Return the side of square images that work, None if none does.

    Of several processes one alone must not run the network: norms that
    average over processes would wait for the others.
    """
    if get_world_size() > 1:
        return None
    for side in SIDES:
        try:
            levels = segmentor.extract_feat(
                inputs.new_zeros(*inputs.shape[:2], side, side)
            )
            head = heads_of(segmentor)[0]
            if isinstance(head, BaseDecodeHead):
                head.forward(levels)
        except (RuntimeError, ValueError):
            continue
        return side
    return None
