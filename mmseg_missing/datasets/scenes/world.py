"""Draw a room: its walls, its light, its camera and what stands in it."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator

from .solids import TWINS, Material, Solid, Vector, heater

ROOM_LABELS = ('wall', 'floor', 'ceiling')
FLOOR = {'figure': 0.35, 'cabinet': 0.5, 'plant': 0.4}
"""Kinds that stand on the floor, and the radius they need in metres."""


@dataclass(frozen=True)
class Camera:
    """A pinhole camera; at zero angles it looks along +y with z up."""

    position: Vector
    yaw_rad: float
    pitch_rad: float


@dataclass(frozen=True)
class Scene:
    """One room, -width/2..width/2 by 0..length by 0..height metres.

    Attributes:
        size: (width, length, height) in metres.
        surfaces: materials of wall, floor and ceiling.
        solids: everything else.
        light: position of the lamp in metres, outside of every solid.
        air_celsius: temperature from which all others are counted.
        salt: makes this scene's textures its own.
    """

    size: Vector
    surfaces: tuple[Material, Material, Material]
    solids: list[Solid]
    camera: Camera
    light: Vector
    air_celsius: float
    salt: int


def sample_scene(rng: Generator) -> Scene:
    """Draw one scene; the same state of ``rng`` draws the same scene."""
    size = tuple(rng.uniform((4.6, 4.6, 2.5), (6.0, 5.8, 2.8)))
    camera = Camera(
        position=(rng.uniform(-0.5, 0.5), 0.3, rng.uniform(1.4, 1.7)),
        yaw_rad=rng.uniform(-0.2, 0.2),
        pitch_rad=rng.uniform(-0.15, -0.05),
    )
    light = (
        rng.uniform(-0.3, 0.3) * size[0],
        rng.uniform(0.15, 0.45) * size[1],
        size[2] - 0.15,
    )
    return Scene(
        size=size,
        surfaces=_room_materials(rng),
        solids=_furnish_wall(rng, size, camera)
        + _furnish_floor(rng, size, camera),
        camera=camera,
        light=light,
        air_celsius=rng.uniform(18, 25),
        salt=int(rng.integers(1 << 31)),
    )


def _room_materials(rng: Generator) -> tuple[Material, Material, Material]:
    tint = rng.uniform(0.4, 0.75) * rng.uniform(0.82, 1, 3)
    wood = rng.uniform(0.25, 0.5) * np.array((1, 0.68, 0.42))
    nirs = rng.uniform(0.45, 0.75, 3)
    return (
        Material((*tint, nirs[0]), rng.normal(-0.6, 0.4), 'plaster'),
        Material((*wood, nirs[1]), rng.normal(-1.2, 0.4), 'planks'),
        Material((0.8, 0.8, 0.78, nirs[2]), rng.normal(0.6, 0.3)),
    )


def _furnish_wall(rng: Generator, size: Vector, camera: Camera) -> list[Solid]:
    """Hang two bookshelves or posters on the far wall, a heater below."""
    solids = []
    depth = size[1] - camera.position[1]
    for side in rng.permutation((-1, 1)):
        turn = camera.yaw_rad + side * rng.uniform(0.2, 0.42)
        x = camera.position[0] + depth * math.tan(turn)
        x = np.clip(x, 0.8 - size[0] / 2, size[0] / 2 - 0.8)
        solid = _one_of_twins(rng, 'bookshelf')[0].moved(x, size[1], 0)
        if all(_gap(solid, other) > 0.1 for other in solids):
            solids.append(solid)
    x = camera.position[0] + rng.uniform(-1.5, 1.5)
    return solids + [s.moved(x, size[1], 0) for s in heater(rng, 'heater')]


def _gap(one: Solid, other: Solid) -> float:
    """Return the free wall between two hanging solids, in metres."""
    return abs(one.centre[0] - other.centre[0]) - one.half[0] - other.half[0]


def _furnish_floor(
    rng: Generator, size: Vector, camera: Camera
) -> list[Solid]:
    """Stand one of each pair and two more side by side across the view."""
    kinds = ['figure', 'cabinet', 'plant', *rng.choice(list(FLOOR), 2)]
    angles = camera.yaw_rad + np.linspace(-0.58, 0.58, len(kinds))
    solids, taken = [], []
    for kind, angle in zip(rng.permutation(kinds), angles, strict=True):
        spot = _free_spot(rng, size, camera, angle, FLOOR[kind], taken)
        if spot is not None:
            taken.append((*spot, FLOOR[kind]))
            yaw = -angle + rng.uniform(-0.5, 0.5)
            parts = _one_of_twins(rng, kind)
            solids += [part.moved(*spot, yaw) for part in parts]
    return solids


def _free_spot(
    rng: Generator,
    size: Vector,
    camera: Camera,
    bearing_rad: float,
    radius: float,
    taken: list[tuple[float, float, float]],
) -> tuple[float, float] | None:
    """Return a free (x, y) near a bearing; None after eight tries.

    ``taken`` holds (x, y, radius) of what already stands there.
    """
    for _ in range(8):
        turn = bearing_rad + rng.uniform(-0.1, 0.1)
        far = rng.uniform(2.0, 4.2)
        x = camera.position[0] + far * math.sin(turn)
        y = camera.position[1] + far * math.cos(turn)
        inside = abs(x) < size[0] / 2 - radius and y < size[1] - 0.65 - radius
        apart = (
            math.hypot(x - x2, y - y2) > radius + r2 for x2, y2, r2 in taken
        )
        if inside and all(apart):
            return x, y
    return None


def _one_of_twins(rng: Generator, kind: str) -> list[Solid]:
    build, labels = TWINS[kind]
    return build(rng, labels[rng.integers(2)])
