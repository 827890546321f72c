"""What adapters cost, what modalities are worth, and where to adapt."""

# ruff: noqa: E402
from mmseg_missing.compat import require_stack

require_stack()

from .analyzer import ModalityAnalyzer
from .benchmark import Benchmark, Measurement
from .cost_table import cost_table
from .drift import Drift, SiteDrift
from .findings import Findings
from .images import EvenImages
from .memory import MEASURED_BY, held_bytes, peak_bytes
from .placement import CRITERIA, UNITS, Placement
from .probe import build_probe, networks_of
from .sensitivity import Sensitivity, SiteSensitivity
from .shapley import interactions, shapley_values
from .subsets import SubsetScores
from .timing import MEASURED_IN_TURN, interleave, ratio_spread, spread
from .variants import KINDS, Variants

__all__ = [
    'CRITERIA',
    'KINDS',
    'MEASURED_BY',
    'MEASURED_IN_TURN',
    'UNITS',
    'Benchmark',
    'Drift',
    'EvenImages',
    'Findings',
    'Measurement',
    'ModalityAnalyzer',
    'Placement',
    'Sensitivity',
    'SiteDrift',
    'SiteSensitivity',
    'SubsetScores',
    'Variants',
    'build_probe',
    'cost_table',
    'held_bytes',
    'interactions',
    'interleave',
    'networks_of',
    'peak_bytes',
    'ratio_spread',
    'shapley_values',
    'spread',
]
