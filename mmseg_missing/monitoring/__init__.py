"""Sensors that are ill rather than dead: who is, and what to do. Torch only.

``numbers``: what is measured of each image; ``stems``: a network's first
layers; ``monitor``: verdicts against clean numbers; ``streams``: verdicts
that do not flicker; ``policies``: what follows from a verdict; ``file``: clean
numbers in the adapter file.
"""

from .file import add_monitor, load_monitor
from .monitor import CAUSES, STATES, SensorMonitor, Verdict
from .policies import POLICIES, Watch
from .stems import find_stems
from .streams import Stream

__all__ = [
    'CAUSES',
    'POLICIES',
    'STATES',
    'SensorMonitor',
    'Stream',
    'Verdict',
    'Watch',
    'add_monitor',
    'find_stems',
    'load_monitor',
]
