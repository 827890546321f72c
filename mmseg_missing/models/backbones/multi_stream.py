"""One stream of any MMSegmentation backbone per modality, then fusion."""

import copy
from collections.abc import Sequence

import torch
from mmengine.model import BaseModule, ModuleList, PretrainedInit
from mmseg.registry import MODELS
from torch import Tensor, nn

from ...context import told_to
from ...values import first_line, flag, listed, naming, part, whole
from ..utils.building import build_part
from ..utils.constant_streams import ConstantStreams
from ..utils.first_biases import evaluating
from ..utils.first_conv import fit_first_conv, fitted_loading
from ..utils.split import checked_channels
from ..utils.stream_levels import show_stream
from ..utils.stream_weights import checked_sources, load_stream


@MODELS.register_module()
class MultiStreamBackbone(BaseModule):
    """Run one backbone per modality and fuse the streams level by level.

    Any backbone will do that takes images of any size in one place and
    returns maps (n, c, h, w). Each stream is built from the same dict; its
    first convolution is fitted to the channels of its modality, also when it
    loads weights made for RGB.

    Args:
        backbone: Config of a backbone over three channels, its own
            ``init_cfg`` included.
        in_channels: Channels per modality, in stack order.
        fusion: Config of the module that makes one map of all streams; it is
            built once per level with ``dim`` and ``num_streams``. Default:
            ``SumFusion``.
        pretrained_streams: Streams that load the pretrained weights named in
            ``backbone``; the others start like an untrained backbone.
            Default: all.
        streams_from: Per stream the checkpoint of a network of its modality
            alone, from whose stream it starts, or None: as ``backbone``
            says. Default: all do.
        frozen_streams: Whether the streams stay as they start and the fusion
            alone learns.
        init_cfg: Initialisation of the whole, see mmengine.

    Attributes:
        out_channels: Channels per level.

    Raises:
        ValueError: if a value of the config cannot work.

    >>> stream = dict(type='EfficientNetLite', variant='lite0')
    >>> network = MultiStreamBackbone(stream, in_channels=(3, 1)).eval()
    >>> [tuple(level.shape) for level in network(torch.rand(2, 4, 64, 96))]
    [(2, 24, 16, 24), (2, 40, 8, 12), (2, 112, 4, 6), (2, 320, 2, 3)]
    """

    shows_streams = True  # see `mmseg_missing.models.utils.stream_levels`

    def __init__(
        self,
        backbone: dict,
        in_channels: Sequence[int],
        fusion: dict | None = None,
        pretrained_streams: Sequence[int] | None = None,
        streams_from: Sequence[str | None] | None = None,
        frozen_streams: bool = False,
        init_cfg: dict | list[dict] | None = None,
    ) -> None:
        super().__init__(init_cfg)
        channels = self.in_channels = checked_channels(in_channels)
        self.constant = ConstantStreams()
        cfgs = _stream_cfgs(backbone, len(channels), pretrained_streams)
        self.streams = ModuleList(
            build_part('backbone.backbone', cfg) for cfg in cfgs
        )
        self._stems = list(map(fit_first_conv, self.streams, channels))
        self.streams_from = checked_sources(streams_from, len(channels))
        self.frozen_streams = flag('backbone.frozen_streams', frozen_streams)
        if frozen_streams:
            self.streams.requires_grad_(False).eval()
        levels = list(map(level_channels, self.streams, channels))
        self.out_channels = levels[0]
        key = 'backbone.fusion'
        fusion = {'type': 'SumFusion'} if fusion is None else part(key, fusion)
        if {'dim', 'num_streams'} & set(fusion):
            raise ValueError(
                f'`{key}` gets `dim` and `num_streams` of the streams; leave '
                'them out'
            )
        with naming(key):
            self.fusions = ModuleList(
                MODELS.build(dict(fusion, dim=dim, num_streams=len(channels)))
                for dim in self.out_channels
            )

    def init_weights(self) -> None:
        """Initialise as mmengine does; RGB weights fit every stream."""
        pairs = zip(self.streams, self._stems, strict=True)
        with fitted_loading(s.get_submodule(stem) for s, stem in pairs):
            super().init_weights()
        for stream, path in zip(self.streams, self.streams_from):
            if path is not None:
                load_stream(stream, path)

    def train(self, mode: bool = True) -> BaseModule:
        """Set the mode; frozen streams stay in that of evaluation."""
        super().train(mode)
        if self.frozen_streams:
            self.streams.eval()
        return self

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """Return the fused levels.

        Args:
            x: (n, sum of ``in_channels``, h, w), normalised and filled.

        Raises:
            ValueError: if the number of channels differs.
        """
        images = split_images(x, self.in_channels)
        impute = told_to(self)
        if impute is None:
            streams = [self._stream(m, x) for m, x in enumerate(images)]
        else:
            streams = impute(lambda m: self._stream(m, images[m]))
        for m, stream in enumerate(streams):
            show_stream(m, None, stream)
        levels = zip(*streams, strict=True)
        return tuple(
            fusion(list(level))
            for fusion, level in zip(self.fusions, levels, strict=True)
        )

    def _stream(self, m: int, image: Tensor) -> Sequence[Tensor]:
        """Return the levels of one stream."""
        return levels_of(self.constant.run([self.streams[m]], [m], image))

    def stream_levels(
        self, x: Tensor, streams: Sequence[int] | None = None
    ) -> list[Sequence[Tensor]]:
        """Return the levels of streams, before fusion.

        Args:
            x: (n, sum of ``in_channels``, h, w).
            streams: Positions; default: all.
        """
        images = split_images(x, self.in_channels)
        chosen = range(len(images)) if streams is None else streams
        return [self._stream(m, images[m]) for m in chosen]


def split_images(x: Tensor, in_channels: list[int]) -> tuple[Tensor, ...]:
    """Return one image per modality, channels-last views of one tensor.

    Args:
        x: (n, sum of ``in_channels``, h, w).
        in_channels: Channels per modality.

    Raises:
        ValueError: if the number of channels differs.
    """
    if x.shape[1] != sum(in_channels):
        raise ValueError(
            f'`backbone.in_channels={in_channels}` expects '
            f'{sum(in_channels)} channels, got {x.shape[1]}; it must '
            'list the channels of `modalities` in order'
        )
    # A quarter faster on a CPU: 1x1 convolutions copy nothing.
    x = x.contiguous(memory_format=torch.channels_last)
    return x.split(in_channels, 1)


def levels_of(features: Tensor | Sequence[Tensor]) -> Sequence[Tensor]:
    """Return the levels; several backbones return one level as it is."""
    return (features,) if isinstance(features, Tensor) else features


def _stream_cfgs(
    backbone: dict, num_streams: int, pretrained: Sequence[int] | None
) -> list[dict]:
    key = 'backbone.pretrained_streams'
    chosen = range(num_streams) if pretrained is None else pretrained
    for m in chosen if pretrained is None else listed(key, chosen):
        whole(key, m, 0, num_streams - 1)
    return [
        backbone if m in chosen else _untrained(backbone)
        for m in range(num_streams)
    ]


def _untrained(backbone: dict) -> dict:
    """Return a copy of a backbone's config that loads no weights."""
    cfg = part('backbone.backbone', copy.deepcopy(backbone))
    cfg.pop('pretrained', None)
    inits = cfg.pop('init_cfg', None) or []
    inits = [inits] if isinstance(inits, dict) else inits
    loading = ('Pretrained', PretrainedInit)
    inits = [init for init in inits if init['type'] not in loading]
    return dict(cfg, init_cfg=inits) if inits else cfg


def level_channels(stream: nn.Module, in_channels: int) -> list[int]:
    """Return the channels per level; the stream stays as it was."""
    try:
        with torch.no_grad(), evaluating(stream):
            levels = levels_of(stream(torch.zeros(1, in_channels, 64, 64)))
    except Exception as error:
        raise ValueError(
            f'{type(stream).__name__} cannot be a stream over {in_channels} '
            f'channels, a 64x64 image gives "{first_line(error)}"; choose '
            'another `backbone.backbone`'
        ) from error
    return [level.shape[1] for level in levels]
