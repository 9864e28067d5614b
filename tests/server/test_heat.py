"""Heat maps of a recipe of one pooled feature map, with a small network of its own."""

from __future__ import annotations

import io
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from safetensors.torch import save_file

from index_samples import MAPS, texture, write
from resight.features.networks.architectures import blank, randomise
from resight.index import Index
from server_samples import Serve

LITE = """
name = "lite"

[channel.words.features]
kind = "sift"
max_features = 50

[channel.words.words]
kind = "asmk"
size = 16384
fit = "builtin"

[channel.cnn.features]
kind = "joined"

[[channel.cnn.features.parts]]
network = "efficientnet_lite0"
layer = "blocks.11.expand"
checkpoint = { source = "efficientnet_lite0-resight" }

[[channel.cnn.features.parts]]
network = "efficientnet_lite0"
layer = "blocks.12.expand"
checkpoint = { source = "efficientnet_lite0-resight" }

[channel.cnn.descriptor]
kind = "joined"
weights = [1.0, 0.5]

[[channel.cnn.descriptor.parts]]
kind = "rmac"
whitening = "none"

[[channel.cnn.descriptor.parts]]
kind = "rmac"
whitening = "none"

[[rerank]]
kind = "fusion"
"""


def with_patch(x: int, y: int) -> np.ndarray:
    """A flat photo with one textured square of 40 pixels."""
    pixels = np.full((150, 200, 3), 128, np.uint8)
    pixels[y : y + 40, x : x + 40] = texture(5, 40, 40)
    return pixels


PROGRAM = """
import sys
sys.modules["torch"] = None
from resight.folders.names import Name
from resight.index import Explainer, Index, Query
index = Index.create(sys.argv[1] + "/x.resight", sys.argv[1] + "/small.toml")
index.add(sys.argv[1] + "/photos")
for one in Explainer(index.collection, Query(Name("left.png"))).heat("right.png"):
    print(*one.values.ravel())
vectors = index.collection.views["cnn"]
one, two = vectors.descriptors(index.collection.snapshot.images.ids[:2])
print(float(one @ two))
"""


@pytest.mark.slow
def test_two_layers_of_a_network_that_runs_without_torch_explain_without_it(tmp_path: Path) -> None:
    write(tmp_path / "photos", {"left.png": with_patch(16, 24), "right.png": with_patch(136, 88)})
    (tmp_path / "small.toml").write_text(LITE)
    done = subprocess.run([sys.executable, "-c", PROGRAM, str(tmp_path)], capture_output=True, text=True, check=True)
    *heat, similarity = np.array(done.stdout.split(), np.float64)
    assert np.sum(heat) == pytest.approx(similarity, abs=0.01), "shares of both layers sum to the similarity"
    assert np.max(heat) > 2 * np.mean(heat)


@pytest.mark.slow
def test_the_heat_is_where_both_photos_are_alike(tmp_path: Path, serve: Serve) -> None:
    network = blank("mobilenet_v2")
    randomise(network, 1)
    save_file({name: value.contiguous() for name, value in network.state_dict().items()}, tmp_path / "net.safetensors")
    (tmp_path / "small.toml").write_text(MAPS)
    index = Index.create(tmp_path / "x.resight", tmp_path / "small.toml")
    index.add(write(tmp_path / "photos", {"left.png": with_patch(16, 24), "right.png": with_patch(136, 88)}))
    client = serve(tmp_path / "x.resight")
    found = client.post("/v1/indexes/x/searches", json={"queries": [{"name": "left.png"}]}).json()
    path = f"/v1/searches/{found['search']}"
    assert client.get(f"{path}/evidence?name=right.png").json()["heat"]
    picture = np.asarray(Image.open(io.BytesIO(client.get(f"{path}/heat?name=right.png").content)), np.int64)
    assert picture.shape == (150, 200, 3)
    # Colour, that is the difference of red and blue, is where the patch is.
    colour = picture[..., 0] - picture[..., 2]
    y, x = np.unravel_index(colour.argmax(), colour.shape)
    assert 126 <= x <= 186
    assert 78 <= y <= 138
