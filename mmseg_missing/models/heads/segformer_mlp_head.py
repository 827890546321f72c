"""The all-MLP head of SegFormer with plain linear projections."""

import functools
from collections.abc import Mapping, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from mmcv.cnn import build_norm_layer
from mmseg.models.decode_heads.decode_head import BaseDecodeHead
from mmseg.registry import MODELS
from torch import Tensor, nn

from ...products import is_plain_inference, linear
from ...values import flag, listed, naming, part, real, whole
from ..utils.in_place import relu
from ..utils.strips import in_strips
from ..utils.transformer import init_transformer, map_to_tokens, tokens_to_map

PART = 64  # channels


@MODELS.register_module()
class SegFormerMLPHead(BaseDecodeHead):
    """Project each level, fuse all, norm, ReLU, classify.

    The published head fuses after up-sampling, with one 1x1 convolution
    over the concatenated levels. It commutes with bilinear up-sampling, so
    here each level is fused at its own resolution and only the sum is taken
    at 1/4. And it follows a projection with nothing in between: the product
    of both matrices does the work of both. The same numbers up to rounding,
    several times faster.

    Args:
        in_channels: Channels of the levels, finest first.
        channels: Width of the head; published: 512, and 256 for B0 and B1.
        in_index: Which outputs of the backbone to take.
        norm_cfg: Norm after the fusion.
        **kwargs: As in MMSegmentation's ``BaseDecodeHead``.

    Raises:
        TypeError: a number, a list or a flag was expected.
        ValueError: a number out of range, or lists of other lengths.

    Source: Xie et al., SegFormer, NeurIPS 2021, arXiv:2105.15203; this
    variant: code of CMNeXt, CVPR 2023.

    >>> head = SegFormerMLPHead([8, 16, 24, 32], channels=16, num_classes=11)
    >>> levels = [torch.rand(2, c, 64 // c, 96 // c) for c in (8, 16)]
    >>> levels += [torch.rand(2, 24, 2, 3), torch.rand(2, 32, 1, 2)]
    >>> head(levels).shape
    torch.Size([2, 11, 8, 12])
    """

    def __init__(
        self,
        in_channels: Sequence[int],
        channels: int = 512,
        in_index: Sequence[int] = (0, 1, 2, 3),
        norm_cfg: dict = dict(type='BN'),  # noqa: B006, C408
        **kwargs,
    ) -> None:
        in_channels = _check_sizes(
            in_channels, channels, in_index, norm_cfg, **kwargs
        )
        super().__init__(
            in_channels,
            channels,
            in_index=in_index,
            norm_cfg=norm_cfg,
            input_transform='multiple_select',
            **kwargs,
        )
        self.project = nn.ModuleList(
            nn.Linear(c, channels) for c in in_channels
        )
        self.fuse = nn.ModuleList(
            nn.Linear(channels, channels, bias=False) for _ in in_channels
        )
        with naming('model.decode_head.norm_cfg'):
            self.norm = build_norm_layer(norm_cfg, channels)[1]

    def init_weights(self) -> None:
        """Draw new weights, then apply ``init_cfg``."""
        init_transformer(self)
        super().init_weights()

    def forward(self, inputs: Sequence[Tensor]) -> Tensor:
        """Return class scores (n, num_classes, h, w) at the finest level.

        Args:
            inputs: The backbone's outputs, maps (n, c_i, h_i, w_i).
        """
        levels = self._transform_inputs(inputs)
        layers = [
            (fuse.weight @ project.weight, fuse.weight @ project.bias)
            for fuse, project in zip(self.fuse, self.project, strict=True)
        ]
        x = _in_parts(levels, layers)
        if not self._keeps_apart():
            return self._scores(x)
        layers = self.norm, self.conv_seg
        return in_strips(self._scores, x, layers, x.shape[1])

    def _keeps_apart(self) -> bool:
        """Say whether positions do not know of each other."""
        norm = self.norm
        is_fixed = (
            type(norm) is nn.BatchNorm2d
            and norm.track_running_stats
            and not self.training
            and not norm.training
        )
        # One that is left on in a test, to sample, drops whole channels.
        drops = self.dropout is not None and self.dropout.training
        is_ours = type(self).cls_seg is BaseDecodeHead.cls_seg
        return is_fixed and is_ours and not drops

    def _scores(self, x: Tensor) -> Tensor:
        return self.cls_seg(relu(self.norm(x), self.norm))


def _fused(
    levels: Sequence[Tensor], layers: Sequence[tuple[Tensor, Tensor]]
) -> Tensor:
    """Return the sum of all levels at the size of the first.

    Args:
        levels: Maps (n, c_i, h_i, w_i).
        layers: Weight (c, c_i) and bias (c,) of each.
    """
    size = levels[0].shape[2:]
    maps = (
        _at_size(x, *layer, size)
        for x, layer in zip(levels, layers, strict=True)
    )
    return functools.reduce(torch.add, maps)


def _in_parts(
    levels: Sequence[Tensor], layers: Sequence[tuple[Tensor, Tensor]]
) -> Tensor:
    """Do the same, on a CPU some channels at a time: caches hold these."""
    channels = len(layers[0][0])
    is_on_cpu = levels[0].device.type == 'cpu'
    if not (channels > PART and is_on_cpu and is_plain_inference()):
        return _fused(levels, layers)
    n, _, h, w = levels[0].shape
    for start in range(0, channels, PART):
        part = slice(start, start + PART)
        y = _fused(levels, [(a[part], b[part]) for a, b in layers])
        if start == 0:
            out = y.new_empty((n, h, w, channels)).permute(0, 3, 1, 2)
        out[:, part] = y
    return out


def _at_size(
    x: Tensor, weight: Tensor, bias: Tensor, size: tuple[int, int]
) -> Tensor:
    y = tokens_to_map(linear(map_to_tokens(x), weight, bias), x.shape[2:])
    if x.shape[2:] == size:
        return y
    return F.interpolate(y, size, mode='bilinear')


def _check_sizes(
    in_channels: Sequence[int],
    channels: int,
    in_index: Sequence[int],
    norm_cfg: Mapping[str, Any],
    num_classes: int = 2,
    dropout_ratio: float = 0.1,
    align_corners: bool = False,
    loss_decode: Any = None,
    **_: Any,
) -> list[int]:
    """Return the channels of the levels, everything checked."""
    key = 'model.decode_head'
    levels = [
        whole(f'{key}.in_channels', c, 1, 2**16)
        for c in listed(f'{key}.in_channels', in_channels)
    ]
    indices = [
        whole(f'{key}.in_index', i, 0)
        for i in listed(f'{key}.in_index', in_index)
    ]
    if not levels or len(levels) != len(indices):
        raise ValueError(
            f'`{key}.in_channels` and `{key}.in_index` take one entry per '
            f'level, got {len(levels)} and {len(indices)}'
        )
    whole(f'{key}.channels', channels, 1, 2**16)
    whole(f'{key}.num_classes', num_classes, 2, 2**16)
    real(f'{key}.dropout_ratio', dropout_ratio, least=0, below=1)
    flag(f'{key}.align_corners', align_corners)
    part(f'{key}.norm_cfg', norm_cfg)
    if loss_decode is not None:
        is_list = isinstance(loss_decode, (list, tuple))
        for loss in loss_decode if is_list else [loss_decode]:
            part(f'{key}.loss_decode', loss)
    return levels
