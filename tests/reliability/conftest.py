"""Counting what bad input leads to."""

from collections import Counter

import pytest

# What may come of bad input. `right`: it was read as it was meant.
# `sentence`: an error that says what to do. The others are faults.
GOOD = ('right', 'sentence')
BAD = ('traceback', 'silent', 'hang')


class Outcomes:
    """What came of each try; prints itself as a row of a table."""

    def __init__(self, title):
        self.title = title
        self.counts = Counter()
        self.faults = []

    def add(self, outcome, what):
        """Count one try; ``what`` names it if it is a fault."""
        assert outcome in GOOD + BAD, outcome
        self.counts[outcome] += 1
        if outcome in BAD:
            self.faults.append(f'{outcome}: {what}')

    def __str__(self):
        kinds = ', '.join(f'{self.counts[k]} {k}' for k in GOOD + BAD)
        return f'{self.title}: {self.counts.total()} tried, {kinds}'


@pytest.fixture
def outcomes(request):
    """An empty count; its row is printed at the end (`pytest -s`)."""
    counted = Outcomes(request.node.name.removeprefix('test_'))
    yield counted
    print(f'\n{counted}')
