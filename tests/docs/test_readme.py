"""What the README says of itself."""

import re
from pathlib import Path

import pytest

TOP = Path(__file__).parents[2]
TEXT = (TOP / 'README.md').read_text('utf-8')
ROW = re.compile(r'^\| ([A-Za-z +]+) \| ([\d.]+) \| ([\d.]+) \| ([\d.]*) ?\|$')


def test_it_is_short():
    lines = TEXT.splitlines()
    assert len(lines) < 130
    long = [line for line in lines if len(line) > 105]
    assert all(line[0] in '|!' for line in long)


def test_what_is_recovered_follows_from_the_table():
    rows = [m.groups() for line in TEXT.splitlines() if (m := ROW.match(line))]
    assert len(rows) == 7
    scores = [[float(x) for x in row[1:]] for row in rows if row[3]]
    gained = sum(adapted - base for base, adapted, _ in scores)
    possible = sum(dedicated - base for base, _, dedicated in scores)
    [said] = re.findall(r'Here it is (\d\.\d+)\.', TEXT)
    assert gained / possible == pytest.approx(float(said), abs=0.005)
