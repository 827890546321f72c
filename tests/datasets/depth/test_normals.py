"""Normals against planes, rooms, and the rooms of the built-in scenes."""

import numpy as np
import pytest
from numpy.random import default_rng

from mmseg_missing.datasets.depth import Camera, surface_normals
from mmseg_missing.datasets.scenes.raycast import Caster
from mmseg_missing.datasets.scenes.render import (
    _camera_axes,
    camera_rays,
    render,
)
from mmseg_missing.datasets.scenes.world import sample_scene

PLANES = {
    'fronto-parallel': ((0, 0, 1), 2.0),
    'slanted': ((0.6, 0.1, 1), 3.0),
    'floor of a camera that looks down': ((0, 1, 0.9), 1.3),
}


@pytest.mark.parametrize('name', PLANES)
def test_a_plane_is_exact_up_to_the_border(
    camera, plane, name, degrees_between
):
    seen = plane(*PLANES[name])
    normals = surface_normals(seen.depth_m, camera)
    assert degrees_between(normals, seen.normals).max() < 0.1


@pytest.mark.parametrize('hole', [0, np.nan, np.inf, -1])
def test_holes_stay_holes_and_change_nothing_else(
    camera, plane, hole, degrees_between
):
    seen = plane((0.6, 0.1, 1), 3.0)
    is_hole = default_rng(0).random(camera.size) < 0.4
    depth_m = np.where(is_hole, np.float32(hole), seen.depth_m)
    normals = surface_normals(depth_m, camera)
    assert (normals[is_hole] == 0).all()
    errors = degrees_between(normals, seen.normals)[~is_hole]
    assert errors.max() < 0.5
    full = surface_normals(seen.depth_m, camera)
    np.testing.assert_allclose(normals[~is_hole], full[~is_hole], atol=5e-3)


def test_a_hole_beside_a_wall_does_not_bend_it(camera, plane):
    """A 0 that took part would be an edge of three metres."""
    depth_m = plane((0, 0, 1), 3.0).depth_m
    depth_m[:, 30:] = 0
    normals = surface_normals(depth_m, camera)
    np.testing.assert_allclose(
        normals[:, :30], (0, 0, -1) + 0 * normals[:, :30], atol=1e-3
    )


def test_too_few_pixels_make_no_plane(camera):
    depth_m = np.zeros(camera.size, np.float32)
    depth_m[5, 5] = depth_m[40, 10:20] = 2.0  # a point and a line
    assert not surface_normals(depth_m, camera).any()


def test_a_room_is_right_away_from_its_edges(
    camera, room, alone, degrees_between
):
    seen = room(tilt_degrees=15, roll_degrees=4)
    errors = degrees_between(
        surface_normals(seen.depth_m, camera), seen.normals
    )
    pixels = alone(seen.which)
    assert pixels.mean() > 0.4
    assert errors[pixels].max() < 0.1


@pytest.mark.parametrize('number', range(3))
def test_the_built_in_scenes(number, alone, degrees_between):
    """Balls and cylinders included, which no plane fits."""
    size = height, width = 120, 160
    scene = sample_scene(default_rng((7, number)))
    focal = 0.6 * width
    camera = Camera(focal, focal, width / 2 - 0.5, height / 2 - 0.5, size)
    rays, _ = camera_rays(scene.camera, size)
    hits = Caster(scene).trace(np.float32(scene.camera.position), rays)
    right, up, ahead = _camera_axes(scene.camera)
    truth = hits.normal @ np.stack((right, -up, ahead), 1)
    normals = surface_normals(render(scene, size).depth_m, camera)
    errors = degrees_between(normals, truth.reshape(*size, 3))
    is_flat = [False] * 3 + [solid.is_flat for solid in scene.solids]
    surface = hits.surface.reshape(size)
    pixels = alone(surface) & ~np.array(is_flat)[surface]
    assert pixels.mean() > 0.3
    assert np.median(errors[pixels]) < 0.1
    assert np.percentile(errors[pixels], 90) < 3
