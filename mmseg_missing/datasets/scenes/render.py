"""From a scene to what reaches the sensors: light, distance and heat."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .raycast import Caster, Hits
from .solids import CLASSES, Material
from .textures import TEXTURES
from .world import ROOM_LABELS, Camera, Scene


@dataclass(frozen=True)
class Frame:
    """What the perfect camera sees.

    Attributes:
        radiance: (H, W, 4) float32, linear red, green, blue, near infrared.
        depth_m: (H, W) float32, along the optical axis.
        celsius: (H, W) float32, temperature as a thermal camera takes it.
        label: (H, W) uint8, index into ``CLASSES``.
    """

    radiance: NDArray
    depth_m: NDArray
    celsius: NDArray
    label: NDArray


def render(scene: Scene, size: tuple[int, int]) -> Frame:
    """Render a scene at ``size`` (H, W) pixels, without any sensor's flaws."""
    caster = Caster(scene)
    directions, forward = camera_rays(scene.camera, size)
    hits = caster.trace(np.float32(scene.camera.position), directions)
    is_flat = np.array([False] * 3 + [s.is_flat for s in scene.solids])
    metres = np.where(is_flat[hits.surface], hits.wall_distance, hits.distance)
    return Frame(
        radiance=_radiance(scene, caster, hits).reshape(*size, 4),
        depth_m=(metres * (directions @ forward)).reshape(size),
        celsius=_celsius(scene, hits).reshape(size),
        label=_labels(scene)[hits.surface].reshape(size),
    )


def camera_rays(
    camera: Camera, size: tuple[int, int]
) -> tuple[NDArray, NDArray]:
    """Return unit directions (H * W, 3) and the optical axis (3,).

    The view holds at least 80 by 58 degrees, whatever the aspect ratio.
    """
    height, width = size
    focal = 0.6 * min(width, 1.5 * height)
    u = (np.arange(width) + 0.5 - width / 2) / focal
    v = (height / 2 - np.arange(height) - 0.5) / focal
    right, up, ahead = _camera_axes(camera)
    rays = ahead + u[None, :, None] * right + v[:, None, None] * up
    rays /= np.linalg.norm(rays, axis=2, keepdims=True)
    return rays.reshape(-1, 3).astype(np.float32), ahead.astype(np.float32)


def _camera_axes(camera: Camera) -> NDArray:
    """Return the camera's right, up and ahead in the world, as rows."""
    cos, sin = np.cos(camera.yaw_rad), np.sin(camera.yaw_rad)
    tilt_cos, tilt_sin = np.cos(camera.pitch_rad), np.sin(camera.pitch_rad)
    right = np.array((cos, -sin, 0))
    ahead = np.array((tilt_cos * sin, tilt_cos * cos, tilt_sin))
    return np.stack((right, np.cross(right, ahead), ahead))


def _radiance(scene: Scene, caster: Caster, hits: Hits) -> NDArray:
    """Return (P, 4): paint times ambient light and one lamp with shadows."""
    light = np.float32(scene.light)
    ray = hits.point - light
    metres = np.linalg.norm(ray, axis=1)
    ray /= metres[:, None]
    free, _ = caster.nearest(light, ray)
    facing = np.maximum(-(ray * hits.normal).sum(1), 0)
    lamp = facing * (free > metres - 0.01) * (3 / (2 + metres**2))
    ambient = 0.3 + 0.08 * hits.normal[:, 2]
    return _paint(scene, hits) * (ambient + lamp)[:, None]


def _paint(scene: Scene, hits: Hits) -> NDArray:
    """Return the reflectance (P, 4) of what was hit."""
    materials = _materials(scene)
    paint = np.float32([m.albedo for m in materials])[hits.surface]
    names = np.array([m.texture for m in materials])
    for name in set(names):
        rays = np.flatnonzero((names == name)[hits.surface])
        keys = hits.surface[rays] + scene.salt
        paint[rays] *= TEXTURES[name](hits.local[rays], keys)
    return paint


def _celsius(scene: Scene, hits: Hits) -> NDArray:
    """Return (P,): emitted plus mirrored air, warmer towards the ceiling."""
    kelvin = np.float32([m.kelvin * m.emissivity for m in _materials(scene)])
    layers = 0.5 * (hits.point[:, 2] - 1.2)
    return np.float32(scene.air_celsius) + kelvin[hits.surface] + layers


def _materials(scene: Scene) -> list[Material]:
    return [*scene.surfaces, *(solid.material for solid in scene.solids)]


def _labels(scene: Scene) -> NDArray:
    labels = [*ROOM_LABELS, *(solid.label for solid in scene.solids)]
    return np.array([CLASSES.index(label) for label in labels], np.uint8)
