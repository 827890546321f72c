"""Whether the files of a data set are what the config says."""

from .findings import findings, shared_samples
from .samples import SampleCheck, SampleChecks
from .statistics import ChannelStatistics
from .summary import Summary
from .text import modality_lines, problem_lines, summary_tables

__all__ = [
    'ChannelStatistics',
    'SampleCheck',
    'SampleChecks',
    'Summary',
    'findings',
    'modality_lines',
    'problem_lines',
    'shared_samples',
    'summary_tables',
]
