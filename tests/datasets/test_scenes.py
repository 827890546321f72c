from dataclasses import replace

import numpy as np
import pytest
from numpy.random import default_rng

from mmseg_missing.datasets.scenes import CLASSES, SENSORS, render_scene
from mmseg_missing.datasets.scenes.raycast import Caster
from mmseg_missing.datasets.scenes.render import render
from mmseg_missing.datasets.scenes.solids import TWINS, Material, Solid
from mmseg_missing.datasets.scenes.world import sample_scene

SIZE = (17, 29)
ALL = list(SENSORS)


def scene_with(solids):
    return replace(sample_scene(default_rng(5)), solids=solids)


def differing(one, other):
    """Names of the quantities in which two frames differ."""
    quantities = {
        'rgb': lambda frame: frame.radiance[..., :3],
        'nir': lambda frame: frame.radiance[..., 3],
        'depth': lambda frame: frame.depth_m,
        'thermal': lambda frame: frame.celsius,
    }
    return {
        name
        for name, take in quantities.items()
        if not np.array_equal(take(one), take(other))
    }


@pytest.mark.parametrize(
    'kind, sensor',
    [
        ('cabinet', 'rgb'),
        ('bookshelf', 'depth'),
        ('figure', 'thermal'),
        ('plant', 'nir'),
    ],
)
def test_only_one_sensor_tells_twins_apart(kind, sensor):
    build, labels = TWINS[kind]
    y = sample_scene(default_rng(5)).size[1] if kind == 'bookshelf' else 3
    frames = [
        render(
            scene_with(
                [s.moved(0.1, y, 0.3) for s in build(default_rng(3), label)]
            ),
            (48, 72),
        )
        for label in labels
    ]
    places = [
        frame.label == CLASSES.index(label)
        for frame, label in zip(frames, labels, strict=True)
    ]
    assert places[0].sum() > 50
    np.testing.assert_array_equal(*places)
    assert differing(*frames) == {sensor}
    bare = render(scene_with([far_away()]), (48, 72))
    where = frames[0].label != bare.label
    if sensor == 'depth':  # the poster is as far as the wall behind it
        np.testing.assert_array_equal(frames[1].depth_m, bare.depth_m)
        assert (frames[0].depth_m < bare.depth_m - 0.2)[where].mean() > 0.9


def far_away():
    """A solid behind the camera, since a scene is never empty."""
    white = Material((1, 1, 1, 1))
    return Solid('heater', 'box', (0, -9, 0), (0.1, 0.1, 0.1), white)


@pytest.mark.parametrize(
    'shape, offset, distance',
    [
        ('box', (0, 0, 0), 3 - 0.5),
        ('box', (0.19, 0, 0.29), 3 - 0.5),
        ('box', (0.21, 0, 0), np.inf),
        ('cylinder', (0.1, 0, 0.29), 3 - 0.5 * 0.75**0.5),
        ('cylinder', (0.1, 0, 0.31), np.inf),
        ('ellipsoid', (0.1, 0, 0), 3 - 0.5 * 0.75**0.5),
        ('ellipsoid', (0.1, 0, 0.15), 3 - 0.5 * 0.5**0.5),
        ('ellipsoid', (0.15, 0, 0.25), np.inf),
    ],
)
@pytest.mark.parametrize('yaw_rad', [0, np.pi])
def test_rays_meet_solids_where_geometry_says(
    shape, offset, distance, yaw_rad
):
    solid = Solid(
        'heater', shape, (0, 3, 1), (0.2, 0.5, 0.3), far_away().material
    )
    caster = Caster(scene_with([far_away(), replace(solid, yaw_rad=yaw_rad)]))
    origin = np.float32((0, 0, 1)) + np.float32(offset)
    found, index = caster.nearest(origin, np.float32([[0, 1, 0]]))
    np.testing.assert_allclose(found, [distance], rtol=1e-6)
    assert index[0] == (1 if np.isfinite(distance) else 0)


def test_a_quarter_turn_swaps_width_and_depth():
    solid = Solid(
        'heater', 'box', (0, 3, 1), (0.2, 0.5, 0.3), far_away().material
    )
    caster = Caster(scene_with([replace(solid, yaw_rad=np.pi / 2)]))
    found, _ = caster.nearest(np.float32((0.4, 0, 1)), np.float32([[0, 1, 0]]))
    np.testing.assert_allclose(found, [3 - 0.2], rtol=1e-6)


@pytest.mark.parametrize('order', [(0, 1), (1, 0)])
def test_the_nearer_of_two_solids_hides_the_other(order):
    paint = far_away().material
    solids = [
        Solid('heater', 'box', (0, 3, 1), (0.2, 0.5, 0.3), paint),
        Solid('heater', 'ellipsoid', (0, 2, 1), (0.2, 0.2, 0.2), paint),
    ]
    caster = Caster(scene_with([solids[i] for i in order]))
    found, index = caster.nearest(
        np.float32((0, 0, 1)), np.float32([[0, 1, 0]])
    )
    np.testing.assert_allclose(found, [1.8], rtol=1e-6)
    assert order[index[0]] == 1


def test_rays_along_an_axis_reach_the_room_wall():
    scene = scene_with([far_away()])
    origin = np.float32((0.5, 1, 2))
    hits = Caster(scene).trace(origin, np.eye(3, dtype=np.float32))
    to_walls = np.array(scene.size) * (0.5, 1, 1) - origin
    np.testing.assert_allclose(hits.distance, to_walls, rtol=1e-6)
    np.testing.assert_array_equal(hits.surface, [0, 0, 2])
    np.testing.assert_array_equal(hits.normal, -np.eye(3))


def test_normals_are_unit_and_face_the_camera():
    scene = sample_scene(default_rng(1))
    directions = default_rng(2).normal(size=(900, 3))
    directions[:, 1] = abs(directions[:, 1])
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    directions = directions.astype(np.float32)
    position = np.float32(scene.camera.position)
    hits = Caster(scene).trace(position, directions)
    assert (hits.surface >= 3).sum() > 50
    length = np.linalg.norm(hits.normal, axis=1)
    np.testing.assert_allclose(length, 1, rtol=1e-5)
    assert ((hits.normal * directions).sum(1) < 0.01).all()


def test_a_shadow_falls_where_the_lamp_is_hidden():
    scene = scene_with([far_away()])
    x, y, z = scene.light
    board = Solid(
        'heater', 'box', (x, y, z - 0.3), (0.5, 0.5, 0.01), far_away().material
    )
    lit = render(scene, (48, 72)).radiance
    dark = render(scene_with([board]), (48, 72))
    assert (dark.radiance <= lit + 1e-6)[dark.label < 3].all()
    assert (dark.radiance < 0.9 * lit)[dark.label == 1].mean() > 0.9


def test_dtypes_shapes_units():
    images, label = render_scene(3, ALL, SIZE)
    assert images['rgb'].dtype == np.uint8
    assert images['rgb'].shape == (*SIZE, 3)
    for name in ('depth', 'thermal', 'nir'):
        assert images[name].dtype == np.float32
        assert images[name].shape == (*SIZE, 1)
    measured = images['depth'][images['depth'] > 0]
    assert measured.min() > 0.5 and measured.max() < 8
    assert (images['depth'] == 0).any()
    assert 10 < np.median(images['thermal']) < 30
    assert label.dtype == np.uint8 and label.shape == SIZE


def test_seed_and_index_decide_and_sensors_are_independent():
    images, label = render_scene(3, ALL, SIZE, seed=2)
    again, _ = render_scene(3, ['nir', 'depth'], SIZE, seed=2)
    assert list(again) == ['nir', 'depth']
    for name, image in again.items():
        np.testing.assert_array_equal(image, images[name])
    for other in (render_scene(4, ALL, SIZE, 2), render_scene(3, ALL, SIZE)):
        assert (other[1] != label).mean() > 0.05


def test_depth_noise_grows_with_distance():
    frame = render(scene_with([far_away()]), (48, 72))
    shots = [SENSORS['depth'](frame, default_rng(i))[..., 0] for i in range(9)]
    shots = np.ma.masked_equal(shots, 0)
    noise, far = shots.std(0), frame.depth_m > np.median(frame.depth_m)
    assert noise[far].mean() > 2 * noise[~far].mean() > 0


def test_every_class_is_common():
    labels = [render_scene(i, [], (32, 48))[1] for i in range(40)]
    seen = [[(label == k).sum() > 7 for label in labels] for k in range(12)]
    share = np.mean(seen, axis=1)
    assert (share > 0.4).all(), dict(zip(CLASSES, share, strict=True))
