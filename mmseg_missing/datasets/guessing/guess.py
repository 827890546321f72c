"""A value that was concluded, not said, and how far to trust it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

SURE, LIKELY, A_GUESS = 'sure', 'likely', 'a guess'


@dataclass(frozen=True)
class Guess:
    """What files seem to be.

    Args:
        value: what goes into the config.
        confidence: ``'sure'`` (the files say so), ``'likely'`` (nothing else
            fits as well) or ``'a guess'`` (look at it).
        reason: what it was concluded from, without a full stop.

    >>> Guess('depth', 'sure', 'the folder is called depth').value
    'depth'
    """

    value: Any
    confidence: str
    reason: str

    def __str__(self) -> str:
        return f'{self.confidence}: {self.reason}'


class Unclear(ValueError):
    """Files that more than one reading fits; names the option that tells."""
