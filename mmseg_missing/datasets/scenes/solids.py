"""What stands in a room: convex solids with paint and temperature.

Four pairs of twins carry the point of the scenes: the two of a pair are drawn
by the same function from the same distribution and differ in one physical
property, which one sensor sees and no other.

================  ==================  ==============================
twin              twin                what differs
================  ==================  ==============================
red_cabinet       blue_cabinet        colour (rgb)
bookshelf         poster              depth (a picture on the wall)
person            mannequin           temperature (thermal)
plant             artificial_plant    near infrared reflectance (nir)
================  ==================  ==============================
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from numpy.random import Generator

CLASSES = (
    'wall',
    'floor',
    'ceiling',
    'heater',
    'red_cabinet',
    'blue_cabinet',
    'bookshelf',
    'poster',
    'person',
    'mannequin',
    'plant',
    'artificial_plant',
)
PALETTE = [
    [190, 190, 180],
    [120, 95, 75],
    [235, 235, 230],
    [250, 150, 30],
    [215, 40, 45],
    [40, 85, 210],
    [130, 60, 140],
    [235, 130, 220],
    [255, 215, 60],
    [90, 200, 215],
    [45, 150, 60],
    [170, 225, 110],
]

Vector = tuple[float, float, float]
Paint = tuple[float, float, float, float]


@dataclass(frozen=True)
class Material:
    """Paint and heat of a surface.

    Attributes:
        albedo: reflectance of red, green, blue and near infrared, 0..1.
        kelvin: temperature above that of the air.
        texture: a key of ``textures.TEXTURES``.
        emissivity: 0..1; what is missing to 1 mirrors the air.
    """

    albedo: Paint
    kelvin: float = 0.0
    texture: str = 'plain'
    emissivity: float = 0.94


@dataclass(frozen=True)
class Solid:
    """A box, ellipsoid or upright cylinder; lengths in metres, z is up.

    ``is_flat`` makes it a life-sized picture of itself on the wall behind:
    every sensor sees it as if it were there, except the one for depth.
    """

    label: str
    shape: str
    centre: Vector
    half: Vector
    material: Material
    yaw_rad: float = 0.0
    is_flat: bool = False

    def moved(self, x: float, y: float, yaw_rad: float) -> 'Solid':
        """Return it turned about the origin's upright axis, then shifted."""
        cos, sin = math.cos(yaw_rad), math.sin(yaw_rad)
        cx, cy, cz = self.centre
        centre = (cos * cx - sin * cy + x, sin * cx + cos * cy + y, cz)
        return replace(self, centre=centre, yaw_rad=self.yaw_rad + yaw_rad)


def cabinet(rng: Generator, label: str) -> list[Solid]:
    """A painted cabinet; near infrared and heat do not know its colour."""
    strong, weak = rng.uniform((0.45, 0.04), (0.7, 0.14))
    red, blue = (strong, weak) if label == 'red_cabinet' else (weak, strong)
    albedo = (red, rng.uniform(0.08, 0.18), blue, rng.uniform(0.3, 0.6))
    material = Material(albedo, rng.normal(0.3, 0.4), 'doors', 0.92)
    width, deep, height = rng.uniform((0.6, 0.45, 0.8), (0.9, 0.6, 1.2)) / 2
    half = (width, deep, height)
    return [Solid(label, 'box', (0, 0, height), half, material)]


def bookshelf(rng: Generator, label: str) -> list[Solid]:
    """A hanging bookshelf or the poster of one, its back at y = 0."""
    albedo = (*rng.uniform((0.4, 0.25, 0.12), (0.55, 0.38, 0.2)), 0.55)
    material = Material(albedo, rng.normal(0.4, 0.3), 'books')
    half = tuple(rng.uniform((1.1, 0.5, 0.9), (1.5, 0.65, 1.15)) / 2)
    centre = (0, -half[1], rng.uniform(1.55, 1.75))
    is_flat = label == 'poster'
    return [Solid(label, 'box', centre, half, material, is_flat=is_flat)]


def heater(rng: Generator, label: str) -> list[Solid]:
    """A hot cast-iron radiator, its back at y = 0."""
    iron = rng.uniform(0.05, 0.12)
    albedo = (1.3 * iron, iron, 0.9 * iron, rng.uniform(0.1, 0.25))
    material = Material(albedo, rng.uniform(18, 32), 'ribs', 0.9)
    half = (rng.uniform(0.6, 0.9), 0.1, rng.uniform(0.3, 0.4))
    return [Solid(label, 'box', (0, -0.15, 0.1 + half[2]), half, material)]


def plant(rng: Generator, label: str) -> list[Solid]:
    """A potted plant; only living leaves are bright in near infrared."""
    nirs = {
        'plant': rng.uniform(0.6, 0.8),
        'artificial_plant': rng.uniform(0.1, 0.25),
    }
    green = rng.uniform((0.05, 0.2, 0.03), (0.14, 0.36, 0.09))
    kelvin = rng.normal(0, 0.3)
    leaves = Material((*green, nirs[label]), kelvin, 'leaves', 0.96)
    clay = Material((0.45, 0.22, 0.13, 0.4), kelvin)
    radius = rng.uniform(0.15, 0.2)
    pot = Solid(label, 'cylinder', (0, 0, 0.17), (radius, radius, 0.17), clay)
    crown = [
        Solid(label, 'ellipsoid', at, _scaled(r, (1, 1, 0.9)), leaves)
        for at, r in _crown(rng)
    ]
    return [pot, *crown]


def _crown(rng: Generator) -> list[tuple[Vector, float]]:
    """Draw where the balls of leaves are and how wide, in metres."""
    size, start = rng.uniform(0.85, 1.15), rng.uniform(0, 2)
    balls = [((0, 0, 0.62 * size), 0.3 * size)]
    balls.append(((0, 0, 0.95 * size), 0.24 * size))
    for turn in (start, start + 2.1, start + 4.2):
        at = 0.17 * math.cos(turn), 0.17 * math.sin(turn)
        at = _scaled(size, (*at, rng.uniform(0.6, 0.85)))
        balls.append((at, size * rng.uniform(0.17, 0.23)))
    return balls


FIGURE = (
    ('cylinder', (-0.1, 0, 0.42), (0.085, 0.09, 0.42), 'trousers'),
    ('cylinder', (0.1, 0, 0.42), (0.085, 0.09, 0.42), 'trousers'),
    ('ellipsoid', (0, 0, 0.9), (0.2, 0.14, 0.14), 'trousers'),
    ('cylinder', (0, 0, 1.16), (0.2, 0.125, 0.26), 'shirt'),
    ('ellipsoid', (0, 0, 1.4), (0.24, 0.125, 0.09), 'shirt'),
    ('cylinder', (-0.255, 0, 1.18), (0.06, 0.07, 0.22), 'shirt'),
    ('cylinder', (0.255, 0, 1.18), (0.06, 0.07, 0.22), 'shirt'),
    ('ellipsoid', (-0.255, 0, 0.92), (0.05, 0.06, 0.09), 'skin'),
    ('ellipsoid', (0.255, 0, 0.92), (0.05, 0.06, 0.09), 'skin'),
    ('ellipsoid', (0, 0, 1.6), (0.105, 0.115, 0.15), 'skin'),
    ('ellipsoid', (0, 0.035, 1.65), (0.115, 0.115, 0.13), 'hair'),
)
"""Shape, centre, half size in metres and material; the face looks to -y."""


def figure(rng: Generator, label: str) -> list[Solid]:
    """A clothed person or the mannequin of one; only the heat differs."""
    wear = _wardrobe(rng, alive=label == 'person')
    size = rng.uniform(0.95, 1.08)
    return [
        Solid(label, shape, _scaled(size, at), _scaled(size, half), wear[name])
        for shape, at, half, name in FIGURE
    ]


def _wardrobe(rng: Generator, alive: bool) -> dict[str, Material]:
    """Draw skin, hair and clothes; a mannequin has the heat of the air."""
    tone, still = rng.uniform(0.15, 0.5), rng.normal(0, 0.3)
    hair = 0.1 * tone + rng.uniform(0.01, 0.08, 3)
    shirt, trousers = rng.uniform(0.1, 0.45, (2, 3))
    drawn = {
        'skin': ((tone, 0.72 * tone, 0.55 * tone, 0.55), (10, 13), 'plain'),
        'hair': ((*hair, 0.35), (6, 9), 'cloth'),
        'shirt': ((*shirt, 0.5), (6, 9), 'cloth'),
        'trousers': ((*trousers, 0.45), (5, 8), 'cloth'),
    }
    return {
        name: Material(albedo, still + alive * rng.uniform(*warm), texture)
        for name, (albedo, warm, texture) in drawn.items()
    }


def _scaled(size: float, vector: Sequence[float]) -> Vector:
    return tuple(size * value for value in vector)


TWINS: dict[str, tuple[Callable, tuple[str, str]]] = {
    'cabinet': (cabinet, ('red_cabinet', 'blue_cabinet')),
    'bookshelf': (bookshelf, ('bookshelf', 'poster')),
    'figure': (figure, ('person', 'mannequin')),
    'plant': (plant, ('plant', 'artificial_plant')),
}
"""Kind to its builder and the labels between which a fair coin decides."""
