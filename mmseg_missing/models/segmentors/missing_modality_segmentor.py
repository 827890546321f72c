"""MMSegmentation's EncoderDecoder for missing modalities."""

from mmseg.models import EncoderDecoder
from mmseg.registry import MODELS

from .mixin import MissingModalityMixin


@MODELS.register_module()
class MissingModalitySegmentor(MissingModalityMixin, EncoderDecoder):
    """Encoder-decoder that knows which modalities each sample has.

    Args: those of ``EncoderDecoder`` and of :class:`MissingModalityMixin`.
    """
