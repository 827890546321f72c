"""CMNeXt, from its authors' names to this project's."""

from collections.abc import Mapping
from functools import partial

from torch import Tensor

from ...values import expecting
from .authors import RECTIFY_FUSE, from_authors
from .mit import SEGFORMER
from .renaming import rename
from .sizes import backbone_for

BACKBONE = (
    (r'^extra_block(\d)\.(\d+)\.layer_scale_', r'extra_block\1.\2.scale'),
    (r'^extra_block(\d)\.(\d+)\.c_nets\.0\.', r'extra_block\1.\2.channel.'),
    (r'\.attn\.conv0\.', '.attn.local.'),
    (r'\.attn\.conv4\.', '.attn.mix.'),
    *RECTIFY_FUSE,
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
)


@expecting('a checkpoint of CMNeXt', 'check SRC')
def cmnext_from_authors(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the weights of a segmentor with `CMNeXt` and its head.

    Args:
        weights: The authors' network, any size and number of modalities.

    Raises:
        ValueError: if names or shapes are not those of CMNeXt.
    """
    own_name = partial(rename, rules=BACKBONE)
    return from_authors(weights, own_name, backbone_for, 'CMNeXt')
