"""The way from the scene to the file: light, focus, noise, compression."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.random import Generator

from resight.arrays import Float32, Pixels


@dataclass(frozen=True)
class Exposure:
    """Conditions under which a photo is taken.

    gain, gamma: brightness and tone curve; cast: gain of red, green and blue; fall: (x, y) share of light that is lost
    towards one side; shadow: share of light that a hard shadow across the photo takes. blur: standard deviation of the
    defocus in pixels; shake: (x, y) length of the motion in pixels; noise: standard deviation in grey levels; quality:
    of the JPEG file.
    """

    gain: float = 1.0
    gamma: float = 1.0
    cast: tuple[float, float, float] = (1.0, 1.0, 1.0)
    fall: tuple[float, float] = (0.0, 0.0)
    shadow: float = 0.0
    blur: float = 0.0
    shake: tuple[float, float] = (0.0, 0.0)
    noise: float = 2.0
    quality: int = 92


def plain_exposure(rng: Generator) -> Exposure:
    """Draws the exposure of an ordinary photo: small changes of light, a little noise."""
    return Exposure(
        gain=float(rng.uniform(0.85, 1.15)),
        gamma=float(rng.uniform(0.9, 1.15)),
        cast=_cast(rng, 0.04),
        fall=(float(rng.normal(0, 0.08)), float(rng.normal(0, 0.08))),
        blur=float(rng.uniform(0.0, 0.6)),
        noise=float(rng.uniform(1.0, 4.0)),
        quality=int(rng.integers(82, 95)),
    )


def harsh_light(rng: Generator) -> Exposure:
    """Draws an exposure that is very dark or very bright, tinted, lit from one side, with a hard shadow."""
    dark = rng.random() < 0.6
    turn = rng.uniform(0, 2 * np.pi)
    return Exposure(
        gain=float(rng.uniform(0.4, 0.6) if dark else rng.uniform(1.3, 1.6)),
        gamma=float(rng.uniform(1.2, 1.6) if dark else rng.uniform(0.6, 0.8)),
        cast=_cast(rng, 0.2),
        fall=(float(0.45 * np.cos(turn)), float(0.45 * np.sin(turn))),
        shadow=float(rng.uniform(0.4, 0.55)),
        noise=float(rng.uniform(3.0, 5.0)),
        quality=85,
    )


def bad_focus(rng: Generator) -> Exposure:
    """Draws an exposure that is out of focus or shaken, noisy, and strongly compressed."""
    turn, shaken = rng.uniform(0, np.pi), rng.random() < 0.5
    length = rng.uniform(5, 8) if shaken else 0.0
    return Exposure(
        blur=float(rng.uniform(0.6, 1.0) if shaken else rng.uniform(1.6, 2.2)),
        shake=(float(length * np.cos(turn)), float(length * np.sin(turn))),
        noise=float(rng.uniform(8, 13)),
        quality=int(rng.integers(30, 50)),
    )


def _cast(rng: Generator, strength: float) -> tuple[float, float, float]:
    red, green, blue = np.exp(rng.normal(0, strength, 3))
    return float(red), float(green), float(blue)


def expose(rng: Generator, scene: Pixels, exposure: Exposure) -> Pixels:
    """Returns the (H, W, 3) scene as recorded, before compression; `rng` draws the noise and the shadow's edge."""
    height, width = scene.shape[:2]
    image = scene
    if exposure.blur > 0.3:
        image = np.asarray(cv2.GaussianBlur(image, (0, 0), exposure.blur), np.uint8)
    if any(exposure.shake):
        image = np.asarray(cv2.filter2D(image, -1, _motion(exposure.shake)), np.uint8)
    # Light changes slowly: a quarter of the resolution is enough, and makes the shadow's edge realistically soft.
    across = np.linspace(-1, 1, max(1, width // 4), dtype=np.float32)[None, :]
    downward = np.linspace(-1, 1, max(1, height // 4), dtype=np.float32)[:, None]
    light = 1 - 0.1 * (across**2 + downward**2) + exposure.fall[0] * across + exposure.fall[1] * downward
    if exposure.shadow:
        turn = rng.uniform(0, 2 * np.pi)
        edge = np.clip((np.cos(turn) * across + np.sin(turn) * downward + rng.uniform(-0.3, 0.3)) * 25, 0, 1)
        light = light * (1 - exposure.shadow * edge)
    levels = np.linspace(0, 1, 256) ** exposure.gamma * 255
    curve = np.clip(levels[:, None] * exposure.gain * np.array(exposure.cast), 0, 255).astype(np.uint8)
    light = np.maximum(light, np.float32(0.05)).astype(np.float32)
    light = np.asarray(cv2.resize(light, (width, height), interpolation=cv2.INTER_LINEAR), np.float32)
    lit = cv2.multiply(image, cv2.merge([light] * 3), dtype=cv2.CV_8U)
    toned = cv2.LUT(lit, curve[None])
    grain = rng.standard_normal((height, width), dtype=np.float32) * np.float32(exposure.noise)
    return np.asarray(cv2.add(toned, cv2.merge([grain] * 3), dtype=cv2.CV_8U), np.uint8)


def _motion(shake: tuple[float, float]) -> Float32:
    """Returns a line through the middle of the kernel, each point spread over the four pixels around it."""
    radius = int(np.ceil(np.hypot(*shake) / 2)) + 1
    kernel = np.zeros((2 * radius + 1, 2 * radius + 1), np.float32)
    for x, y in radius + np.outer(np.linspace(-0.5, 0.5, 65), shake):
        column, row = int(x), int(y)
        right, below = x - column, y - row
        kernel[row : row + 2, column : column + 2] += np.outer((1 - below, below), (1 - right, right))
    return np.asarray(kernel / kernel.sum(), np.float32)


def developed(image: Pixels, quality: int) -> bytes:
    """Returns the RGB image as a JPEG file."""
    done, data = cv2.imencode(".jpg", cv2.cvtColor(image, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, quality])
    if not done:
        raise RuntimeError("OpenCV could not encode a JPEG")
    return data.tobytes()


def seen_again(data: bytes) -> Pixels:
    """Returns the RGB pixels of a JPEG file."""
    image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    if image is None:
        raise RuntimeError("OpenCV could not decode its own JPEG")
    return np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2RGB), np.uint8)
