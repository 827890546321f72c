"""Rooms whose depth, normals and gravity are known in closed form."""

from types import SimpleNamespace

import cv2
import numpy as np
import pytest

from mmseg_missing.datasets.depth import Camera

H, W = 53, 67
# What stands where, seen from the camera, in metres; axes: x right, y down,
# z forward. Each normal looks out of the room.
ROOM = {
    'floor': ((0, 1, 0), 1.4),
    'ceiling': ((0, -1, 0), 1.0),
    'front': ((0, 0, 1), 3.5),
    'left': ((-1, 0, 0), 1.9),
    'right': ((1, 0, 0), 2.3),
}


@pytest.fixture
def camera():
    """A camera with its axis off the centre and pixels that are not square."""
    return Camera(fx=31, fy=34, cx=31, cy=27.5, size=(H, W))


def rays(camera):
    """(H, W, 3) directions with z = 1."""
    v, u = np.mgrid[: camera.size[0], : camera.size[1]]
    x, y = (u - camera.cx) / camera.fx, (v - camera.cy) / camera.fy
    return np.stack((x, y, np.ones_like(x)), -1)


def turn(tilt_degrees=0.0, roll_degrees=0.0):
    """The rotation from the room's axes to those of a camera that looks
    down and is rolled clockwise."""
    a, b = np.radians((tilt_degrees, roll_degrees))
    tilt = [[1, 0, 0], [0, np.cos(a), -np.sin(a)], [0, np.sin(a), np.cos(a)]]
    roll = [[np.cos(b), -np.sin(b), 0], [np.sin(b), np.cos(b), 0], [0, 0, 1]]
    return np.array(roll) @ np.array(tilt)


def cast(camera, planes, rotation=None):
    """Depth, which plane it is, and its normal towards the camera."""
    rotation = np.eye(3) if rotation is None else rotation
    outward, metres = zip(*planes, strict=True)
    outward = np.array(outward, float) @ rotation.T  # (k, 3), camera axes
    outward /= np.linalg.norm(outward, axis=1, keepdims=True)
    rate = rays(camera) @ outward.T
    with np.errstate(divide='ignore'):
        z = np.where(rate > 0, np.array(metres) / rate, np.inf)
    which = z.argmin(-1)
    return SimpleNamespace(
        depth_m=z.min(-1).astype(np.float32),
        which=which,
        normals=-outward[which],
        down=rotation @ (0, 1, 0),
    )


@pytest.fixture
def room(camera):
    """Return a function: the room through a turned camera."""

    def room(tilt_degrees=0.0, roll_degrees=0.0, names=tuple(ROOM)):
        planes = [ROOM[name] for name in names]
        return cast(camera, planes, turn(tilt_degrees, roll_degrees))

    return room


@pytest.fixture
def plane(camera):
    """Return a function: one plane, by its outward normal and distance."""
    return lambda normal, metres: cast(camera, [(normal, metres)])


@pytest.fixture
def degrees_between():
    """Return a function of two arrays of unit vectors."""

    def degrees_between(one, other):
        cosine = (np.asarray(one, float) * other).sum(-1)
        return np.degrees(np.arccos(np.clip(cosine, -1, 1)))

    return degrees_between


@pytest.fixture
def alone():
    """Return a function: where all of a pixel's window shows one surface."""

    def alone(which, radius=3):
        square = np.ones((2 * radius + 1,) * 2, np.uint8)
        image = which.astype(np.uint16)
        same = cv2.erode(image, square) == cv2.dilate(image, square)
        assert same.any()
        return same

    return alone
