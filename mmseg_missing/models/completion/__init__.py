"""Missing at every stage: a dense network learns to complete its input."""

from .co_distillation import CoDistillation
from .feature_moments import FeatureMoments
from .masked_completion import MaskedCompletion

__all__ = ['CoDistillation', 'FeatureMoments', 'MaskedCompletion']
