"""MobileNetV2 weights, from torchvision's names to MMSegmentation's."""

import re
from collections.abc import Mapping

import torch
from mmseg.models.backbones import MobileNetV2
from torch import Tensor

from ...values import expecting
from .renaming import check_names

# What a backbone for segmentation does not have: the layer to 1280 channels
# and the classifier.
LEFT_OUT = ('features.18.', 'classifier.')


@expecting('a checkpoint of MobileNetV2 of width 1.0', 'check SRC')
def mobilenetv2_from_torchvision(
    weights: Mapping[str, Tensor],
) -> dict[str, Tensor]:
    """Return the weights of MMSegmentation's `MobileNetV2`, in float32.

    The names say nothing about how the weights were trained; the config has
    to repeat it. Torchvision's own: RGB with ImageNet's mean and std,
    BatchNorm's eps 1e-5 (the defaults). Those that come from TensorFlow:
    mean 127 (or 127.5) and std 127.5 for each channel,
    ``norm_cfg=dict(type='BN', eps=1e-3)``. TensorFlow also pads its stride-2
    convolutions at the bottom and right only, MMSegmentation all around: each
    of the five then looks one pixel further up and left, to which fine-tuning
    adapts.

    Args:
        weights: Width 1.0, with or without the layers of ``LEFT_OUT``.

    Raises:
        ValueError: on a missing, an unknown or a differently shaped tensor.
    """
    with torch.device('meta'):
        own = MobileNetV2().state_dict()
    names = {_torchvision_name(name): name for name in own}
    converted = {
        names.get(source, source): tensor
        for source, tensor in weights.items()
        if not source.startswith(LEFT_OUT)
    }
    check_names(converted, own, 'MobileNetV2 of width 1.0')
    return {name: t.to(own[name].dtype) for name, t in converted.items()}


def _torchvision_name(name: str) -> str:
    """Return torchvision's name of one of MMSegmentation's tensors.

    Both have blocks of (expand,) depth-wise, project. Torchvision numbers
    the blocks through and lays the two parts of a projection beside the
    units before it.
    """
    *path, kind, leaf = name.split('.')
    part = ('conv', 'bn').index(kind)
    if path == ['conv1']:
        return f'features.0.{part}.{leaf}'
    layer, block, unit = map(int, re.findall(r'\d+', '.'.join(path)))
    counts = [count for _, _, count in MobileNetV2.arch_settings]
    index = 1 + sum(counts[: layer - 1]) + block
    project = 1 if index == 1 else 2  # the first block does not expand
    place = f'{unit}.{part}' if unit < project else f'{unit + part}'
    return f'features.{index}.conv.{place}.{leaf}'
