"""Procedural paint: how the reflectance varies over a surface.

A texture takes points (P, 3) in metres in the frame of what they lie on and
keys (P,) that differ between surfaces and scenes. It returns factors of the
albedo, (P, 1) for all bands or (P, 4) for red, green, blue, near infrared.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray


def hash01(*keys: NDArray | int) -> NDArray:
    """Mix whole numbers, (P,) each, into even random ones in [0, 1).

    Source: Appleby, finaliser of MurmurHash3 (public domain).
    """
    mixed = np.zeros(1, np.uint32)
    for key in keys:
        mixed = mixed ^ np.asarray(key).astype(np.int64).astype(np.uint32)
        mixed = (mixed ^ (mixed >> 16)) * np.uint32(0x85EBCA6B)
        mixed = (mixed ^ (mixed >> 13)) * np.uint32(0xC2B2AE35)
        mixed = mixed ^ (mixed >> 16)
    return (mixed >> 8).astype(np.float32) / np.float32(1 << 24)


def plain(points: NDArray, keys: NDArray) -> NDArray:
    """One paint all over."""
    return np.ones((len(points), 1), np.float32)


def plaster(points: NDArray, keys: NDArray) -> NDArray:
    """Cloudy wall paint."""
    along, height = points[:, 0] + points[:, 1], points[:, 2]
    phase = 6 * hash01(keys)
    clouds = np.sin(2.3 * along + phase) * np.sin(3.1 * height + 2 * phase)
    grain = hash01(keys, along // 0.04, height // 0.04)
    return (0.96 + 0.05 * clouds + 0.08 * grain)[:, None]


def planks(points: NDArray, keys: NDArray) -> NDArray:
    """Floor boards that run along y."""
    row, across = np.divmod(points[:, 0], 0.22)
    board = (points[:, 1] + 1.5 * hash01(keys, row)) // 1.5
    tone = 0.7 + 0.5 * hash01(keys, row, board)
    return np.where(across < 0.02, 0.45, tone)[:, None]


def books(points: NDArray, keys: NDArray) -> NDArray:
    """Boards with a row of coloured books on each."""
    shelf, height = np.divmod(points[:, 2], 0.33)
    book = points[:, 0] // 0.085
    bands = [hash01(keys, shelf, book, band) for band in range(4)]
    colour = np.stack(bands, 1) ** 2 * np.float32((2, 3, 5, 1.6))
    top = 0.2 + 0.09 * hash01(keys, shelf, book)
    colour[height > top] = 0.12
    colour[height < 0.045] = 1
    return colour


def doors(points: NDArray, keys: NDArray) -> NDArray:
    """Two doors with a seam, a frame and two knobs."""
    x, z = abs(points[:, 0]), points[:, 2]
    seam = (x < 0.015) | (abs(abs(z) - 0.35) < 0.015)
    knob = (abs(x - 0.07) < 0.025) & (abs(z) < 0.06)
    return np.where(seam | knob, 0.4, 1)[:, None].astype(np.float32)


def ribs(points: NDArray, keys: NDArray) -> NDArray:
    """Upright ribs."""
    return 0.8 + 0.2 * np.cos(points[:, :1] * np.float32(2 * np.pi / 0.16))


def leaves(points: NDArray, keys: NDArray) -> NDArray:
    """Light and dark leaves."""
    cells = (points // 0.055).T
    return (0.35 + 1.1 * hash01(keys, *cells))[:, None]


def cloth(points: NDArray, keys: NDArray) -> NDArray:
    """Faint stripes across."""
    return (0.85 + 0.3 * hash01(keys, points[:, 2] // 0.07))[:, None]


TEXTURES: dict[str, Callable[[NDArray, NDArray], NDArray]] = {
    texture.__name__: texture
    for texture in (plain, plaster, planks, books, doors, ribs, leaves, cloth)
}
