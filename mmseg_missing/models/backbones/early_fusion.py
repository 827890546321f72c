"""All modalities through the first convolution of one plain backbone."""

from collections.abc import Mapping, Sequence
from typing import Any

from mmengine.logging import print_log
from mmseg.registry import MODELS
from torch import nn
from torch.nn.functional import pad

from ...torch_versions import before_loading
from ..utils.building import build_part
from ..utils.first_conv import fit_first_conv
from ..utils.split import checked_channels
from .multi_stream import level_channels


@MODELS.register_module()
def EarlyFusionBackbone(
    backbone: Mapping[str, Any], in_channels: Sequence[int]
) -> nn.Module:
    """Build a backbone for RGB whose first convolution sees all modalities.

    It returns that same backbone, so its names stay and an RGB checkpoint of
    it loads, through ``init_cfg`` as through ``load_from``: the weights of
    the other channels then are zero, and the network starts as the RGB
    network, whatever the other modalities hold.

    Args:
        backbone: Config of any backbone over three channels.
        in_channels: Channels per modality, in stack order, RGB first.

    Returns:
        The backbone, over the sum of ``in_channels``.

    Raises:
        ValueError: the first modality has not three channels, or this
            backbone cannot take another number of them.

    >>> encoder = dict(type='EfficientNetLite', variant='lite0')
    >>> network = EarlyFusionBackbone(encoder, in_channels=(3, 1)).eval()
    >>> [tuple(level.shape) for level in network(torch.rand(2, 4, 64, 96))]
    [(2, 24, 16, 24), (2, 40, 8, 12), (2, 112, 4, 6), (2, 320, 2, 3)]
    """
    in_channels = checked_channels(in_channels)
    if in_channels[0] != 3:
        raise ValueError(
            'the first modality keeps the RGB weights, so it needs three '
            f'channels, got `backbone.in_channels={in_channels}`; put '
            '`rgb` first'
        )
    network = build_part('backbone.backbone', backbone)
    name = fit_first_conv(network, sum(in_channels))
    level_channels(network, sum(in_channels))  # raises if it cannot run
    conv = network.get_submodule(name)
    before_loading(conv, _widen_loaded)
    return network


def _widen_loaded(conv: nn.Conv2d, state: dict, prefix: str, *_: Any) -> None:
    key = f'{prefix}weight'
    others = conv.in_channels - 3
    if key in state and state[key].shape[1] == 3 and others:
        state[key] = pad(state[key], (0, 0, 0, 0, 0, others))
        print_log(
            f'{key!r} is made for RGB; the other {others} channels start at '
            'zero',
            logger='current',
        )
