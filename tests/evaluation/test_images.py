"""Scores of single images, and which of them are shown."""

import pytest

from mmseg_missing.evaluation.images import Case, ImageScores, pick


def scores(**by_name):
    found = ImageScores()
    for name, values in by_name.items():
        for index, value in enumerate(values):
            found.add(name, index, f'a,"{index}"', value)
    return found


def test_a_table_that_is_read_again(tmp_path):
    found = scores(rgb=[10.0, 20.5], depth=[30.0])
    (tmp_path / 'images.csv').write_text(found.to_csv())
    assert ImageScores.read(tmp_path) == found
    assert found.to_csv().splitlines()[0] == 'index,image,rgb,depth'
    assert ImageScores.read(tmp_path / 'nowhere') is None


def test_names_that_hold_ends_of_lines(tmp_path):
    found = ImageScores()
    for index, name in enumerate(
        ('stra\u00dfe', 'a\x85b', 'a\u2028b', 'a\nb')
    ):
        found.add('rgb', index, name, 50.0)
    text = found.to_csv()
    (tmp_path / 'images.csv').write_text(text, encoding='utf-8')
    assert ImageScores.read(tmp_path) == found


@pytest.mark.parametrize('text', ['', 'index,image,rgb\nx,y,z', 'a\n1,2,3'])
def test_another_table_is_refused(tmp_path, text):
    (tmp_path / 'images.csv').write_text(text)
    with pytest.raises(ValueError, match='write it again with mmseg-missing'):
        ImageScores.read(tmp_path)


def test_processes_are_joined():
    part = ImageScores()
    part.add('rgb', 7, 'seven', 1.0)
    joined = scores(rgb=[10.0]).join([part])
    assert joined.scores['rgb'] == {(0, 'a,"0"'): 10.0, (7, 'seven'): 1.0}


def test_the_largest_gains_and_the_worst_left():
    before = scores(full=[90.0] * 3, rgb=[10.0, 50.0, 20.0], depth=[5.0] * 3)
    after = scores(full=[90.0] * 3, rgb=[60.0, 55.0, 30.0], depth=[7.0] * 3)
    cases = after.cases(before, 'full')
    assert len(cases) == 6 and cases[0].combination == 'rgb'
    best = pick(cases, lambda case: case.gain, 4)
    assert [(c.index, c.combination) for c in best] == [
        (0, 'rgb'),
        (1, 'depth'),
    ]
    worst = pick(cases, lambda case: -case.after, 1)
    assert worst == [Case(0, 'a,"0"', 'depth', 5.0, 7.0)]


def test_what_was_not_scored_before_is_no_case():
    after = scores(rgb=[1.0, 2.0])
    assert after.cases(scores(rgb=[1.0]), 'full')[0].index == 0
    assert len(after.cases(scores(rgb=[1.0]), 'full')) == 1
    assert after.cases(ImageScores(), 'full') == []
