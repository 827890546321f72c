"""Decoded files that are kept."""

import os

import cv2
import numpy as np
import pytest

from mmseg_missing.datasets.transforms import LoadLabel, LoadModalities
from mmseg_missing.datasets.transforms.caching import CachedReader
from mmseg_missing.datasets.transforms.reading import read_array, read_label


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


@pytest.mark.parametrize('size', [(5, 7), (11, 13)])
def test_changed_file_is_decoded_again(tmp_path, reader, size):
    source = tmp_path / 'grey.bmp'  # not compressed
    cv2.imwrite(str(source), np.zeros((5, 7), np.uint8))
    before = reader(source)
    time = source.stat().st_mtime_ns
    cv2.imwrite(str(source), np.full(size, 9, np.uint8))
    # Clocks of files may be slow, and a copy may keep its time.
    os.utime(source, ns=(1, time + (size == (5, 7))))
    assert (reader(source) == 9).all() and (before == 0).all()


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
    with pytest.raises(ValueError, match='format that is not known'):
        reader(tmp_path / 'cut.png')
    assert not reader.folder.exists()


def test_loading_steps_keep_what_they_read(source, tmp_path, monkeypatch):
    modalities = [{'name': 'depth', 'channels': 1}]
    label = tmp_path / 'label.png'
    cv2.imwrite(str(label), np.ones((5, 7), np.uint8))
    sample = {
        'modality_paths': {'depth': str(source)},
        'modality_formats': {'depth': {'dtype': 'uint16', 'scale': 0.1}},
        'seg_map_path': str(label),
    }
    steps = [
        LoadModalities(modalities, cache_dir=str(tmp_path / 'kept')),
        LoadLabel(2, cache_dir=str(tmp_path / 'kept')),
    ]

    def load():
        result = dict(sample)
        for step in steps:
            result = step(result)
        return result['modalities']['depth'], result['gt_seg_map']

    first = load()
    monkeypatch.setattr(cv2, 'imdecode', None)
    for ours, expected in zip(load(), first, strict=True):
        np.testing.assert_array_equal(ours, expected)


def test_another_decoder_or_option_decodes_again(source, tmp_path):
    folder = tmp_path / 'kept'
    CachedReader(folder)(source)
    CachedReader(folder, read_label)(source)
    CachedReader(folder, read_label, palette=True)(source)
    newer = CachedReader(folder)
    newer.key += 'newer'
    newer(source)
    assert len(list(folder.iterdir())) == 4


@pytest.mark.parametrize('folder', [3, True, '', ['a']])
def test_a_folder_that_is_none(folder):
    with pytest.raises(TypeError, match='`cache_dir` takes a folder'):
        LoadLabel(2, cache_dir=folder)
