"""HHA of a room, worked out by hand."""

import numpy as np
import pytest

from mmseg_missing.datasets.depth import DepthEncoder, disparity, hha

FLOOR, CEILING, FRONT, LEFT, RIGHT = range(5)  # as `room` numbers them


@pytest.fixture
def encoded(camera, room):
    """The room through a tilted camera, and its (H, W, 3) values."""
    seen = room(tilt_degrees=12, roll_degrees=3)
    return seen, hha(seen.depth_m, camera).astype(int)


def test_disparity(encoded):
    seen, values = encoded
    expected = np.minimum(310 / np.maximum(seen.depth_m, 1), 255)
    np.testing.assert_allclose(values[..., 0], expected, atol=0.51)


def test_height_in_centimetres(encoded, camera):
    seen, values = encoded
    height = values[..., 1]
    assert height[seen.which == FLOOR].max() <= 3
    ceiling = height[seen.which == CEILING]
    assert ceiling.min() >= 237 and ceiling.max() <= 243
    true_m = 1.4 - camera.points(seen.depth_m) @ seen.down
    np.testing.assert_allclose(height, 100 * true_m, atol=4)


@pytest.mark.parametrize(
    ('surface', 'degrees'),
    [(FLOOR, 0), (FRONT, 90), (LEFT, 90), (RIGHT, 90), (CEILING, 180)],
)
def test_angle_with_gravity(encoded, alone, surface, degrees):
    seen, values = encoded
    pixels = (seen.which == surface) & alone(seen.which)
    assert pixels.any()
    angle = values[..., 2][pixels]
    np.testing.assert_allclose(angle, degrees + 38, atol=2)


def test_a_floor_out_of_sight_is_1_3_m_below(camera, room):
    seen = room(tilt_degrees=-10, names=('ceiling', 'front', 'left', 'right'))
    depth_m = seen.depth_m
    depth_m[camera.points(depth_m) @ seen.down > 0.6] = 0
    height = hha(depth_m, camera)[..., 1].astype(int)
    ceiling = height[(depth_m > 0) & (seen.which == 0)]
    assert ceiling.size
    np.testing.assert_allclose(ceiling, 230, atol=3)


def test_holes_are_zero_and_touch_nothing(encoded, camera):
    seen, values = encoded
    rng = np.random.default_rng(0)
    is_hole = rng.random(camera.size) < 0.2
    depth_m = np.where(is_hole, np.nan, seen.depth_m)
    holed = hha(depth_m, camera).astype(int)
    assert (holed[is_hole] == 0).all()
    np.testing.assert_allclose(
        holed[~is_hole][:, :2], values[~is_hole][:, :2], atol=4
    )
    error = abs(holed - values)[~is_hole][:, 2]
    assert np.percentile(error, 90) <= 2


def test_no_depth_at_all(camera):
    assert not hha(np.zeros(camera.size, np.float32), camera).any()


def test_inverse_depth():
    depth_m = np.array([[0, np.nan, -1, np.inf, 0.05, 4]], np.float32)
    np.testing.assert_allclose(disparity(depth_m), [[0, 0, 0, 0, 10, 0.25]])


@pytest.mark.parametrize(
    ('encoding', 'dtype'),
    [('hha', np.uint8), ('normals', np.float32), ('disparity', np.float32)],
)
def test_encoder(camera, room, encoding, dtype):
    encode = DepthEncoder(encoding, camera)
    encoded = encode(room().depth_m[..., None])
    assert encoded.shape == (*camera.size, encode.channels)
    assert encoded.dtype == dtype


def test_wrong_encoders(camera):
    with pytest.raises(ValueError, match=r"'hhh'.*'hha'"):
        DepthEncoder('hhh')
    with pytest.raises(ValueError, match=r'needs the intrinsics.*camera'):
        DepthEncoder('hha')
    with pytest.raises(ValueError, match='one channel, got 3'):
        DepthEncoder('hha', camera)(np.ones((*camera.size, 3)))
    with pytest.raises(ValueError, match=r'\(53, 67\).*\(40, 67\).*cropped'):
        DepthEncoder('hha', camera)(np.ones((40, 67)))
