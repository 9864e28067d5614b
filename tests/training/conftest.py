"""A small world with tuples from its ground truth, and a training of a few layers with random weights."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from resight.images import content_hash
from resight.training.tuples import Anchor, Photo, Positive, Tuples

INDEX_RECIPE = """
name = "tiny"

[features]
kind = "joined"

[[features.parts]]
network = "efficientnet_lite0"
layer = "blocks.2.expand"
max_side = 96
checkpoint = { source = "random" }

[[features.parts]]
network = "efficientnet_lite0"
layer = "blocks.3.expand"
max_side = 96
checkpoint = { source = "random" }

[descriptor]
kind = "joined"
fit = "collection"

[[descriptor.parts]]
kind = "rmac"
whitening = "pca"
dimensions = 12

[[descriptor.parts]]
kind = "gem"
whitening = "pca"
dimensions = 10
"""

WORDS_RECIPE = """
name = "words"

[features]
kind = "maps"
network = "efficientnet_lite0"
layer = "blocks.3.expand"
max_side = 96
checkpoint = { source = "random" }

[descriptor]
kind = "netvlad"
words = "checkpoint"
size = 4
dimensions = 6
"""

TRAINING_RECIPE = """
name = "little"
descriptor = "tiny.toml"
whitening = "frozen"

[photos]
decoded = 96
side = 64

[drawing]
anchors = 4

[frozen]
until = "blocks.1"

[lasting]
epochs = 2
steps = 3

[validation]
share = 0.3
database = 10

[product]
photos = 8
"""


@pytest.fixture(scope="session")
def tuples_folder(world_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Tuples whose clusters are the things of the world, as its ground truth has them."""
    files = sorted((world_folder / "images").glob("*.jpg"))
    truth = json.loads((world_folder / "groundtruth.json").read_text())
    group = {file.name: file.name.rsplit("_", 1)[0] for file in files}
    clusters = sorted(set(group.values()))
    assert truth["queries"]
    photos = {
        file.name: Photo(str(file), content_hash(file.read_bytes()), clusters.index(group[file.name])) for file in files
    }
    anchors = []
    for name in sorted(photos):
        mates = [other for other in sorted(photos) if other != name and group[other] == group[name]]
        anchors.append(Anchor(name, tuple(Positive(other, 50.0) for other in mates)))
    tuples = Tuples("verified", "inliers of a homography", photos, anchors, sorted(photos))
    folder = tmp_path_factory.mktemp("tuples")
    tuples.write(folder)
    return folder


@pytest.fixture(scope="session")
def recipe_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `tiny.toml`, an index recipe, and `little.toml`, a training recipe of it."""
    folder = tmp_path_factory.mktemp("recipes")
    (folder / "tiny.toml").write_text(INDEX_RECIPE)
    (folder / "words.toml").write_text(WORDS_RECIPE)
    (folder / "little.toml").write_text(TRAINING_RECIPE)
    return folder
