"""Sensors that are ill rather than dead: who is, and what to do. Torch only.

``numbers``: what is measured of each image; ``stems``: a network's first
layers; ``clean``: what clean images are like; ``monitor``: verdicts against
that; ``verdict``: what they say; ``streams``: verdicts that do not flicker;
``policies``: what follows from a verdict; ``file``: clean numbers in the
adapter file.
"""

from .file import add_monitor, load_monitor
from .monitor import SensorMonitor
from .policies import POLICIES, Told, Watch
from .stems import find_stems
from .streams import Stream
from .verdict import CAUSES, STATES, Verdict

__all__ = [
    'CAUSES',
    'POLICIES',
    'STATES',
    'SensorMonitor',
    'Stream',
    'Told',
    'Verdict',
    'Watch',
    'add_monitor',
    'find_stems',
    'load_monitor',
]
