"""Heat maps of a recipe of one pooled feature map, with a small network of its own."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from safetensors.torch import save_file

from index_samples import MAPS, texture, write
from resight.features.networks.architectures import blank, randomise
from resight.index import Index
from server_samples import Serve


def with_patch(x: int, y: int) -> np.ndarray:
    """A flat photo with one textured square of 40 pixels."""
    pixels = np.full((150, 200, 3), 128, np.uint8)
    pixels[y : y + 40, x : x + 40] = texture(5, 40, 40)
    return pixels


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
