"""The scene is flipped or turned, and its values must follow."""

import numpy as np
import pytest

from mmseg_missing.datasets.transforms import (
    RandomFlipModalities,
    RotateModalities,
)
from mmseg_missing.datasets.transforms.value_rules import rotate_values
from mmseg_missing.modality import Stack

N = 15
STACK = [
    {'name': 'normals', 'channels': 3, 'geometry': 'normals'},
    {'name': 'aolp', 'channels': 3, 'geometry': 'aolp'},
    {'name': 'aolp2', 'channels': 2, 'geometry': 'aolp'},
]
INNER = (slice(2, -2), slice(2, -2))  # away from one-sided differences


def sense(height):
    """What the sensors show of a relief: height (h, w), larger is farther."""
    down, right = np.gradient(height)
    normals = np.stack([-right, -down, np.ones_like(height)], -1)
    normals /= np.linalg.norm(normals, axis=-1, keepdims=True)
    angle = np.arctan2(-down, right)  # counter-clockwise from the x axis
    sin, cos = np.sin(2 * angle), np.cos(2 * angle)
    arrays = {
        'normals': normals,
        'aolp': np.stack([sin, cos, sin], -1),
        'aolp2': np.stack([sin, cos], -1),
    }
    return {
        'modalities': {n: a.astype(np.float32) for n, a in arrays.items()},
        'img_shape': height.shape,
    }


@pytest.fixture
def relief():
    """A smooth relief without any symmetry and without flat spots."""
    y, x = np.mgrid[:N, :N] / N
    return 3 * x + 1.5 * y + np.sin(2 * x + 3 * y) + x * y * y


CHANGES = {
    'horizontal': (RandomFlipModalities(STACK, 1.0), np.fliplr),
    'vertical': (RandomFlipModalities(STACK, 1.0, 'vertical'), np.flipud),
    'turned': (RotateModalities(STACK, 1.0, (90, 90)), np.rot90),
    'turned back': (
        RotateModalities(STACK, 1.0, (-90, -90)),
        lambda x: np.rot90(x, -1),
    ),
}


@pytest.mark.parametrize('change', CHANGES)
def test_values_are_those_of_the_changed_scene(relief, change):
    transform, move = CHANGES[change]
    changed = transform(sense(relief))['modalities']
    expected = sense(np.ascontiguousarray(move(relief)))['modalities']
    for name, array in expected.items():
        # OpenCV interpolates with 5 fractional bits.
        np.testing.assert_allclose(
            changed[name][INNER], array[INNER], atol=2e-3, err_msg=name
        )


def test_a_turn_by_30_degrees():
    """A turn by 90 cannot tell the sign of a doubled angle."""
    twice = np.radians([40, 100])  # polarised at 20, then at 50 degrees
    before, after = np.stack([np.sin(twice), np.cos(twice)], -1)
    right = np.array([1.0, 0, 0])
    up_right = np.array([np.sqrt(0.75), -0.5, 0])  # y points down
    normals, _, aolp = Stack(STACK)
    for modality, old, new in (
        (aolp, before, after),
        (normals, right, up_right),
    ):
        turned = rotate_values(old[None, None], modality, 30)
        np.testing.assert_allclose(turned[0, 0], new, atol=1e-6)


def test_corners_get_the_mean_not_a_turned_mean(relief):
    stack = [{**STACK[0], 'mean': [0.1, 0.2, 0.9]}]
    out = RotateModalities(stack, 1.0, (45, 45))(sense(relief))
    corner = out['modalities']['normals'][0, 0]
    np.testing.assert_allclose(corner, (0.1, 0.2, 0.9), rtol=1e-6)


@pytest.mark.parametrize(
    'array', [np.zeros((N, N, 3), np.uint8), np.zeros((N, N, 4), np.float32)]
)
def test_values_that_are_no_directions(array):
    channels = array.shape[2]
    stack = [{'name': 'aolp', 'channels': channels, 'geometry': 'aolp'}]
    sample = {'modalities': {'aolp': array}, 'img_shape': (N, N)}
    with pytest.raises(ValueError, match=r"'aolp'.*2 or 3 float.*formats"):
        RandomFlipModalities(stack, 1.0)(sample)
