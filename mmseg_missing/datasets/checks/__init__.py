"""Whether the files of a data set are what the config says."""

from .samples import SampleCheck, SampleChecks
from .statistics import ChannelStatistics
from .summary import Summary
from .text import modality_lines, problem_lines, summary_tables

__all__ = [
    'ChannelStatistics',
    'SampleCheck',
    'SampleChecks',
    'Summary',
    'modality_lines',
    'problem_lines',
    'summary_tables',
]
