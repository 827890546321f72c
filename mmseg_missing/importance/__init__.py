"""What modalities are worth, and where to adapt."""

# ruff: noqa: E402
from mmseg_missing.compat import require_stack

require_stack()

from .analyzer import EvenImages, ModalityAnalyzer, build_probe, networks_of
from .drift import Drift, SiteDrift
from .findings import Findings
from .imputation import Imputation, imputation_tables
from .placement import CRITERIA, UNITS, Placement
from .sensitivity import Sensitivity, SiteSensitivity
from .shapley import interactions, shapley_values
from .subsets import SubsetScores

__all__ = [
    'CRITERIA',
    'UNITS',
    'Drift',
    'EvenImages',
    'Findings',
    'Imputation',
    'ModalityAnalyzer',
    'Placement',
    'Sensitivity',
    'SiteDrift',
    'SiteSensitivity',
    'SubsetScores',
    'build_probe',
    'imputation_tables',
    'interactions',
    'networks_of',
    'shapley_values',
]
