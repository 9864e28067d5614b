"""The one network with real weights at hand: whether it names what is on photos."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image

from resight.features.networks.checkpoint import LoadedNetwork, open_network
from resight.features.networks.kinds import Checkpoint

pytestmark = pytest.mark.weights

SOURCE = "mobilenet_v2-imagenet"
BATCH = 24
# ImageNet's classes, counted from 0, that each class of photos belongs to.
CLASSES = {"dog": range(151, 269), "elephant": (101, 385, 386), "guitar": (402, 546), "horse": (339,)}


def labelled(photos: Path, each: int) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """Photos (n, 224, 224, 3), so many of each class, and which of the 1000 classes are right for each (n, 1000)."""
    labels = json.loads((photos / "domains" / "labels.json").read_text())
    images, right = [], []
    for wanted, classes in CLASSES.items():
        of_class = [name for name, label in labels.items() if (label["domain"], label["class"]) == ("photo", wanted)]
        for name in sorted(of_class)[:each]:
            image = Image.open(photos / "domains" / "images" / name).convert("RGB")
            images.append(np.asarray(image.resize((224, 224), Image.Resampling.BICUBIC)))
            right.append(np.isin(np.arange(1000), classes))
    return np.stack(images), np.stack(right)


def probabilities(loaded: LoadedNetwork, images: NDArray[np.uint8]) -> NDArray[np.float32]:
    with torch.inference_mode():
        batches = (images[start : start + BATCH] for start in range(0, len(images), BATCH))
        return np.concatenate([loaded.network(loaded.input(batch)).softmax(1).numpy() for batch in batches])


def of_right_class(found: NDArray[np.float32], right: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Probability of what is right for each photo (n,)."""
    sums: NDArray[np.float32] = np.where(right, found, 0).sum(1)
    return sums


@pytest.mark.photos
def test_it_names_what_is_on_photos_and_not_with_another_scaling(weights: Path, photos: Path) -> None:
    images, right = labelled(photos, 10)
    loaded = open_network("mobilenet_v2", Checkpoint(source=SOURCE))
    assert (loaded.mean, loaded.deviation, loaded.padding, loaded.classes) == ((0.5,) * 3, (0.5,) * 3, "same", 1000)
    found = probabilities(loaded, images)
    first = np.argsort(-found, 1)[:, :5]
    assert np.take_along_axis(right, first, 1).any(1).mean() >= 0.85
    unscaled = Checkpoint(source=SOURCE, mean=(0.0, 0.0, 0.0), deviation=(1.0, 1.0, 1.0))
    dark = probabilities(open_network("mobilenet_v2", unscaled), images)
    assert of_right_class(found, right).mean() > of_right_class(dark, right).mean() + 0.05


@pytest.mark.photos
@pytest.mark.slow
def test_it_is_surest_with_the_padding_that_it_was_trained_with(weights: Path, photos: Path) -> None:
    """All 240 photos: mean probability of the right class 0.660 against 0.638, three standard errors apart."""
    images, right = labelled(photos, 60)
    same, other = (
        of_right_class(probabilities(open_network("mobilenet_v2", checkpoint), images), right)
        for checkpoint in (Checkpoint(source=SOURCE), Checkpoint(source=SOURCE, padding="torch"))
    )
    difference = same - other
    assert difference.mean() > 2 * difference.std() / len(difference) ** 0.5


def test_a_published_file_is_known_by_its_bytes_when_a_path_names_it(weights: Path) -> None:
    named, by_path = (
        open_network("mobilenet_v2", Checkpoint(source=source))
        for source in (SOURCE, "mobilenet_v2-imagenet.safetensors")
    )
    assert (named.sha256, named.mean, named.padding) == (by_path.sha256, by_path.mean, by_path.padding)
    assert by_path.padding == "same"
