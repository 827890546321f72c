"""What docs/results/paper.md computes follows from what it quotes."""

import re
from pathlib import Path

import pytest

from mmseg_missing.evaluation import recovered_fraction, won_back
from mmseg_missing.evaluation.measures import shares_won_back

PAGE = Path(__file__).parents[1] / 'docs' / 'results' / 'paper.md'
TABLE = re.compile(r'(?:^\|.*\|$\n)+', re.MULTILINE)
# Columns of Table 4 that are single values, and the mean after them.
SETS = {
    'MFNet': (1, 2, 60.10),
    'NYUDv2': (4, 2, 56.30),
    'MCubeS': (7, 3, 51.54),
}


@pytest.fixture(scope='module')
def tables():
    """The rows of each table, without header and rule."""
    return [
        [[c.strip() for c in line[1:-1].split('|')] for line in lines[2:]]
        for lines in map(str.splitlines, TABLE.findall(PAGE.read_text()))
    ]


def share(value):
    return '' if value is None else f'{value:.2f}'


def recovered(adapted, base, dedicated):
    try:
        return recovered_fraction(adapted, base, dedicated)
    except ValueError:  # dedicated networks are no better
        return None


@pytest.mark.parametrize('name', SETS)
def test_networks(tables, name):
    """Table 1, row by row, and the means over what misses something."""
    rows = [row for row in tables[0] if row[0] == name]
    full = rows[0][1]
    scores = [
        {row[1]: float(row[column]) for row in rows[:-1]}
        for column in range(2, 6)
    ]
    base, _, dedicated, adapted = scores
    shares = shares_won_back(adapted, base, full)
    for row in rows[1:-1]:
        alone = {row[1]: dedicated[row[1]]}
        assert row[6] == share(recovered(adapted, base, alone))
        assert row[7] == share(shares[row[1]])
    missing = {n: v for n, v in dedicated.items() if n != full}
    assert rows[-1][1] == 'mean'
    assert rows[-1][6] == share(recovered(adapted, base, missing))
    assert rows[-1][7] == share(won_back(adapted, base, full))
    for column, miou in enumerate(scores, 2):
        mean = sum(miou[n] for n in missing) / len(missing)
        assert float(rows[-1][column]) == pytest.approx(mean, abs=0.0051)


@pytest.mark.parametrize('name', SETS)
def test_methods(tables, name):
    """Table 4: its printed means, and the shares below it."""
    first, count, most = SETS[name]
    scores = {
        row[0]: dict(enumerate(map(float, row[first : first + count])))
        for row in tables[1]
    }
    means = {row[0]: float(row[first + count]) for row in tables[1]}
    for method, miou in scores.items():
        if (name, method) != ('NYUDv2', 'norms'):  # the page says why not
            mean = sum(miou.values()) / count
            assert means[method] == pytest.approx(mean, abs=0.0051)
    base, dedicated = scores.pop('base'), scores.pop('dedicated')
    column = 1 + 2 * list(SETS).index(name)
    found = {row[0]: row[column : column + 2] for row in tables[2]}
    assert found == {
        method: [
            share(recovered(miou, base, dedicated)),
            share(won_back(miou, {**base, 'full': most}, 'full')),
        ]
        for method, miou in scores.items()
    }


def test_both_tables_are_of_the_same_runs(tables):
    adapted = [row[5] for row in tables[0] if row[1] != 'mean']
    [both] = [row for row in tables[1] if row[0] == 'scale and shift']
    single = [*both[1:3], *both[4:6], *both[7:10]]
    missing = [adapted[i] for i in (1, 2, 4, 5, 9, 8, 7)]
    assert missing == single


def test_against_robust_networks(tables):
    """Tables 2 and 3: means of the two columns before."""
    for row in [*tables[3], *tables[4]]:
        for place in (0, 1):
            one, two, mean = (cell.split(' / ')[place] for cell in row[2:])
            if mean != '-':
                expected = (float(one) + float(two)) / 2
                assert float(mean) == pytest.approx(expected, abs=0.0051)


def test_ours_beside_them(tables):
    """From means that are rounded themselves."""
    assert len(tables[5]) == 6
    for row in tables[5]:
        full, base, dedicated, adapted = map(float, row[1:5])
        gained = adapted - base
        assert float(row[6]) == pytest.approx(
            gained / (dedicated - base), abs=0.006
        )
        assert float(row[7]) == pytest.approx(
            gained / (full - base), abs=0.006
        )
