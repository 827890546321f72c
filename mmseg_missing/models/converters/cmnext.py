"""CMNeXt, from its authors' names to this project's."""

from collections.abc import Mapping

from torch import Tensor

from .mit import SEGFORMER
from .renaming import Rules, check_names, rename
from .sizes import backbone_for, head_for

BACKBONE = (
    (r'^extra_block(\d)\.(\d+)\.layer_scale_', r'extra_block\1.\2.scale'),
    (r'^extra_block(\d)\.(\d+)\.c_nets\.0\.', r'extra_block\1.\2.channel.'),
    (r'\.attn\.conv0\.', '.attn.local.'),
    (r'\.attn\.conv4\.', '.attn.mix.'),
    (r'^FRMs\.(\d)\.(channel|spatial)_weights\.mlp\.', r'rectify.\1.\2.'),
    *SEGFORMER,
    (r'^extra_block(\d)\.', r'extra_stages.<\1>.blocks.'),
    (r'^extra_norm(\d)\.', r'extra_stages.<\1>.norm.'),
    (r'^extra_downsample_layers\.(\d)\.', r'extra_stages.\1.embed.'),
    (r'\.proj\.module\.', '.projs.shared.'),
    (r'\.norm\.ln_(\d+)\.', r'.norms.\1.'),
    (
        r'^extra_score_predictor\.(\d)\.score_nets\.',
        r'extra_stages.\1.scores.',
    ),
    (r'^FFMs\.', 'fuse.'),
    (r'\.cross\.channel_proj(\d)\.', r'.cross.in\1.'),
    (r'\.cross\.cross_attn\.', '.cross.attn.'),
    (r'\.cross\.end_proj(\d)\.', r'.cross.out\1.'),
    (r'\.channel_emb\.channel_embed\.', '.embed.'),
    (r'\.channel_emb\.', '.'),
)
HEAD = (
    (r'^linear_c(\d)\.proj\.', r'project.<\1>.'),
    (r'^linear_fuse\.bn\.', 'norm.'),
    (r'^linear_pred\.', 'conv_seg.'),
)


def cmnext_from_authors(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the weights of a segmentor with `CMNeXt` and its head.

    Args:
        weights: The authors' network, any size and number of modalities.

    Raises:
        ValueError: if names or shapes are not those of CMNeXt.
    """
    backbone = _renamed(weights, 'backbone.', BACKBONE)
    head = _split_fuse(_renamed(weights, 'decode_head.', HEAD))
    others = {
        name: tensor
        for name, tensor in weights.items()
        if not name.startswith(('backbone.', 'decode_head.'))
    }
    converted = _segmentor(backbone, head) | others
    expected = _segmentor(
        backbone_for(backbone).state_dict(), head_for(head).state_dict()
    )
    check_names(converted, expected, 'CMNeXt')
    return converted


def _renamed(
    weights: Mapping[str, Tensor], prefix: str, rules: Rules
) -> dict[str, Tensor]:
    return {
        rename(name.removeprefix(prefix), rules): tensor
        for name, tensor in weights.items()
        if name.startswith(prefix)
    }


def _split_fuse(head: dict[str, Tensor]) -> dict[str, Tensor]:
    """Give each level its part of the convolution over all levels."""
    fuse = head.pop('linear_fuse.conv.weight', None)
    if fuse is None:
        return head
    # The authors concatenate the coarsest level first.
    parts = reversed(fuse.flatten(1).chunk(4, 1))
    names = (f'fuse.{level}.weight' for level in range(4))
    return head | dict(zip(names, map(Tensor.contiguous, parts), strict=True))


def _segmentor(
    backbone: Mapping[str, Tensor], head: Mapping[str, Tensor]
) -> dict[str, Tensor]:
    parts = {'backbone.': backbone, 'decode_head.': head}
    return {
        prefix + name: tensor
        for prefix, part in parts.items()
        for name, tensor in part.items()
    }
