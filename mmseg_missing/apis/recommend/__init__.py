"""Which adapters, by what was measured."""

from .choice import recommend
from .recommendation import Recommendation

__all__ = ['Recommendation', 'recommend']
