"""The scene is mirrored or turned, then encoded; values must agree.

Height, angle with gravity and disparity belong to the scene: whoever turns
the picture changes none of them, so HHA is `plain`. But gravity is searched
around the picture's downward direction, so a picture is encoded before it is
turned.
"""

from dataclasses import replace

import numpy as np
import pytest

from mmseg_missing.datasets.depth import hha, surface_normals
from mmseg_missing.datasets.transforms import (
    RandomFlipModalities,
    RotateModalities,
)

STACK = [
    {'name': 'normals', 'channels': 3, 'geometry': 'normals'},
    {'name': 'hha', 'channels': 3},
]


def encode(depth_m, camera):
    return {
        'modalities': {
            'normals': surface_normals(depth_m, camera),
            'hha': hha(depth_m, camera),
        },
        'img_shape': depth_m.shape,
    }


def mirrored(camera):
    return replace(camera, cx=camera.size[1] - 1 - camera.cx)


def upside_down(camera):
    return replace(camera, cy=camera.size[0] - 1 - camera.cy)


def turned_left(camera):
    """The same scene after np.rot90."""
    height, width = camera.size
    return replace(
        camera,
        fx=camera.fy,
        fy=camera.fx,
        cx=camera.cy,
        cy=width - 1 - camera.cx,
        size=(width, height),
    )


CHANGES = {
    'horizontal': (np.fliplr, mirrored, RandomFlipModalities(STACK, 1.0)),
    'vertical': (
        np.flipud,
        upside_down,
        RandomFlipModalities(STACK, 1.0, 'vertical'),
    ),
}


@pytest.fixture
def depth_m(room, camera):
    """A room that looks the same in no mirror, with holes."""
    depth_m = room(tilt_degrees=9, roll_degrees=5).depth_m
    depth_m[7:9, 11:17] = 0
    return depth_m


@pytest.mark.parametrize('change', CHANGES)
def test_flipped_normals_are_those_of_the_mirrored_scene(
    depth_m, camera, change
):
    flip, other_camera, transform = CHANGES[change]
    got = transform(encode(depth_m, camera))['modalities']['normals']
    flipped = np.ascontiguousarray(flip(depth_m))
    expected = surface_normals(flipped, other_camera(camera))
    np.testing.assert_allclose(got, expected, atol=1e-3)
    assert abs(got - flip(surface_normals(depth_m, camera))).max() > 0.5


def test_turned_normals_are_those_of_the_turned_scene(depth_m, camera):
    """A square middle, because the picture keeps its size."""
    square = depth_m[:, 7:60]
    camera = replace(camera, cx=camera.cx - 7, size=square.shape)
    transform = RotateModalities(STACK[:1], 1.0, (90, 90))
    got = transform(encode(square, camera))['modalities']['normals']
    expected = surface_normals(
        np.ascontiguousarray(np.rot90(square)), turned_left(camera)
    )
    # OpenCV interpolates with 5 fractional bits.
    np.testing.assert_allclose(got, expected, atol=5e-3)


def test_mirrored_hha_is_that_of_the_mirrored_scene(depth_m, camera):
    flip, other_camera, transform = CHANGES['horizontal']
    got = transform(encode(depth_m, camera))['modalities']['hha']
    flipped = np.ascontiguousarray(flip(depth_m))
    expected = hha(flipped, other_camera(camera))
    np.testing.assert_allclose(got.astype(int), expected, atol=1)


def test_gravity_is_not_found_in_a_picture_on_its_side(depth_m, camera):
    """Why depth is encoded first and turned after."""
    turned = np.ascontiguousarray(np.rot90(depth_m))
    encoded = hha(turned, turned_left(camera)).astype(int)
    assert abs(encoded - np.rot90(hha(depth_m, camera)).astype(int)).max() > 60
