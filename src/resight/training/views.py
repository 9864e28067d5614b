"""The images of a step: photos as they are or as rendered views, at the size that the network sees."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace

import cv2
import numpy as np
from numpy.random import Generator

from resight.arrays import Int64, Pixels
from resight.training.drawing import Seen
from resight.training.kinds import PhotoSizes
from resight.training.photos import TrainingPhotos
from resight.training.rendering import MILD, STRONG, ViewStrength, second_view

BACKGROUNDS = 4
"""Photos of other things that a view may choose from."""
_PROBABILITIES = ("quarter_turns", "pasted", "occluded", "shaken", "glaring")


@dataclass(frozen=True)
class Batch:
    """Images of equal shape (B, H, W, 3), and their numbers among those that were asked for."""

    images: Pixels
    numbers: Int64


class Views:
    """A maker of the images of steps. Safe to share between threads.

    photos: decoded. backgrounds: rows of photos that views may be pasted on or hidden by. strength: of rendered views,
    1 as they are made by default. least: shortest side that the network takes. square: side of the only images that it
    takes, to which photos are warped; None where it takes any.
    """

    def __init__(
        self,
        photos: TrainingPhotos,
        form: PhotoSizes,
        backgrounds: Int64,
        strength: float = 1.0,
        least: int = 1,
        square: int | None = None,
    ) -> None:
        self._photos, self._form, self._backgrounds = photos, form, backgrounds
        self._least, self._square = least, square
        self._strengths = {"mild": _scaled(MILD, strength), "strong": _scaled(STRONG, strength)}

    def size(self, row: int) -> tuple[int, int]:
        """Returns (width, height) at which the network sees a photo."""
        if self._square is not None:
            return self._square, self._square
        width, height = self._photos.size(row)
        side, multiple = self._form.side, self._form.multiple
        short = round(side * min(width, height) / max(width, height) / multiple) * multiple
        short = min(side, max(short, multiple, self._least))
        return (side, short) if width >= height else (short, side)

    def image(self, seen: Seen) -> Pixels:
        """Returns one image (H, W, 3): the same for the same request."""
        pixels = self._photos[seen.photo]
        size = self.size(seen.photo)
        reduced = size[0] < pixels.shape[1]
        pixels = np.asarray(
            cv2.resize(pixels, size, interpolation=cv2.INTER_AREA if reduced else cv2.INTER_LINEAR), np.uint8
        )
        if seen.look == "plain":
            return pixels
        rng = np.random.default_rng(list(seen.seed))
        return second_view(pixels, self._others(seen.photo, rng), self._strengths[seen.look], rng)

    def full(self, seen: Seen) -> Pixels:
        """Returns a rendered view at the size at which photos are kept."""
        rng = np.random.default_rng(list(seen.seed))
        pixels = self._photos[seen.photo]
        return second_view(pixels, self._others(seen.photo, rng), self._strengths[seen.look], rng)

    def _others(self, photo: int, rng: Generator) -> list[Pixels]:
        rows = rng.choice(self._backgrounds, BACKGROUNDS).tolist() if len(self._backgrounds) else []
        return [self._photos[row] for row in rows if row != photo]

    def batches(self, images: Sequence[Pixels]) -> list[Batch]:
        """Returns images sorted by shape, those of equal shape together."""
        by_shape: defaultdict[tuple[int, ...], list[int]] = defaultdict(list)
        for number, one in enumerate(images):
            by_shape[one.shape].append(number)
        return [
            Batch(np.stack([images[number] for number in numbers]), np.array(numbers, np.int64))
            for _, numbers in sorted(by_shape.items())
        ]


def _scaled(strength: ViewStrength, factor: float) -> ViewStrength:
    """Returns a strength whose deviations, lengths and probabilities are multiplied, as far as they can be."""
    values = {field.name: float(getattr(strength, field.name)) for field in fields(strength)}
    scaled = {name: value * factor for name, value in values.items()}
    scaled |= {name: min(1.0, scaled[name]) for name in _PROBABILITIES}
    scaled["zoom"] = max(0.2, 1.0 - factor * (1.0 - values["zoom"]))
    scaled["occluder"] = min(0.8, scaled["occluder"])
    quality = int(np.clip(95 - factor * (95 - strength.quality), 10, 95))
    return replace(strength, **{name: value for name, value in scaled.items() if name != "quality"}, quality=quality)
