"""What transformers share: two views of one feature, start values.

A feature is a map and a sequence of tokens. Both views keep the strides of
channels-last memory for a batch of one too, where `transpose` and `flatten`
would leave it to chance: without them, convolution and up-sampling copy.
"""

import math

from torch import Tensor, nn


def map_to_tokens(x: Tensor) -> Tensor:
    """(n, c, h, w) -> (n, h w, c), a view of a channels-last map."""
    return x.permute(0, 2, 3, 1).flatten(1, 2)


def tokens_to_map(x: Tensor, size: tuple[int, int]) -> Tensor:
    """(n, h w, c) -> (n, c, h, w), a channels-last view of the tokens."""
    return x.unflatten(1, size).permute(0, 3, 1, 2)


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
