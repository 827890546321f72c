import numpy as np
import pytest
from numpy.random import default_rng

from mmseg_missing.datasets.depth import Camera, estimate_down
from mmseg_missing.datasets.scenes.render import _camera_axes, render
from mmseg_missing.datasets.scenes.sensors import depth
from mmseg_missing.datasets.scenes.world import sample_scene


@pytest.mark.parametrize(
    ('tilt', 'roll'), [(0, 0), (25, 0), (-15, 0), (10, 12), (30, -8)]
)
def test_a_room_through_a_turned_camera(
    camera, room, tilt, roll, degrees_between
):
    seen = room(tilt, roll)
    down = estimate_down(seen.depth_m, camera)
    assert degrees_between(down, seen.down) < 1


@pytest.mark.parametrize('noise', [0, 0.002])
@pytest.mark.parametrize('turned', [-0.3, 0, 0.3])
def test_one_wall_tells_no_more_than_the_picture(
    camera, plane, turned, noise, degrees_between
):
    """Any direction along it could be down."""
    seen = plane((turned, 0, 1), 2)
    scale = 1 + default_rng(0).normal(0, noise, camera.size)
    down = estimate_down(np.float32(seen.depth_m * scale), camera)
    assert degrees_between(down, (0, 1, 0)) < 5


@pytest.mark.parametrize('tilt', [15, 30])
def test_the_floor_alone_is_enough(camera, room, tilt, degrees_between):
    seen = room(tilt, names=['floor', 'front'])
    seen.depth_m[seen.which == 1] = 0
    down = estimate_down(seen.depth_m, camera)
    assert degrees_between(down, seen.down) < 1


def test_holes_and_noise(camera, room, degrees_between):
    seen, rng = room(20, 5), default_rng(0)
    noise = rng.normal(0, 0.004, camera.size)
    depth_m = np.float32(seen.depth_m * (1 + noise))
    depth_m[rng.random(camera.size) < 0.3] = 0
    assert degrees_between(estimate_down(depth_m, camera), seen.down) < 2


@pytest.mark.parametrize('number', range(5))
def test_the_built_in_scenes(number, degrees_between):
    """Full of things, with the sensor's noise and holes."""
    size = height, width = 96, 128
    scene = sample_scene(default_rng((3, number)))
    focal = 0.6 * width
    camera = Camera(focal, focal, width / 2 - 0.5, height / 2 - 0.5, size)
    depth_m = depth(render(scene, size), default_rng(number))[..., 0]
    right, up, ahead = _camera_axes(scene.camera)
    truth = np.stack((right, -up, ahead)) @ (0, 0, -1)
    assert degrees_between(estimate_down(depth_m, camera), truth) < 2


def test_large_pictures_are_shrunk(camera, room, degrees_between):
    seen = room(20, 5)
    depth_m = np.repeat(np.repeat(seen.depth_m, 7, 0), 7, 1)
    down = estimate_down(depth_m, camera.resized(depth_m.shape))
    assert degrees_between(down, seen.down) < 2


@pytest.mark.parametrize('value', [0, np.nan])
def test_nothing_in_sight(camera, value):
    depth_m = np.full(camera.size, value, np.float32)
    np.testing.assert_array_equal(estimate_down(depth_m, camera), (0, 1, 0))
