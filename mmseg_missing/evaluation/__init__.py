"""Metric, protocols and report."""

# ruff: noqa: E402
from mmseg_missing.compat import require_stack

require_stack()

from .chart import bar_chart
from .comparing import compare
from .comparison import Comparison
from .comparison_tables import comparison_table
from .conditions import ConditionTable
from .confusion import (
    class_accuracy,
    class_f1,
    class_iou,
    confusion_matrix,
    mean_over_classes,
    pixel_accuracy,
)
from .cost import COST_FILE, Cost
from .files import check_writable, write_comparison, write_report
from .metric import CombinationIoUMetric
from .per_combination import PerCombination
from .protocols import (
    expected_miou,
    mean_miou,
    recovered_fraction,
    worst_combination,
)
from .report import CombinationScores, Report
from .runs import find_base, find_dedicated, find_runs
from .tables import class_table, csv_table, summary_table

__all__ = [
    'COST_FILE',
    'CombinationIoUMetric',
    'CombinationScores',
    'Comparison',
    'ConditionTable',
    'Cost',
    'PerCombination',
    'Report',
    'bar_chart',
    'check_writable',
    'class_accuracy',
    'class_f1',
    'class_iou',
    'class_table',
    'compare',
    'comparison_table',
    'confusion_matrix',
    'csv_table',
    'expected_miou',
    'find_base',
    'find_dedicated',
    'find_runs',
    'mean_miou',
    'mean_over_classes',
    'pixel_accuracy',
    'recovered_fraction',
    'summary_table',
    'worst_combination',
    'write_comparison',
    'write_report',
]
