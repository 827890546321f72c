"""Which classes label files hold."""

import numpy as np
import pytest
from PIL import Image

from mmseg_missing.datasets.guessing.class_lists import (
    find_classes,
    read_classes,
)
from mmseg_missing.datasets.guessing.guess import Unclear
from mmseg_missing.datasets.guessing.labels import guess_labels, probe_labels

from .conftest import COLOURS, label, rgb, write

PALETTE = [0, 0, 0, 128, 0, 0, 0, 128, 0]


@pytest.fixture
def guess(tmp_path):
    """Return what label files of one folder seem to hold."""

    def run(make, suffix='.png', names=None, kind='labels'):
        paths = []
        for i in range(4):
            paths.append(tmp_path / f'{kind}/{i}{suffix}')
            write(paths[-1], make(i))
        if names is not None:
            (tmp_path / 'classes.txt').write_text(names)
        found = probe_labels(paths)
        stored = list(found.pixels)
        known = find_classes(tmp_path, kind, stored, found.is_colour)
        return guess_labels(kind, found, known)

    return run


def options(found):
    return {key: guess.value for key, guess in found.options.items()}


def test_indices(guess):
    found = guess(label)
    assert found.classes.value == ('class_0', 'class_1', 'class_2')
    assert found.classes.confidence == 'a guess'
    assert options(found) == {}
    assert found.reduce_zero_label is None


def test_indices_with_void(guess):
    found = guess(lambda i: np.where(label(i) == 1, 255, label(i)))
    assert len(found.classes.value) == 3  # class 1 may come in other files
    assert found.void.value == 255
    assert 'of the pixels are 255' in found.void.reason


def test_names_from_a_file(guess):
    found = guess(label, names='road\nperson\nrest\n')
    assert found.classes.value == ('road', 'person', 'rest')
    assert found.classes.confidence == 'sure'


def test_a_list_that_counts_from_1_leaves_0_to_void(guess):
    found = guess(label, names='1 road\n2 person\n')
    assert found.classes.value == ('road', 'person')
    assert found.reduce_zero_label.value is True
    assert found.reduce_zero_label.confidence == 'sure'


def test_as_many_names_as_the_largest_value_leave_0_to_void(guess):
    found = guess(label, names='road\nperson\n')
    assert found.classes.value == ('road', 'person')
    assert found.reduce_zero_label.confidence == 'likely'


def test_of_several_lists_the_one_of_this_label_is_taken(guess, tmp_path):
    (tmp_path / 'classes2.txt').write_text('a\nb\nc\n')
    (tmp_path / 'classes13.txt').write_text('d\ne\nf\n')
    assert guess(label, kind='label2').classes.value == ('a', 'b', 'c')
    assert guess(label, kind='label13').classes.value == ('d', 'e', 'f')


def test_labels_that_never_hold_0(guess):
    found = guess(lambda i: label(i) + 1)
    assert found.reduce_zero_label.value is True
    assert found.classes.value == ('class_1', 'class_2', 'class_3')


def test_mask_of_0_and_255(guess):
    found = guess(lambda i: 255 * label(i, 2))
    assert options(found) == {'values': {0: 0, 255: 1}}
    assert found.classes.value == ('background', 'object')
    assert found.options['values'].confidence == 'likely'


def test_one_bit(guess):
    found = guess(lambda i: Image.fromarray(label(i, 2) == 1))
    assert options(found) == {}
    assert len(found.classes.value) == 2


def test_sparse_values(guess):
    found = guess(lambda i: label(i) * 100)
    assert options(found) == {'values': {0: 0, 100: 1, 200: 2}}
    assert found.options['values'].confidence == 'a guess'


def test_palette(guess):
    def make(i):
        picture = Image.fromarray(label(i), 'P')
        picture.putpalette(PALETTE)
        return picture

    found = guess(make)
    assert options(found) == {'palette': True}
    assert len(found.classes.value) == 3


def test_colours(guess):
    found = guess(lambda i: COLOURS[label(i)])
    assert options(found) == {'values': {0: 0, 0x0000FF: 1, 0x804000: 2}}
    assert found.colours == [(0, 0, 0), (0, 0, 255), (128, 64, 0)]


def test_colours_with_names(guess):
    names = 'name,r,g,b\nroad,128,64,0\nrest,0,0,0\ncar,1,2,3\n'
    found = guess(lambda i: COLOURS[label(i)], names=names)
    assert found.classes.value == ('road', 'rest', 'car')
    assert options(found)['values'] == {
        0x804000: 0,
        0: 1,
        0x010203: 2,
        0x0000FF: 255,
    }
    assert 'lacks 1 colours' in found.options['values'].reason


def test_photographs_are_no_labels(guess):
    with pytest.raises(Unclear, match='--labels'):
        guess(rgb)


def test_lossy_labels(guess):
    with pytest.raises(Unclear, match='originals'):
        guess(label, '.jpg')


@pytest.mark.parametrize(
    ('text', 'names', 'first'),
    [
        ('road\nside walk\n', ('road', 'side walk'), None),
        ('0: road\n1: car\n', ('road', 'car'), 0),
        ('1\troad\n2\tcar\n', ('road', 'car'), 1),
        ('0001\n0002\n', None, None),
        ('7 road\n8 car\n', ('7 road', '8 car'), None),
        (' 0 void  train 17.6%\n 1 wall  train 2.1%\n', None, None),
        ('road\nroad\n', None, None),
    ],
)
def test_lists_of_classes(text, names, first, tmp_path):
    (tmp_path / 'classes.txt').write_text(text)
    found = read_classes(tmp_path / 'classes.txt')
    if names is None:
        assert found is None
    else:
        assert (found.names, found.first) == (names, first)
