"""The whitening that a descriptor comes with: what ships, or a file that was fitted on other photos."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from resight.channels.shipped import builtin_artefact
from resight.learned.whitening import from_arrays
from resight.recipe import load_recipe
from resight.training.model import parts_of
from resight.training.product import FITTED_HERE, channel_of, write_whitening
from resight.training.starting import own_whitenings


def test_the_default_comes_with_what_ships_for_its_own_weights(tmp_path: Path) -> None:
    channel = channel_of("rmac-lite0")[1]
    parts = parts_of(channel, "rmac-lite0")
    shipped = builtin_artefact(channel.features, channel.method).arrays
    for weights in ("", "efficientnet_lite0-resight"):
        found = own_whitenings(channel, parts, tmp_path, weights)
        assert found is not None
        for number, one in enumerate(found):
            assert np.array_equal(one.projection, from_arrays(shipped, f"{number}.").projection)
    assert own_whitenings(channel, parts, tmp_path, "efficientnet_lite0-imagenet") is None


def test_what_is_fitted_on_the_indexed_photos_is_no_start(recipe_folder: Path) -> None:
    channel = load_recipe(recipe_folder / "tiny.toml").channel["main"]
    assert own_whitenings(channel, parts_of(channel, "tiny"), recipe_folder, "") is None


def test_a_former_training_s_own_photos_are_no_other_photos(tmp_path: Path) -> None:
    channel = channel_of("rmac-lite0")[1]
    parts = parts_of(channel, "rmac-lite0")
    given = own_whitenings(channel, parts, tmp_path, "")
    assert given is not None
    method = channel.method.model_copy(update={"fit": "whitening.npz"})
    product = channel.model_copy(update={"descriptor": method})
    assert product.source is not None
    assert product.source.kind == "file"
    for fitted_on, there in (("what rmac-lite0 comes with", True), (FITTED_HERE, False)):
        write_whitening(tmp_path, channel, given, {"fitted_on": fitted_on})
        found = own_whitenings(product, parts, tmp_path, "")
        assert (found is not None) == there
        if found is not None:
            assert np.allclose(found[0].projection, given[0].projection)
