"""Start values of transformer backbones."""

import math

from torch import nn


def init_transformer(module: nn.Module) -> None:
    """Give every linear, convolution and norm below a module new values.

    Linear: truncated normal of width 0.02; convolution: normal by fan-out;
    norms: ones and zeros; biases: zeros.

    Source: Xie et al., SegFormer, NeurIPS 2021, arXiv:2105.15203 (its code).
    """
    for layer in module.modules():
        if isinstance(layer, nn.Linear):
            nn.init.trunc_normal_(layer.weight, std=0.02)
        elif isinstance(layer, nn.Conv2d):
            fan_out = math.prod(layer.kernel_size) * layer.out_channels
            std = math.sqrt(2 * layer.groups / fan_out)
            nn.init.normal_(layer.weight, std=std)
        elif isinstance(layer, nn.LayerNorm | nn.BatchNorm2d):
            nn.init.ones_(layer.weight)
        else:
            continue
        if layer.bias is not None:
            nn.init.zeros_(layer.bias)
