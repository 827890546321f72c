"""MMSFormer, from its authors' names to this project's."""

import re
from collections.abc import Mapping

import torch
from torch import Tensor

from ...values import expecting
from ..backbones.mmsformer import MMSFormer
from .authors import from_authors
from .mit import SEGFORMER
from .renaming import rename
from .sizes import mit_sizes

EXTRA = re.compile(r'extra_mit\.(\d+)\.')
FUSION = (
    (r'^fusion_block\.liner_fusion_layers\.(\d)\.', r'fuse.\1.merge.'),
    (r'^fusion_block\.channel_attns\.(\d)\.fc\.', r'fuse.\1.channel.'),
    (r'^fusion_block\.mix_ffn\.(\d)\.', r'fuse.\1.ffn.'),
    (r'\.pwconv1\.', '.before.'),
    (r'\.pwconv2\.', '.after.'),
    (r'\.pwconv\.', '.0.'),
    (r'\.bn\.', '.1.'),
    (r'\.dwconv3\.dwconv\.', '.scales.0.'),
    (r'\.dwconv5\.dwconv\.', '.scales.1.'),
    (r'\.dwconv7\.dwconv\.', '.scales.2.'),
)


@expecting('a checkpoint of MMSFormer', 'check SRC')
def mmsformer_from_authors(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the weights of a segmentor with `MMSFormer` and its head.

    Args:
        weights: The authors' network as of January 2024, any size and number
            of modalities. Before, its fusion had a convolution less.

    Raises:
        ValueError: if names or shapes are not those of MMSFormer.
    """
    return from_authors(weights, _own_name, _backbone_for, 'MMSFormer')


def _own_name(name: str) -> str:
    if name.startswith('fusion_block.'):
        return rename(name, FUSION)
    if extra := EXTRA.match(name):
        stream, name = 1 + int(extra[1]), name[extra.end() :]
    else:
        stream = 0
    return f'streams.{stream}.{rename(name, SEGFORMER)}'


def _backbone_for(weights: Mapping[str, Tensor]) -> MMSFormer:
    streams = {n.split('.')[1] for n in weights if n.startswith('streams.')}
    sizes = mit_sizes(weights, 'streams.0.')
    if len(streams) > 1:
        extra = mit_sizes(weights, 'streams.1.')
        for key in ('embed_dims', 'depths'):
            sizes[f'extra_{key}'] = extra[key]
    with torch.device('meta'):
        return MMSFormer(**sizes, in_channels=[3] * max(1, len(streams)))
