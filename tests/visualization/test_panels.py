"""A frame at one glance."""

import numpy as np

from mmseg_missing.visualization.panels import (
    CROSS,
    combination_sheet,
    crossed_out,
    panel,
)

PALETTE = [(0, 0, 0), (10, 200, 30)]


def test_absent_inputs_are_crossed_out():
    frame = {'rgb': np.full((100, 200, 3), 90, np.uint8)}
    present = {'rgb': True, 'depth': False}
    mask = np.ones((100, 200), np.uint8)
    drawn = panel(frame, present, {'prediction': mask}, PALETTE)
    rgb, depth, predicted = (
        drawn[24:124, 4 + i * 204 : 204 + i * 204] for i in range(3)
    )
    assert (rgb == 90).all()
    assert (depth[50, 100] == CROSS).all() and (depth[3, 100] == 225).all()
    assert (predicted == PALETTE[1]).all()
    # One that was given but not believed keeps its picture.
    drawn = panel(frame, {'rgb': False}, {'prediction': mask}, PALETTE)
    assert (drawn[74, 104] == CROSS).all() and (drawn[27, 104] == 90).all()


def test_the_picture_itself_stays():
    picture = np.zeros((7, 5, 3), np.uint8)
    assert crossed_out(picture).any() and not picture.any()


def test_a_sheet_of_all_combinations():
    frame = {'rgb': np.full((100, 200, 3), 90, np.uint8)}
    label, other = (np.full((100, 200), k, np.uint8) for k in (1, 0))
    predictions = {'rgb': label, 'depth': other}
    drawn = combination_sheet(
        frame, ['rgb', 'depth'], label, predictions, PALETTE
    )
    first, second = drawn[24:124], drawn[152:252]
    assert (first[:, 4:204] == 90).all()
    assert (first[50, 308] == CROSS).all()  # depth, which is not there
    assert (first[:, 412:612] == PALETTE[1]).all()
    assert (second[:, 4:204] == PALETTE[1]).all()
    assert (second[:, 208:408] == PALETTE[0]).all()
    assert (second[:, 412:] == 255).all()


def test_a_sheet_is_of_a_handy_size():
    masks = {f'rgb+{i}': np.zeros((480, 1280), np.uint8) for i in range(15)}
    drawn = combination_sheet({}, ['rgb'], None, masks, PALETTE)
    assert drawn.shape == (5 * (24 + 120 + 4), 4 + 4 * 324, 3)
