"""EfficientNet-Lite: inverted residuals that small processors run well."""

from __future__ import annotations

import math
from collections.abc import Sequence

from mmcv.cnn import ConvModule
from mmengine.model import BaseModule, ModuleList, Sequential
from mmseg.registry import MODELS
from torch import Tensor

from ...values import choice, listed, whole

# Width and depth, in ratio to Lite0.
VARIANTS = {
    'lite0': (1.0, 1.0),
    'lite1': (1.0, 1.1),
    'lite2': (1.1, 1.2),
    'lite3': (1.2, 1.4),
    'lite4': (1.4, 1.8),
}
# Blocks, kernel, stride, expansion and channels of the stages of Lite0.
STAGES = (
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
)
STEM = 32  # channels, of every variant


@MODELS.register_module()
class EfficientNetLite(BaseModule):
    """Backbone of inverted residuals without squeeze-and-excitation.

    Args:
        variant: ``'lite0'`` to ``'lite4'``.
        out_indices: Stages, 0 to 6, whose maps are returned; they lie at
            1/2, 1/4, 1/8, 1/16, 1/16, 1/32 and 1/32.
        norm_cfg: Config of all norms; default: BatchNorm as in TensorFlow,
            which the published weights were trained with.
        init_cfg: See mmengine; ``mmseg-missing convert efficientnet``
            makes ImageNet weights for it.

    Attributes:
        out_channels: Channels of the returned maps.

    Raises:
        ValueError: if a value of the config cannot work.

    Source: Tan and Le, EfficientNet, ICML 2019, arXiv:1905.11946; the Lite
    variants are those of TensorFlow's repository of TPU models.

    >>> network = EfficientNetLite('lite0').eval()
    >>> [tuple(level.shape) for level in network(torch.rand(2, 3, 64, 96))]
    [(2, 24, 16, 24), (2, 40, 8, 12), (2, 112, 4, 6), (2, 320, 2, 3)]
    """

    def __init__(
        self,
        variant: str = 'lite0',
        out_indices: Sequence[int] = (1, 2, 4, 6),
        norm_cfg: dict | None = None,
        init_cfg: dict | list[dict] | None = None,
    ) -> None:
        super().__init__(init_cfg)
        width, depth = VARIANTS[choice('backbone.variant', variant, VARIANTS)]
        key = 'backbone.out_indices'
        last = len(STAGES) - 1
        self.out_indices = [
            whole(key, i, 0, last) for i in listed(key, out_indices)
        ]
        norm = norm_cfg or {'type': 'BN', 'eps': 1e-3, 'momentum': 0.01}
        self.stem = conv_unit(3, STEM, 3, norm, stride=2)
        self.stages = ModuleList()
        dim = STEM
        for i, (blocks, kernel, stride, expand, channels) in enumerate(STAGES):
            if 0 < i < last:  # the first and the last keep their depth
                blocks = math.ceil(depth * blocks)
            wide = scaled(channels, width)
            stage = []
            for _ in range(blocks):
                stage.append(
                    InvertedResidual(dim, wide, kernel, stride, expand, norm)
                )
                dim, stride = wide, 1
            self.stages.append(Sequential(*stage))
        self.out_channels = [
            scaled(STAGES[i][-1], width) for i in self.out_indices
        ]

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """Return the maps of ``out_indices`` for images (n, 3, h, w)."""
        x = self.stem(x)
        maps = []
        for stage in self.stages:
            x = stage(x)
            maps.append(x)
        return tuple(maps[i] for i in self.out_indices)


class InvertedResidual(BaseModule):
    """Widen, filter each channel, narrow; a shortcut where shapes agree.

    Args:
        in_channels: Channels of its input.
        out_channels: Channels of its output.
        kernel: Kernel size of the depth-wise convolution.
        stride: Stride of the depth-wise convolution.
        expand: How many times wider it is inside.
        norm_cfg: Config of its norms.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel: int,
        stride: int,
        expand: int,
        norm_cfg: dict,
    ) -> None:
        super().__init__()
        hidden = in_channels * expand
        self.has_shortcut = stride == 1 and in_channels == out_channels
        self.expand = None
        if expand > 1:
            self.expand = conv_unit(in_channels, hidden, 1, norm_cfg)
        self.depthwise = conv_unit(
            hidden, hidden, kernel, norm_cfg, stride=stride, groups=hidden
        )
        self.project = conv_unit(
            hidden, out_channels, 1, norm_cfg, act_cfg=None
        )

    def forward(self, x: Tensor) -> Tensor:
        """Map (n, c, h, w) to (n, out, h / stride, w / stride)."""
        y = x if self.expand is None else self.expand(x)
        y = self.project(self.depthwise(y))
        return x + y if self.has_shortcut else y


def conv_unit(
    in_channels: int,
    out_channels: int,
    kernel: int,
    norm_cfg: dict,
    stride: int = 1,
    **options: object,
) -> ConvModule:
    """Return convolution, norm and ReLU6, padded as TensorFlow does.

    With stride 2 and an even size TensorFlow pads at the bottom and right
    only.
    """
    same = {'type': 'Conv2dAdaptivePadding'} if stride > 1 else None
    return ConvModule(
        in_channels,
        out_channels,
        kernel,
        **{
            'stride': stride,
            'padding': 0 if same else kernel // 2,
            'conv_cfg': same,
            'norm_cfg': norm_cfg,
            'act_cfg': {'type': 'ReLU6'},
            **options,
        },
    )


def scaled(channels: int, width: float) -> int:
    """Return a number of channels for another width, a multiple of 8."""
    wanted = channels * width
    near = max(8, int(wanted + 4) // 8 * 8)
    return near + 8 if near < 0.9 * wanted else near
