"""EfficientNet-Lite weights, from TensorFlow's names to ours."""

import re
from collections.abc import Mapping

import torch
from torch import Tensor

from ...values import expecting
from ..backbones.efficientnet_lite import VARIANTS, EfficientNetLite
from .renaming import check_names

# What a backbone for segmentation does not have: the layer to 1280 channels
# and the classifier.
LEFT_OUT = ('_conv_head.', '_bn1.', '_fc.')
# Names of one unit's convolution and norm.
UNITS = {
    '_expand_conv': 'expand.conv',
    '_bn0': 'expand.bn',
    '_depthwise_conv': 'depthwise.conv',
    '_bn1': 'depthwise.bn',
    '_project_conv': 'project.conv',
    '_bn2': 'project.bn',
}
STEM = {'_conv_stem': 'stem.conv', '_bn0': 'stem.bn'}


@expecting('a checkpoint of EfficientNet-Lite', 'check SRC')
def efficientnet_lite_from_tensorflow(
    weights: Mapping[str, Tensor], variant: str
) -> dict[str, Tensor]:
    """Return the weights of `EfficientNetLite`, in float32.

    They were trained on RGB with mean 127 and std 128 for each channel.

    Args:
        weights: Keys such as ``_blocks.3._expand_conv.weight``.
        variant: ``'lite0'`` to ``'lite4'``.

    Raises:
        ValueError: on a missing, an unknown or a differently shaped tensor.
    """
    with torch.device('meta'):
        network = EfficientNetLite(variant)
    own = network.state_dict()
    places = [
        f'stages.{i}.{j}'
        for i, stage in enumerate(network.stages)
        for j in range(len(stage))
    ]
    converted = {
        _our_name(name, places): tensor
        for name, tensor in weights.items()
        if not name.startswith(LEFT_OUT)
    }
    check_names(converted, own, f'EfficientNet-{variant.capitalize()}')
    return {name: t.to(own[name].dtype) for name, t in converted.items()}


def variant_of(weights: Mapping[str, Tensor]) -> str:
    """Return the variant whose blocks are as many and as wide.

    Raises:
        ValueError: there is none.
    """
    projections = [
        tensor.shape[0]
        for name, tensor in weights.items()
        if name.endswith('_project_conv.weight')
    ]
    for variant in VARIANTS:
        with torch.device('meta'):
            network = EfficientNetLite(variant, out_indices=range(7))
        widths = [
            width
            for width, stage in zip(network.out_channels, network.stages)
            for _ in stage
        ]
        if widths == projections:
            return variant
    raise ValueError(
        f'expected a checkpoint of EfficientNet-Lite, got {len(projections)} '
        'blocks of other widths; check SRC'
    )


def _our_name(name: str, places: list[str]) -> str:
    """Return our name of a tensor; an unknown one stays as it is."""
    found = re.fullmatch(r'(?:_blocks\.(\d+)\.)?(_\w+)\.(\w+)', name)
    if not found:
        return name
    block, unit, leaf = found.groups()
    units = STEM if block is None else UNITS
    if unit not in units or int(block or 0) >= len(places):
        return name
    place = '' if block is None else f'{places[int(block)]}.'
    return f'{place}{units[unit]}.{leaf}'
