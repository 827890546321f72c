"""The sensors: from a perfect frame to what a camera would write.

Each takes a ``Frame`` and a random generator and returns (H, W, C).
"""

from collections.abc import Callable, Sequence

import cv2
import numpy as np
from numpy.random import Generator, default_rng
from numpy.typing import NDArray

from .render import Frame, render
from .world import sample_scene


def rgb(frame: Frame, rng: Generator) -> NDArray:
    """Return uint8 (H, W, 3) in RGB order.

    Auto exposure and white balance that err, a soft lens, shot and read
    noise, then the sRGB curve, approximated by a power of 1 / 2.2.
    """
    light = _soften(frame.radiance[..., :3], 0.4)
    exposure = 0.28 / light.mean() * np.exp(rng.normal(0, 0.25))
    light = light * np.float32(exposure * np.exp(rng.normal(0, 0.05, 3)))
    noise = _noise(rng, light.shape)
    light = light + noise * np.sqrt(2e-4 + 8e-4 * light)
    return np.uint8(255 * np.clip(light, 0, 1) ** (1 / 2.2) + 0.5)


def depth(frame: Frame, rng: Generator) -> NDArray:
    """Return float32 (H, W, 1) metres along the optical axis, 0 = hole.

    Holes lie at jumps of depth, at grazing angles and, a few, anywhere.
    Source of the noise: Nguyen et al., Modeling Kinect sensor noise for
    improved 3D reconstruction and tracking, 3DIMPVT 2012 (axial noise).
    """
    clean = frame.depth_m
    sigma_m = 0.0012 + 0.0019 * (clean - 0.4) ** 2
    noisy = clean + sigma_m * _noise(rng, clean.shape)
    step = abs(np.diff(clean, axis=1, append=clean[:, -1:]))
    lost = step / clean > 0.12
    lost |= rng.random(clean.shape, np.float32) < 0.01
    return np.where(lost, np.float32(0), noisy)[..., None]


def thermal(frame: Frame, rng: Generator) -> NDArray:
    """Return float32 (H, W, 1) degrees Celsius.

    The lens is softer than those for light; 0.1 kelvin of noise per pixel
    and a drift of half a kelvin of the whole frame.
    """
    scale = frame.celsius.shape[0] / 64
    image = _soften(frame.celsius, 0.7 * scale)
    image = image + np.float32(rng.normal(0, 0.5))
    return (image + 0.1 * _noise(rng, image.shape))[..., None]


def nir(frame: Frame, rng: Generator) -> NDArray:
    """Return float32 (H, W, 1), linear brightness, about 0..1."""
    light = _soften(frame.radiance[..., 3], 0.4)
    light = light * np.float32(0.3 / light.mean() * np.exp(rng.normal(0, 0.1)))
    noise = _noise(rng, light.shape)
    return (light + noise * np.sqrt(1e-4 + 4e-4 * light))[..., None]


SENSORS: dict[str, Callable[[Frame, Generator], NDArray]] = {
    sensor.__name__: sensor for sensor in (rgb, depth, thermal, nir)
}


def render_scene(
    index: int,
    modalities: Sequence[str],
    size: tuple[int, int] = (64, 96),
    seed: int = 0,
) -> tuple[dict[str, NDArray], NDArray]:
    """Render one scene as the sensors see it.

    Args:
        index: which scene; together with ``seed`` it decides every pixel.
        modalities: keys of ``SENSORS``. Each sensor has noise of its own:
            leaving one out changes nothing in the others.
        size: (H, W) in pixels.
        seed: of the whole collection.

    Returns:
        The images by name, (H, W, C) each, and the label (H, W) uint8.

    >>> scene, label = render_scene(0, ['rgb', 'depth'])
    >>> scene['rgb'].shape, scene['depth'].dtype, label.shape
    ((64, 96, 3), dtype('float32'), (64, 96))
    """
    frame = render(sample_scene(default_rng((seed, index))), size)
    streams = {
        name: default_rng((seed, index, number))
        for number, name in enumerate(SENSORS, 1)
    }
    images = {name: SENSORS[name](frame, streams[name]) for name in modalities}
    return images, frame.label


def _soften(image: NDArray, sigma_px: float) -> NDArray:
    return cv2.GaussianBlur(image, (0, 0), sigma_px)


def _noise(rng: Generator, shape: tuple[int, ...]) -> NDArray:
    return rng.standard_normal(shape, np.float32)
