"""Whatever the widgets say, the page answers."""

from types import SimpleNamespace

import pytest

from mmseg_missing.page import Samples
from mmseg_missing.page.answer import (
    DATA,
    FILES,
    SCENE,
    Question,
    answer,
    kinds_of,
)

ALL = ('rgb', 'depth', 'thermal')


@pytest.mark.parametrize('kind', [SCENE, DATA])
def test_a_view(studio, kind):
    faults = {'rgb': ('fog', 2), 'depth': ('noise', 0)}
    question = Question(kind, 4.0, 1.0, {}, ALL[:2], faults)
    html = answer(studio, question)
    assert 'missing: <b>thermal</b>' in html
    assert 'suffers from fog, 2 of 5' in html
    assert 'noise' not in html


WRONG = {
    'no number': (Question(SCENE, None, is_on=ALL), 'a whole number'),
    'half a scene': (Question(SCENE, 0.5, is_on=ALL), 'a whole number'),
    'below': (Question(SCENE, -1, is_on=ALL), 'the number of a scene'),
    'beyond': (Question(DATA, 0, 99, is_on=ALL), 'number of a test sample'),
    'endless': (Question(SCENE, float('inf'), is_on=ALL), 'a whole number'),
    'nothing': (Question(FILES, is_on=ALL), 'at least one sensor'),
    'no file': (
        Question(FILES, files={'rgb': '/no/file.png'}, is_on=ALL),
        'file.png',
    ),
    'all off': (Question(SCENE), 'at least one sensor'),
    'fault': (
        Question(SCENE, is_on=ALL, faults={'rgb': ('rust', 1)}),
        'unknown fault',
    ),
    'severity': (
        Question(SCENE, is_on=ALL, faults={'rgb': ('fog', 'x')}),
        'a whole number',
    ),
    'sensor': (
        Question(SCENE, is_on=ALL, faults={'lidar': ('fog', 1)}),
        'has the sensors',
    ),
}


@pytest.mark.parametrize(('question', 'said'), WRONG.values(), ids=WRONG)
def test_what_cannot_be_shown_is_a_sentence(studio, question, said):
    html = answer(studio, question)
    assert html.count('<p') == 1 and 'role="alert"' in html
    assert said in html
    assert 'MMSEG_MISSING_DEBUG' not in html


def test_where_samples_come_from(studio, load):
    assert kinds_of(studio) == [SCENE, DATA, FILES]
    without_data = SimpleNamespace(samples=Samples(load('tiny-files')))
    assert kinds_of(without_data) == [FILES]
