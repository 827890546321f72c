import cv2
import numpy as np
import pytest

from mmseg_missing.visualization.pictures import (
    colorize_label,
    colorize_modality,
    contact_sheet,
    write_picture,
)


def test_colour_is_shown_as_it_is():
    rgb = np.arange(105, dtype=np.float32).reshape(5, 7, 3)
    np.testing.assert_array_equal(colorize_modality(rgb), rgb)


def test_one_channel_keeps_its_order_in_spite_of_an_outlier():
    depth = np.linspace(1, 3, 1000, dtype=np.float32).reshape(20, 50, 1)
    depth[0, 0] = 1e6
    picture = colorize_modality(depth).astype(int)
    assert picture.shape == (20, 50, 3)
    brightness = picture.sum(2).ravel()
    assert brightness[900] > brightness[500] + 50 > brightness[100] + 100


@pytest.mark.parametrize('channels', [1, 2, 3, 5])
def test_any_channels_and_nan(channels):
    values = np.linspace(-1, 1, 35 * channels).reshape(5, 7, channels)
    values[2, 3] = np.nan
    picture = colorize_modality(values)
    assert picture.shape == (5, 7, 3) and picture.dtype == np.uint8
    assert picture.std() > 10


def test_constant_modality():
    assert colorize_modality(np.zeros((5, 7, 1))).shape == (5, 7, 3)


def test_label_colours():
    picture = colorize_label(np.array([[0, 1, 255]]), [(9, 8, 7), (1, 2, 3)])
    assert picture.tolist() == [[[9, 8, 7], [1, 2, 3], [0, 0, 0]]]


def test_sheet_places_cells_and_leaves_gaps():
    red = np.full((5, 7, 3), (255, 0, 0), np.uint8)
    blue = np.full((10, 14, 3), (0, 0, 255), np.uint8)
    sheet = contact_sheet([[red, None], [red, blue]])
    assert sheet.shape == (2 * 5 + 3 * 4, 2 * 7 + 3 * 4, 3)
    assert (sheet[4:9, 4:11] == (255, 0, 0)).all()
    assert (sheet[4:9, 15:22] == 255).all()
    assert (sheet[13:18, 15:22] == (0, 0, 255)).all()


def test_titles_are_written_above():
    cell = np.zeros((20, 60, 3), np.uint8)
    plain = contact_sheet([[cell, cell]])
    titled = contact_sheet([[cell, cell]], ['rgb', 'label'])
    header = titled.shape[0] - plain.shape[0]
    np.testing.assert_array_equal(titled[header:], plain)
    assert (titled[:header, 64:] < 128).any()


def test_picture_is_written_in_rgb_order(tmp_path):
    picture = np.full((5, 7, 3), (200, 100, 50), np.uint8)
    write_picture(tmp_path / 'new/a.png', picture)
    bgr = cv2.imread(str(tmp_path / 'new/a.png'))
    np.testing.assert_array_equal(bgr[..., ::-1], picture)


def test_folder_that_cannot_be_written(tmp_path):
    (tmp_path / 'file').touch()
    with pytest.raises(OSError, match='cannot be written'):
        write_picture(tmp_path / 'file/a.png', np.zeros((5, 7, 3), np.uint8))
