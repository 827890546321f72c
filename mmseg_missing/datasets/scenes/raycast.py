"""Ray casting of a scene, vectorised over rays and solids.

Every solid is an affine image of a unit box, ball or cylinder, and every one
of these is an intersection of slabs and rounds. So a ray is taken into the
solid's own frame and the hit is where the last of its intervals begins.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .solids import Solid
from .world import Scene

Pair = tuple[NDArray, NDArray]
AXES = {'box': 3, 'cylinder': 1, 'ellipsoid': 0}
"""How many axes, counted from z, are flat slabs; the others are round."""


@dataclass(frozen=True)
class Hits:
    """Where P rays from the camera ended.

    Attributes:
        surface: (P,) index into wall, floor, ceiling, then the solids.
        distance: (P,) metres from the camera.
        wall_distance: (P,) the same to the bare room.
        point: (P, 3) world metres.
        local: (P, 3) metres in the frame of the solid that was hit.
        normal: (P, 3) unit length, towards the camera.
    """

    surface: NDArray
    distance: NDArray
    wall_distance: NDArray
    point: NDArray
    local: NDArray
    normal: NDArray


class Caster:
    """The solids of one scene as arrays, ready for rays."""

    def __init__(self, scene: Scene) -> None:
        self.room_half = np.array(scene.size, np.float32) / 2
        self.room_centre = self.room_half * (0, 1, 1)
        solids = scene.solids
        self.flat_axes = np.array([AXES[solid.shape] for solid in solids])
        self.centre = np.array([solid.centre for solid in solids], np.float32)
        self.half = np.array([solid.half for solid in solids], np.float32)
        self.turn = np.array([_turn(solid) for solid in solids], np.float32)
        self.radius = np.linalg.norm(self.half, axis=1)

    def trace(self, origin: NDArray, directions: NDArray) -> Hits:
        """Follow camera rays to the first surface.

        Args:
            origin: (3,) inside the room and outside of every solid.
            directions: (P, 3) of length 1, as everywhere here.
        """
        distance, solid = self.nearest(origin, directions)
        wall_distance, wall, wall_normal = self._room(origin, directions)
        is_solid = distance < wall_distance
        distance = np.where(is_solid, distance, wall_distance)
        point = origin + distance[:, None] * directions
        local, normal = point.copy(), wall_normal
        rays = np.flatnonzero(is_solid)
        local[rays], normal[rays] = self._own(point[rays], solid[rays])
        surface = np.where(is_solid, solid + 3, wall)
        return Hits(surface, distance, wall_distance, point, local, normal)

    def nearest(self, origin: NDArray, directions: NDArray) -> Pair:
        """Return metres to the first solid, inf if none, and which it is."""
        body, ray = np.nonzero(self._may_hit(origin, directions))
        scale = self.turn / self.half[:, None]  # (k, 3, 3), to unit size
        start = np.einsum('kj,kji->ik', origin - self.centre, scale)
        step = np.einsum('pj,pji->ip', directions[ray], scale[body])
        enter = _enter(start[:, body], step, self.flat_axes[body])
        hit = np.flatnonzero(np.isfinite(enter))
        hit = hit[np.argsort(-enter[hit])]  # the nearest is written last
        distance = np.full(len(directions), np.inf, np.float32)
        first = np.zeros(len(directions), np.intp)
        distance[ray[hit]], first[ray[hit]] = enter[hit], body[hit]
        return distance, first

    def _may_hit(self, origin: NDArray, directions: NDArray) -> NDArray:
        """Return (K, P): does the ray come near the solid's bounding ball?"""
        offset = self.centre - origin
        beyond = (offset**2).sum(1) - self.radius**2
        tangent = np.where(beyond > 0, np.sqrt(abs(beyond)), -np.inf)
        return offset @ directions.T > tangent[:, None]

    def _room(self, origin: NDArray, directions: NDArray) -> tuple:
        """Return distance to the room's shell, its surface and normal."""
        start = (origin - self.room_centre).astype(np.float32)
        heading = np.sign(directions)
        with np.errstate(divide='ignore'):
            leave = (self.room_half - heading * start) / abs(directions)
        axis = leave.argmin(1)
        rays = np.arange(len(directions))
        sign = heading[rays, axis]
        normal = np.zeros_like(directions)
        normal[rays, axis] = -sign
        surface = np.where(axis < 2, 0, np.where(sign < 0, 1, 2))
        return leave[rays, axis], surface, normal

    def _own(self, point: NDArray, solid: NDArray) -> Pair:
        """Return points in their solid's frame and world normals."""
        turn, half = self.turn[solid], self.half[solid]
        offset = point - self.centre[solid]
        local = np.einsum('pj,pji->pi', offset, turn)
        unit = local / half
        flat = self.flat_axes[solid][:, None]
        is_slab = np.arange(3) >= 3 - flat
        height = np.where(is_slab, abs(unit), 0)
        round_part = np.where(is_slab, 0, unit)
        on_slab = height.max(1) > np.linalg.norm(round_part, axis=1)
        face = np.sign(unit) * (height == height.max(1, keepdims=True))
        normal = np.where(on_slab[:, None], face, round_part) / half
        normal = np.einsum('pi,pji->pj', normal, turn)
        normal /= np.linalg.norm(normal, axis=1, keepdims=True)
        return local, normal


def _turn(solid: Solid) -> NDArray:
    """Return (3, 3) whose columns are the solid's axes in the world."""
    cos, sin = np.cos(solid.yaw_rad), np.sin(solid.yaw_rad)
    return np.array([[cos, -sin, 0], [sin, cos, 0], [0, 0, 1]])


def _enter(start: NDArray, step: NDArray, flat: NDArray) -> NDArray:
    """Return where rays (3, N) enter their unit solids, inf if they miss."""
    enter = np.full(len(flat), np.inf, np.float32)
    for axes in AXES.values():
        pairs = np.flatnonzero(flat == axes)
        near, far = _interval(start[:, pairs], step[:, pairs], axes)
        enter[pairs] = np.where((near < far) & (near > 0), near, np.inf)
    return enter


def _interval(start: NDArray, step: NDArray, flat: int) -> Pair:
    """Return where rays enter and leave one kind of unit solid."""
    spans = [_slab(start[i], step[i]) for i in range(3 - flat, 3)]
    if flat < 3:
        spans.append(_round(start[: 3 - flat], step[: 3 - flat]))
    nears, fars = zip(*spans, strict=True)
    return np.maximum.reduce(nears), np.minimum.reduce(fars)


def _slab(start: NDArray, step: NDArray) -> Pair:
    with np.errstate(divide='ignore', invalid='ignore'):
        one, other = (-1 - start) / step, (1 - start) / step
    return np.minimum(one, other), np.maximum(one, other)


def _round(start: NDArray, step: NDArray) -> Pair:
    square = (step**2).sum(0)
    with np.errstate(divide='ignore', invalid='ignore'):
        middle = -(start * step).sum(0) / square
        reach = (1 - (start**2).sum(0)) / square + middle**2
        reach = np.sqrt(reach)  # nan is a miss: every comparison fails
    return middle - reach, middle + reach
