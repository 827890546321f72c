"""ImageNet weights of Mix Transformers, for the main stream of CMNeXt."""

from collections.abc import Mapping

from torch import Tensor

from ...values import expecting
from .renaming import check_names, rename
from .sizes import backbone_for

# What a backbone for segmentation does not have.
LEFT_OUT = ('head.', 'decode_head.')

SEGFORMER = (
    (r'^patch_embed(\d)\.', r'stages.<\1>.embed.'),
    (r'^block(\d)\.', r'stages.<\1>.blocks.'),
    (r'^norm(\d)\.', r'stages.<\1>.norm.'),
    (r'\.mlp\.dwconv\.dwconv\.', '.ffn.dwconv.'),
    (r'\.mlp\.', '.ffn.'),
)
MMSEG = (
    (r'^layers\.(\d)\.0\.projection\.', r'stages.\1.embed.proj.'),
    (r'^layers\.(\d)\.0\.norm\.', r'stages.\1.embed.norm.'),
    (r'^layers\.(\d)\.1\.', r'stages.\1.blocks.'),
    (r'^layers\.(\d)\.2\.', r'stages.\1.norm.'),
    (r'\.attn\.attn\.out_proj\.', '.attn.proj.'),
    (r'\.ffn\.layers\.0\.', '.ffn.fc1.'),
    (r'\.ffn\.layers\.1\.', '.ffn.dwconv.'),
    (r'\.ffn\.layers\.4\.', '.ffn.fc2.'),
)


@expecting('a checkpoint of a Mix Transformer', 'check SRC')
def mit_to_cmnext(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the main stream of a `CMNeXt` backbone.

    Args:
        weights: A Mix Transformer under SegFormer's original names or
            MMSegmentation's, alone or as the backbone of a segmentor, with
            or without the layers of ``LEFT_OUT``.

    Raises:
        ValueError: if names or shapes are not those of a Mix Transformer.
    """
    weights = {
        name.removeprefix('backbone.'): tensor
        for name, tensor in weights.items()
        if not name.startswith(LEFT_OUT)
    }
    if any(name.startswith('layers.') for name in weights):
        weights = _from_mmseg(weights)
    else:
        weights = {rename(n, SEGFORMER): w for n, w in weights.items()}
    expected = backbone_for(weights).state_dict()
    check_names(weights, expected, 'a Mix Transformer')
    return weights


def _from_mmseg(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    renamed = {}
    for source, tensor in weights.items():
        name = rename(source, MMSEG)
        if '.attn.attn.in_proj_' in name:
            # One tensor holds the projections to query, key and value.
            stem, leaf = name.split('.attn.in_proj_')
            width = len(tensor) // 3
            renamed[f'{stem}.q.{leaf}'] = tensor[:width]
            renamed[f'{stem}.kv.{leaf}'] = tensor[width:]
        elif '.ffn.fc' in name and tensor.ndim == 4:
            renamed[name] = tensor.flatten(1)  # a 1x1 convolution there
        else:
            renamed[name] = tensor
    return renamed
