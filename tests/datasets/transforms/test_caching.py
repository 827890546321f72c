"""Decoded files that are kept."""

import os

import cv2
import numpy as np
import pytest

from mmseg_missing.datasets.transforms.caching import CachedReader
from mmseg_missing.datasets.transforms.reading import read_array


@pytest.fixture
def source(tmp_path):
    path = tmp_path / 'depth.png'
    cv2.imwrite(str(path), np.arange(35, dtype=np.uint16).reshape(5, 7))
    return path


@pytest.fixture
def reader(tmp_path):
    return CachedReader(tmp_path / 'kept')


def test_second_time_is_not_decoded(source, reader, monkeypatch):
    first = reader(source)
    np.testing.assert_array_equal(first, read_array(source))
    monkeypatch.setattr(cv2, 'imdecode', None)
    again = reader(source)
    assert again.dtype == np.uint16
    np.testing.assert_array_equal(again, first)
    again += 1  # what is read belongs to the sample
    np.testing.assert_array_equal(reader(source), first)


def test_changed_file_is_decoded_again(source, reader):
    before = reader(source)
    cv2.imwrite(str(source), np.full((5, 7), 9, np.uint16))
    os.utime(source, ns=(1, 1))  # faster than some clocks
    assert (reader(source) == 9).all() and not (before == 9).all()


def test_damaged_entry_is_replaced(source, reader):
    expected = reader(source)
    (kept,) = reader.folder.iterdir()
    kept.write_bytes(kept.read_bytes()[:100])
    np.testing.assert_array_equal(reader(source), expected)
    np.testing.assert_array_equal(np.load(kept), expected)


def test_says_what_is_wrong_with_the_source(tmp_path, reader):
    with pytest.raises(FileNotFoundError, match='does not exist'):
        reader(tmp_path / 'nothing.png')
    (tmp_path / 'cut.png').write_bytes(b'no image')
    with pytest.raises(ValueError, match='truncated'):
        reader(tmp_path / 'cut.png')
    assert not reader.folder.exists()
