"""Read the sizes of a network from its weights."""

from collections.abc import Mapping

import torch
from torch import Tensor

from ..backbones.cmnext import CMNeXt
from ..heads import SegFormerMLPHead

LEVELS = range(4)


def mit_sizes(
    weights: Mapping[str, Tensor], prefix: str = ''
) -> dict[str, list[int]]:
    """Return the sizes of a Mix Transformer, as arguments of a backbone.

    Args:
        weights: Tensors that hold one.
        prefix: Beginning of its names.

    Raises:
        ValueError: if there is not a patch embedding for each of four levels.
    """
    stages = [f'{prefix}stages.{level}' for level in LEVELS]
    stems = [f'{stage}.embed.proj.weight' for stage in stages]
    if not set(stems) <= set(weights):
        some = ', '.join(sorted(weights)[:3]) or 'none'
        raise ValueError(
            'expected patch embeddings of four levels, found them not among '
            f'{len(weights)} tensors ({some}, ...); check SRC'
        )
    return {
        'embed_dims': [weights[name].shape[0] for name in stems],
        'depths': [_depth(weights, f'{stage}.blocks.') for stage in stages],
        'num_heads': [1] * 4,  # no tensor depends on them
        'sr_ratios': [_sr_ratio(weights, stage) for stage in stages],
    }


def backbone_for(weights: Mapping[str, Tensor]) -> CMNeXt:
    """Return an empty `CMNeXt` of the sizes that its weights have.

    Raises:
        ValueError: if there is not a patch embedding for each of four levels.
    """
    sizes = mit_sizes(weights)
    extras = [n for n in weights if n.startswith('extra_stages.0.embed.norms')]
    modalities = 1 + len({name.split('.')[4] for name in extras})
    with torch.device('meta'):
        return CMNeXt(**sizes, in_channels=[3] * modalities)


def head_for(weights: Mapping[str, Tensor]) -> SegFormerMLPHead:
    """Return an empty head of the sizes that its weights have.

    Raises:
        ValueError: if there are no projections or no classifier.
    """
    projections = [f'project.{level}.weight' for level in LEVELS]
    if not {*projections, 'conv_seg.weight'} <= set(weights):
        raise ValueError(
            'expected a head with four projections and a classifier, got '
            f'{", ".join(sorted(weights)[:3]) or "no tensors"}; check SRC'
        )
    with torch.device('meta'):
        return SegFormerMLPHead(
            in_channels=[weights[name].shape[1] for name in projections],
            channels=weights[projections[0]].shape[0],
            num_classes=weights['conv_seg.weight'].shape[0],
        )


def _depth(weights: Mapping[str, Tensor], prefix: str) -> int:
    blocks = (name for name in weights if name.startswith(prefix))
    return len({name.removeprefix(prefix).split('.')[0] for name in blocks})


def _sr_ratio(weights: Mapping[str, Tensor], stage: str) -> int:
    sr = weights.get(f'{stage}.blocks.0.attn.sr.weight')
    return 1 if sr is None else sr.shape[-1]
