"""Makes near-copies of photos, whose truth is known: each photo with what people and programs do to it.

    python benchmarks/near_copies.py PHOTOS FOLDER [--count 100] [--seed 1]

FOLDER gets, of each of `count` photos that a seed draws, the bytes as they are (STEM_original) and again
(STEM_copy), and one file a change of `CHANGES`. What stands before the last underscore of a name is its picture.
"""

from __future__ import annotations

import argparse
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageEnhance, ImageOps

from resight.folders.walking import find_images

Change = Callable[[Image.Image], Image.Image]


def _cropped(photo: Image.Image) -> Image.Image:
    """Less 10 % of its width and of its height, two thirds of it at the left and at the top."""
    width, height = photo.size
    return photo.crop((width // 15, height // 15, width - width // 30, height - height // 30))


def _captioned(photo: Image.Image) -> Image.Image:
    """With a strip below, an eighth as high as the photo, and words in it."""
    width, height = photo.size
    page = Image.new("RGB", (width, height + height // 8), "white")
    page.paste(photo)
    ImageDraw.Draw(page).text((width // 20, height + height // 40), "Plate 12. Collection of the museum", fill="black")
    return page


CHANGES: dict[str, tuple[Change, int]] = {
    "half": (lambda photo: photo.resize((photo.width // 2, photo.height // 2), Image.Resampling.LANCZOS), 90),
    "quality30": (lambda photo: photo, 30),
    "crop": (_cropped, 90),
    "bright": (lambda photo: ImageEnhance.Brightness(photo).enhance(1.3), 90),
    "border": (lambda photo: ImageOps.expand(photo, max(photo.size) // 16, "white"), 90),
    "caption": (_captioned, 90),
    "turn90": (lambda photo: photo.transpose(Image.Transpose.ROTATE_90), 90),
}
"""By name, what becomes of the pixels, and the JPEG quality that they are written with."""


def make(photos: Path, folder: Path, count: int, seed: int) -> list[str]:
    """Writes the files and returns their names, ascending."""
    found = [image.path for image in find_images(photos)]
    drawn = np.sort(np.random.default_rng(seed).permutation(len(found))[:count])
    folder.mkdir(parents=True, exist_ok=True)
    for path in (found[i] for i in drawn):
        for name in ("original", "copy"):
            shutil.copyfile(path, folder / f"{path.stem}_{name}{path.suffix}")
        with Image.open(path) as opened:
            photo = ImageOps.exif_transpose(opened).convert("RGB")
        for name, (change, quality) in CHANGES.items():
            change(photo).save(folder / f"{path.stem}_{name}.jpg", quality=quality)
    return sorted(path.name for path in folder.iterdir())


def picture_of(name: str) -> str:
    """The picture that a name of `make` belongs to."""
    return name.rpartition("_")[0]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photos", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--count", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    print(len(make(given.photos, given.folder, given.count, given.seed)), "files")
