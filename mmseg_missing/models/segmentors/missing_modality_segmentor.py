"""MMSegmentation's EncoderDecoder for missing modalities."""

from collections.abc import Sequence
from typing import Any

from mmseg.models import EncoderDecoder
from mmseg.registry import MODELS
from torch import Tensor

from ...values import naming
from .mixin import MissingModalityMixin
from .stack_checks import check_levels


@MODELS.register_module()
class MissingModalitySegmentor(MissingModalityMixin, EncoderDecoder):
    """Encoder-decoder that knows which modalities each sample has.

    Args: those of ``EncoderDecoder`` and of :class:`MissingModalityMixin`.
    """

    def _init_decode_head(self, decode_head: Any) -> None:
        with naming('model.decode_head'):
            super()._init_decode_head(decode_head)

    def _init_auxiliary_head(self, auxiliary_head: Any) -> None:
        with naming('model.auxiliary_head'):
            super()._init_auxiliary_head(auxiliary_head)

    def extract_feat(self, inputs: Tensor) -> Sequence[Tensor]:
        """Return the levels, which must be those that the head wants."""
        levels = super().extract_feat(inputs)
        check_levels(self.decode_head, levels)
        return levels
