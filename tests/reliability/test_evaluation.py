"""Reports that were tampered with, and settings of the evaluation."""

import json
import math
import random

import pytest
import torch
from mmseg.registry import METRICS

from mmseg_missing.comparison import compare
from mmseg_missing.comparison.runs import Part, Run
from mmseg_missing.evaluation import (
    CombinationScores,
    Report,
    class_table,
    csv_table,
    summary_table,
)
from mmseg_missing.evaluation.failures import parse_failure
from mmseg_missing.modality import Modality, Stack

pytestmark = pytest.mark.slow

HOSTILE = (
    *(None, True, False, 0, -1, 1, 3, 255, 10**30, 0.5, -0.0, 1e308),
    *(math.nan, math.inf, -math.inf, '', 'rgb', 'mmseg', '\x1b[2J', 'é' * 99),
    *([], [None], [[]], {}, {'mmseg': 1}, {'': {}}, ['rgb', 'rgb'], [1, 'a']),
)
MATRICES = {
    'rgb+depth': [[5, 0, 0], [0, 5, 0], [0, 0, 0]],
    'rgb': [[1, 1, 0], [0, 2, 0], [0, 0, 0]],
    'depth': [[0, 2, 0], [1, 1, 0], [0, 0, 0]],
}


def make_report():
    return Report(
        modalities=('rgb', 'depth'),
        classes=('wall', 'floor', 'cat'),
        rule='mmseg',
        fill='zero',
        split='test',
        missing_rates=(0.2, 0.1),
        combinations=tuple(
            CombinationScores.from_matrix(name, 5, torch.tensor(matrix))
            for name, matrix in MATRICES.items()
        ),
        sensors=('camera', 'kinect'),
    )


def places(node, path=()):
    """Yield the path of every value in nested lists and dicts."""
    yield path
    items = (
        node.items()
        if isinstance(node, dict)
        else enumerate(node)
        if isinstance(node, list)
        else ()
    )
    for key, child in items:
        yield from places(child, (*path, key))


def tampered(text, draw):
    """Change one value, drop one, or change some characters."""
    fields = json.loads(text)
    kind = draw.choice(['value', 'value', 'drop', 'characters'])
    if kind == 'characters':
        characters = list(text)
        for _ in range(draw.randint(1, 4)):
            index = draw.randrange(len(characters))
            characters[index] = chr(draw.randrange(1, 256))
        return ''.join(characters)
    *path, last = draw.choice([p for p in places(fields) if p])
    node = fields
    for key in path:
        node = node[key]
    if kind == 'drop':
        del node[last]
    else:
        node[last] = draw.choice(HOSTILE)
    return json.dumps(fields)


def use(report):
    """Show a report in all ways."""
    summary_table(report), class_table(report), csv_table(report)
    compare([Run('one', None, (Part('one', report, None, None),))]).to_json()
    return report.to_json()


def try_out(outcomes, what, run):
    try:
        run()
    except (ValueError, TypeError) as error:
        is_sentence = len(str(error).split()) > 4
        outcomes.add('sentence' if is_sentence else 'traceback', what)
    except Exception as error:
        outcomes.add('traceback', f'{what}: {error!r}')
    else:
        outcomes.add('right', what)


def test_reports_tampered_with(outcomes):
    draw = random.Random(9)
    text = make_report().to_json()
    for number in range(3000):
        changed = tampered(text, draw)
        try:
            report = Report.from_json(changed)
        except ValueError as error:
            named = 'report.json' in str(error)
            outcomes.add('sentence' if named else 'traceback', changed)
        except Exception as error:
            outcomes.add('traceback', f'{number}: {error!r}')
        else:
            try_out(outcomes, f'{number}: {changed}', lambda r=report: use(r))
    assert not outcomes.faults, outcomes.faults[:5]


WRONG = {
    'iou_rule': ('', 'nanmean', 3, None, ['mmseg'], {}),
    'missing_rates': (0.1, '0.1', [1.0], [-0.1], [math.nan], ['a'], [None]),
    'out_dir': (3, ['a'], {'a': 1}, True),
}


@pytest.mark.parametrize('key', list(WRONG))
def test_settings_of_the_metric(outcomes, key):
    for value in WRONG[key]:
        config = {'type': 'CombinationIoUMetric', key: value}
        try_out(
            outcomes, f'{key}={value!r}', lambda c=config: METRICS.build(c)
        )
    assert outcomes.counts['sentence'] == len(WRONG[key]), outcomes.faults


def test_present_and_failure(outcomes):
    stack = Stack([Modality('rgb'), Modality('depth', channels=1)])
    words = ('all', 'RGB', '', '+', 'rgb+', 'rgb+rgb', 'rgb,depth', 'r g b')
    for value in (*words, *HOSTILE):
        if value not in ('rgb', ['rgb', 'rgb']):
            try_out(outcomes, f'{value!r}', lambda v=value: stack.choose(v))
    for value in (
        'RMM',
        'RMM 2',
        'RMM nan',
        'NM',
        'NM high 2',
        'rmm 0.5',
        *HOSTILE,
    ):
        if value is not None:
            try_out(outcomes, f'{value!r}', lambda v=value: parse_failure(v))
    assert not outcomes.faults, outcomes.faults
    assert not outcomes.counts['right']
