"""Reports of several conditions become one table."""

import csv
import json

import torch

from mmseg_missing.evaluation import (
    CombinationScores,
    ConditionTable,
    Report,
)


def report(**right):
    """A report in which a share of the pixels is right."""
    return Report(
        modalities=('rgb', 'depth'),
        classes=('a', 'b'),
        rule='mmseg',
        fill='zero',
        split='test',
        missing_rates=(0.5,),
        combinations=tuple(
            CombinationScores.from_matrix(
                name.replace('_', '+'),
                3,
                torch.tensor([[n, 10 - n], [10 - n, n]]),
            )
            for name, n in right.items()
        ),
    )


def miou(n):
    return 100 * n / (20 - n)


RMM = ConditionTable.from_reports(
    'RMM',
    {
        ('', '0.5'): report(rgb_depth=9, rgb=6, depth=3),
        ('', '0.25'): report(rgb_depth=9, rgb=8, depth=5),
    },
)
FAULTS = ConditionTable.from_reports(
    'faults',
    {
        ('', 'clean'): report(rgb_depth=9),
        ('fog on rgb', 'severity 1'): report(rgb_depth=8),
        ('fog on rgb', 'severity 2'): report(rgb_depth=5),
    },
)


def test_combinations_are_rows_and_sums_follow():
    assert RMM.columns == ('0.5', '0.25')
    assert list(RMM.rows) == ['rgb+depth', 'rgb', 'depth', 'mean', 'E(0.5)']
    assert RMM.rows['rgb'] == (miou(6), miou(8))
    assert RMM.rows['mean'][0] == (miou(9) + miou(6) + miou(3)) / 3
    assert "'mmseg'" in RMM.settings


def test_a_row_per_fault():
    assert FAULTS.columns == ('clean', 'severity 1', 'severity 2')
    assert FAULTS.rows == {
        'rgb+depth': (miou(9), None, None),
        'fog on rgb': (None, miou(8), miou(5)),
    }


def test_faults_of_several_combinations():
    table = ConditionTable.from_reports(
        'faults', {('fog on rgb', 'severity 1'): report(rgb_depth=9, rgb=6)}
    )
    assert list(table.rows)[:2] == ['fog on rgb, rgb+depth', 'fog on rgb, rgb']


def test_text():
    text = FAULTS.to_text()
    assert 'severity 2' in text and '66.67' in text and ' - ' in text


def test_files(tmp_path):
    FAULTS.write(tmp_path)
    with open(tmp_path / 'faults.csv') as file:
        rows = list(csv.reader(file))
    assert rows[0] == ['faults', 'clean', 'severity 1', 'severity 2']
    assert rows[2] == ['fog on rgb', '', f'{miou(8):.4f}', f'{miou(5):.4f}']
    fields = json.loads((tmp_path / 'faults.json').read_text())
    assert fields['rows']['fog on rgb'] == [None, miou(8), miou(5)]
    assert fields['protocol'] == 'faults'
