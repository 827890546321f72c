"""Checks of single values."""

import math

import pytest

from mmseg_missing.values import (
    VOID,
    choice,
    flag,
    listed,
    naming,
    part,
    probability,
    real,
    settings,
    void_label,
    whole,
)


@pytest.mark.parametrize('value', [True, 2.0, '2', None, [2]])
def test_a_whole_number_is_no_look_alike(value):
    with pytest.raises(TypeError, match=r'`a\.b` takes a whole number'):
        whole('a.b', value)


@pytest.mark.parametrize('value', [math.nan, math.inf, -math.inf])
def test_a_number_is_finite(value):
    with pytest.raises(ValueError, match='`a` takes a finite number'):
        real('a', value)


@pytest.mark.parametrize(
    ('limits', 'value'),
    [
        ({'least': 1}, 0.5),
        ({'most': 1}, 1.5),
        ({'above': 0}, 0),
        ({'below': 1}, 1),
    ],
)
def test_limits_are_kept(limits, value):
    with pytest.raises(ValueError, match=f'`a` must be .* got {value}'):
        real('a', value, **limits)


def test_what_fits_is_returned():
    assert whole('a', 3, least=3, most=3) == 3
    assert real('a', 2, least=2) == 2.0
    assert probability('a', 1) == 1.0
    assert flag('a', False) is False
    assert choice('a', 'x', ('x', 'y')) == 'x'
    assert listed('a', (1, 2), int) == [1, 2]


@pytest.mark.parametrize('value', [1, 'yes', None])
def test_a_flag_is_true_or_false(value):
    with pytest.raises(TypeError, match='`a` takes True or False'):
        flag('a', value)


def test_a_choice_names_what_there_is():
    with pytest.raises(ValueError, match="`a` takes one of x, y, got 'z'"):
        choice('a', 'z', ('x', 'y'))
    with pytest.raises(ValueError, match='`a` takes one of'):
        choice('a', ['x'], ('x', 'y'))


@pytest.mark.parametrize('value', ['abc', 3, {'a': 1}, None])
def test_a_list_is_no_text(value):
    with pytest.raises(TypeError, match='`a` takes a list'):
        listed('a', value)


def test_void_is_one_label():
    assert void_label('a', VOID) == VOID == 255
    for value in (0, True, None, 255.5, math.nan):
        with pytest.raises(ValueError, match='`a` must be 255'):
            void_label('a', value)


@pytest.mark.parametrize('value', [None, 1, 'x', [], {1: 2}])
def test_settings_are_a_dict_of_words(value):
    with pytest.raises(TypeError, match='`a`'):
        settings('a', value)


@pytest.mark.parametrize('value', [None, {}, {'type': None}, {'type': 1}])
def test_a_part_has_a_type(value):
    with pytest.raises(TypeError, match='`a` takes a dict'):
        part('a', value)


def test_settings_are_a_copy():
    given = {'type': 'x'}
    part('a', given)['type'] = 'y'
    settings('a', given).clear()
    assert given == {'type': 'x'}


@pytest.mark.parametrize(
    'error', [AssertionError(), IndexError('x'), KeyError('x'), TypeError('x')]
)
def test_errors_of_others_name_the_key(error):
    with (
        pytest.raises(
            (ValueError, TypeError), match=r'`a\.b` cannot be built'
        ),
        naming('a.b'),
    ):
        raise error


@pytest.mark.parametrize(
    'error', [ValueError('`c` is wrong'), FileNotFoundError('x')]
)
def test_sentences_and_files_stay(error):
    with pytest.raises(type(error)) as found, naming('a.b'):
        raise error
    assert found.value is error
