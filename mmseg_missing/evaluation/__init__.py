"""Metric, measures, protocols and report."""

# ruff: noqa: E402
from mmseg_missing.compat import require_stack
from mmseg_missing.moved import moved

require_stack()

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
from .measures import (
    expected_miou,
    mean_miou,
    nested_pairs,
    recovered_fraction,
    won_back,
    worse_pairs,
    worst_combination,
)
from .metric import CombinationIoUMetric
from .per_combination import PerCombination
from .render import (
    check_writable,
    class_table,
    csv_table,
    summary_table,
    write_report,
)
from .report import Report
from .scores import CombinationScores
from .trace_protocol import TraceProtocol, TraceTable
from .traces import Markov, Trace, read_trace

__all__ = [
    'COST_FILE',
    'CombinationIoUMetric',
    'CombinationScores',
    'ConditionTable',
    'Cost',
    'Markov',
    'PerCombination',
    'Report',
    'Trace',
    'TraceProtocol',
    'TraceTable',
    'check_writable',
    'class_accuracy',
    'class_f1',
    'class_iou',
    'class_table',
    'confusion_matrix',
    'csv_table',
    'expected_miou',
    'mean_miou',
    'mean_over_classes',
    'nested_pairs',
    'pixel_accuracy',
    'read_trace',
    'recovered_fraction',
    'summary_table',
    'won_back',
    'worse_pairs',
    'worst_combination',
    'write_report',
]

__getattr__ = moved(
    __name__,
    {
        'comparison': (
            'Comparison',
            'compare',
            'comparison_table',
            'find_base',
            'find_dedicated',
            'find_runs',
            'write_comparison',
        ),
        'visualization': ('bar_chart',),
    },
)
