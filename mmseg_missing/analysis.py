"""Old name of two rooms, until the next version: importance, benchmark."""

from .moved import moved

__getattr__ = moved(
    __name__,
    {
        'importance': (
            'CRITERIA',
            'Drift',
            'EvenImages',
            'Findings',
            'ModalityAnalyzer',
            'Placement',
            'Sensitivity',
            'SiteDrift',
            'SiteSensitivity',
            'SubsetScores',
            'UNITS',
            'build_probe',
            'interactions',
            'networks_of',
            'shapley_values',
        ),
        'benchmark': (
            'Benchmark',
            'KINDS',
            'MEASURED_BY',
            'MEASURED_IN_TURN',
            'Measurement',
            'Variants',
            'cost_table',
            'held_bytes',
            'interleave',
            'peak_bytes',
            'ratio_spread',
            'spread',
        ),
    },
)
