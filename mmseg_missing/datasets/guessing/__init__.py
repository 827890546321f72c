"""Guess from a folder of one's own what a config must say about it."""

from .guess import A_GUESS, LIKELY, SURE, Guess, Unclear
from .looking import FolderGuess, look_at

__all__ = [
    'A_GUESS',
    'LIKELY',
    'SURE',
    'FolderGuess',
    'Guess',
    'Unclear',
    'look_at',
]
