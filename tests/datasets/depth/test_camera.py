import numpy as np
import pytest

from mmseg_missing.datasets.depth import CAMERAS, Camera, as_camera


def test_points_lie_on_their_plane(camera, plane):
    normal = np.array((0.2, -0.5, 1)) / np.linalg.norm((0.2, -0.5, 1))
    points = camera.points(plane(normal, 2.5).depth_m)
    np.testing.assert_allclose(points @ normal, 2.5, rtol=1e-5)


def test_a_resized_picture_shows_the_same_points(camera):
    """The corner of the picture stays where it is, pixels grow."""
    half = camera.resized((camera.size[0] * 3, camera.size[1] * 3))
    depth_m = np.full(camera.size, 2.0, np.float32)
    thrice = half.points(np.full(half.size, 2.0, np.float32))
    np.testing.assert_allclose(
        thrice[1::3, 1::3], camera.points(depth_m), atol=1e-5
    )


def test_only_its_aspect_ratio_fits():
    camera = CAMERAS['nyuv2']
    assert camera.fits((240, 320)) and camera.fits((72, 96))
    assert not camera.fits((480, 480))


@pytest.mark.parametrize(
    ('given', 'said'),
    [
        ('kinect9', r"\['nyuv2'\].*'kinect9'"),
        ({'fx': 1, 'fy': 1}, 'size='),
        ({'fx': 0, 'fy': 1, 'cx': 1, 'cy': 1, 'size': (2, 3)}, 'above 0'),
    ],
)
def test_no_camera(given, said):
    with pytest.raises(ValueError, match=said):
        as_camera(given)


def test_a_camera_by_its_numbers(camera):
    fields = {'fx': 31, 'fy': 34, 'cx': 31, 'cy': 27.5, 'size': [53, 67]}
    assert as_camera(fields) == camera == as_camera(camera)
    assert isinstance(as_camera('nyuv2'), Camera)
