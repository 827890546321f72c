"""What the converters of CMX, CMNeXt and MMSFormer share."""

from collections.abc import Callable, Mapping
from functools import partial

from torch import Tensor, nn

from .renaming import check_names, rename
from .sizes import head_for

RECTIFY_FUSE = (
    (r'^FRMs\.(\d)\.(channel|spatial)_weights\.mlp\.', r'rectify.\1.\2.'),
    (r'^FFMs\.', 'fuse.'),
    (r'\.cross\.channel_proj(\d)\.', r'.cross.in\1.'),
    (r'\.cross\.cross_attn\.', '.cross.attn.'),
    (r'\.cross\.end_proj(\d)\.', r'.cross.out\1.'),
    (r'\.channel_emb\.channel_embed\.', '.embed.'),
    (r'\.channel_emb\.', '.'),
)
HEAD = (
    (r'^linear_c(\d)\.proj\.', r'project.<\1>.'),
    (r'^linear_fuse\.(conv|0)\.', 'fuse.'),
    (r'^linear_fuse\.(bn|1)\.', 'norm.'),
    (r'^linear_pred\.', 'conv_seg.'),
)


def from_authors(
    weights: Mapping[str, Tensor],
    own_name: Callable[[str], str],
    backbone_for: Callable[[Mapping[str, Tensor]], nn.Module],
    what: str,
) -> dict[str, Tensor]:
    """Return the weights of a segmentor with `SegFormerMLPHead`.

    Args:
        weights: The authors' network, of any size.
        own_name: Renames a tensor of the backbone.
        backbone_for: Returns an empty backbone for the renamed tensors.
        what: The network's name, for the message.

    Raises:
        ValueError: if names or shapes are not those of the network.
    """
    backbone = _renamed(weights, 'backbone.', own_name)
    head = _renamed(weights, 'decode_head.', partial(rename, rules=HEAD))
    head = _split_fuse(head)
    others = {
        name: tensor
        for name, tensor in weights.items()
        if not name.startswith(('backbone.', 'decode_head.'))
    }
    converted = _segmentor(backbone, head) | others
    expected = _segmentor(
        backbone_for(backbone).state_dict(), head_for(head).state_dict()
    )
    check_names(converted, expected, what)
    return converted


def _renamed(
    weights: Mapping[str, Tensor], prefix: str, own_name: Callable[[str], str]
) -> dict[str, Tensor]:
    return {
        own_name(name.removeprefix(prefix)): tensor
        for name, tensor in weights.items()
        if name.startswith(prefix)
    }


def _split_fuse(head: dict[str, Tensor]) -> dict[str, Tensor]:
    """Give each level its part of the convolution over all levels."""
    fuse = head.pop('fuse.weight', None)
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
