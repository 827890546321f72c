"""MMSegmentation's encoder-decoders for missing modalities."""

from collections.abc import Sequence
from typing import Any

from mmseg.models import EncoderDecoder
from mmseg.models.decode_heads import PointHead
from mmseg.models.decode_heads.decode_head import BaseDecodeHead
from mmseg.models.segmentors import CascadeEncoderDecoder
from mmseg.registry import MODELS
from torch import Tensor

from ...values import naming
from ..utils.building import named_part
from .head_checks import check_cascade, check_mask_heads, heads_of
from .masks import MaskPredicting
from .mixin import MissingModalityMixin
from .stack_checks import check_levels

# Of a sample that nothing was padded in, as heads ask for them.
SHAPES = ('ori_shape', 'img_shape', 'pad_shape', 'batch_input_shape')


class _Checked(MaskPredicting):
    """Heads that say their key, on the levels that they were built for."""

    def _init_decode_head(self, decode_head: Any) -> None:
        check_mask_heads(decode_head)
        with naming('model.decode_head'):
            super()._init_decode_head(decode_head)

    def _init_auxiliary_head(self, auxiliary_head: Any) -> None:
        with naming('model.auxiliary_head'):
            super()._init_auxiliary_head(auxiliary_head)

    def extract_feat(self, inputs: Tensor) -> Sequence[Tensor]:
        """Return the levels, which must be those that the heads want."""
        levels = super().extract_feat(inputs)
        for head in heads_of(self):
            check_levels(head, levels)
        return levels

    def _forward(
        self, inputs: Tensor, data_samples: list | None = None
    ) -> Tensor:
        """Return the last head's output, of some heads the prediction.

        Heads of points or masks give no map before that.
        """
        last = heads_of(self)[-1]
        if isinstance(last, BaseDecodeHead) and not isinstance(
            last, PointHead
        ):
            return super()._forward(inputs, data_samples)
        meta = dict.fromkeys(SHAPES, tuple(inputs.shape[2:]))
        return super().encode_decode(inputs, [meta] * len(inputs))


@MODELS.register_module()
class MissingModalitySegmentor(MissingModalityMixin, _Checked, EncoderDecoder):
    """Encoder-decoder that knows which modalities each sample has.

    Args: those of ``EncoderDecoder`` and of :class:`MissingModalityMixin`.
    """


class _Cascade(CascadeEncoderDecoder):
    """MMSegmentation's cascade, whose errors say their key."""

    def _init_decode_head(self, decode_head: Any) -> None:
        check_cascade(self.num_stages, decode_head)
        super()._init_decode_head(
            [
                named_part(f'model.decode_head.{stage}', head)
                for stage, head in enumerate(decode_head)
            ]
        )


@MODELS.register_module()
class MissingModalityCascadeSegmentor(
    MissingModalityMixin, _Checked, _Cascade
):
    """The same for heads in a row, as those of OCRNet and PointRend.

    Each head takes the levels and what the head before it made of them.

    Arguments are those of ``CascadeEncoderDecoder`` (``num_stages``, and a
    list of as many ``decode_head``) and of :class:`MissingModalityMixin`.
    """
