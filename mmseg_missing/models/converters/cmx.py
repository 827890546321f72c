"""CMX, from its authors' names to this project's."""

from collections.abc import Mapping
from functools import partial

import torch
from torch import Tensor

from ...values import expecting
from ..backbones.cmx import CMX
from .authors import RECTIFY_FUSE, from_authors
from .mit import SEGFORMER
from .renaming import rename
from .sizes import mit_sizes

BACKBONE = (
    *RECTIFY_FUSE,
    *SEGFORMER,
    (r'^extra_patch_embed(\d)\.', r'extra_stages.<\1>.embed.'),
    (r'^extra_block(\d)\.', r'extra_stages.<\1>.blocks.'),
    (r'^extra_norm(\d)\.', r'extra_stages.<\1>.norm.'),
    (r'^stages\.', 'streams.0.stages.'),
    (r'^extra_stages\.', 'streams.1.stages.'),
)
STEMS = [
    f'backbone.streams.{stream}.stages.0.embed.proj.weight'
    for stream in range(2)
]
FUSE_BIAS = 'decode_head.linear_fuse.0.bias'
FUSE_MEAN = 'decode_head.linear_fuse.1.running_mean'


@expecting('a checkpoint of CMX', 'check SRC')
def cmx_from_authors(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the weights of a segmentor with `CMX` and `SegFormerMLPHead`.

    The authors' head adds a bias right before a BatchNorm, which takes it
    away again: it goes into the running mean.

    Args:
        weights: The authors' network with Mix Transformers, of any size.

    Raises:
        ValueError: if names or shapes are not those of CMX.
    """
    weights = _without_fuse_bias(weights)
    own_name = partial(rename, rules=BACKBONE)
    return from_authors(weights, own_name, _backbone_for, 'CMX')


def take_rgb(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    """Let a converted network take red, green, blue.

    The authors' loader asks ``cv2.imread`` for RGB by a flag that it reads
    otherwise: both inputs are blue, green, red, normalised by ImageNet's
    numbers for red, green, blue. What takes RGB instead needs these numbers
    in reverse: ``mean=[103.53, 116.28, 123.675]``,
    ``std=[57.375, 57.12, 58.395]``. An X of one channel goes in three times,
    normalised by one of these numbers each.

    Args:
        weights: What :func:`cmx_from_authors` returned.
    """
    return weights | {name: weights[name].flip(1) for name in STEMS}


def _without_fuse_bias(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    weights = dict(weights)
    bias, mean = weights.pop(FUSE_BIAS, None), weights.get(FUSE_MEAN)
    if bias is None or mean is None or bias.shape != mean.shape:
        raise ValueError(
            f'expected a checkpoint of CMX with {FUSE_BIAS} and {FUSE_MEAN} '
            'of one length; check SRC'
        )
    return weights | {FUSE_MEAN: mean - bias}


def _backbone_for(weights: Mapping[str, Tensor]) -> CMX:
    with torch.device('meta'):
        return CMX(**mit_sizes(weights, 'streams.0.'))
