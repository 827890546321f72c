"""What goes wrong with a modality besides its absence. Torch only.

``faults``: one image in raw units, weather and sensors, severity 1 to 5.
``protocols``: those of arXiv:2503.18445 on normalised batches.
"""

from .faults import FAULTS, SEVERITIES, check_fault, corrupt, levels
from .protocols import (
    NM_LEVELS,
    RMM_RATES,
    NoisyLevel,
    add_sensor_noise,
    drop_values,
)

__all__ = [
    'FAULTS',
    'NM_LEVELS',
    'RMM_RATES',
    'SEVERITIES',
    'NoisyLevel',
    'add_sensor_noise',
    'check_fault',
    'corrupt',
    'drop_values',
    'levels',
]
