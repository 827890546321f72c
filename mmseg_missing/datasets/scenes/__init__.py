"""Rooms with four sensors, rendered by ray casting, nothing on disk."""

from .sensors import SENSORS, render_scene
from .solids import CLASSES, PALETTE

__all__ = ['CLASSES', 'PALETTE', 'SENSORS', 'render_scene']
