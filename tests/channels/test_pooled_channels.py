"""What channels of feature maps promise, and that an index keeps to its weights."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from index_samples import collection, texture, write
from resight.channels.channel import Channel, SegmentRows
from resight.channels.opening import open_channel
from resight.channels.vectors import VectorLayout
from resight.descriptors.kinds import Gem, RegionCodes, Regions, Rmac, SuperGlobalPooling
from resight.errors import FitError, WeightsError
from resight.features.image_maps import ImageMaps
from resight.features.networks.architectures import blank, randomise
from resight.index.index import Index
from resight.learned.whitening import fit_pca_whitening, to_arrays
from resight.search.selection import by_id

SIZE = (120, 90)
CHANNELS = 6


class Extracted:
    """Stands for an extractor of maps that were extracted already."""

    max_side, together, dimensions = 1024, 4, CHANNELS

    def extract(self, prepared: Sequence[ImageMaps]) -> Sequence[ImageMaps]:
        return prepared


def photo(seed: int) -> ImageMaps:
    generator = torch.Generator().manual_seed(seed)
    return ImageMaps((torch.rand(CHANNELS, 6, 8, generator=generator) ** 4,), (None,), SIZE, (SIZE,))


PHOTOS = [photo(seed) for seed in range(6)]
FITTED = to_arrays(fit_pca_whitening(np.random.default_rng(0).random((50, CHANNELS)).astype(np.float32), 4))


@pytest.fixture(
    params=[
        Gem(),
        Gem(whitening="pca", dimensions=3),
        Rmac(whitening="pca", dimensions=4),
        SuperGlobalPooling(whitening="pca", dimensions=4),
        Regions(levels=2),
    ],
    ids=lambda method: f"{method.kind}-{method.whitening}",
)
def channel(request: pytest.FixtureRequest) -> Channel:
    method = request.param
    fitted: dict[str, Any] = FITTED if method.whitening == "pca" else {}
    return open_channel(method, Extracted(), fitted)  # type: ignore[arg-type]


def rows(arrays: dict[str, Any], first: int, alive: list[bool]) -> SegmentRows:
    return SegmentRows(arrays, np.arange(first, first + len(alive)), np.array(alive))


def assert_same(one: dict[str, Any], other: dict[str, Any]) -> None:
    assert one.keys() == other.keys()
    for name in one:
        assert one[name].dtype == other[name].dtype, name
        np.testing.assert_array_equal(one[name], other[name], err_msg=name)


def test_merging_gives_what_packing_the_live_images_gives(channel: Any) -> None:
    kept = [channel.encode(one, SIZE) for one in PHOTOS]
    first, second = channel.pack(kept[:3]), channel.pack(kept[3:])
    part = channel.merge([rows(first, 1, [False, True, True]), rows(second, 4, [True, False, False])])
    assert_same(part, channel.pack(kept[1:4]))


def test_what_is_kept_finds_its_image_first_unless_it_was_removed(channel: Any) -> None:
    arrays = channel.pack([channel.nothing(), *(channel.encode(one, SIZE) for one in PHOTOS)])
    whole = channel.live([rows(arrays, 0, [True] * 7)]).exact(by_id)
    part = channel.live([rows(arrays, 0, [True] * 6 + [False])]).exact(by_id)
    for row, one in enumerate(PHOTOS, start=1):
        for query in (channel.query(one, SIZE), channel.as_query(channel.evidence(arrays, row))):
            assert whole.search(query, 1).ids.tolist() == [row]
    assert 6 not in part.search(channel.query(PHOTOS[5], SIZE), 7).ids.tolist()


def test_vectors_are_of_the_size_that_is_told_and_of_norm_one(channel: Any) -> None:
    arrays = channel.pack([channel.encode(one, SIZE) for one in PHOTOS])
    assert arrays["vectors"].shape[1] == channel.size
    np.testing.assert_allclose(np.linalg.norm(arrays["vectors"].astype(np.float32), axis=1), 1.0, atol=2e-3)
    regions = 1 if isinstance(channel.layout, VectorLayout) else len(channel.encode(PHOTOS[0], SIZE))
    assert channel.features_of(arrays).tolist() == [regions] * 6
    assert channel.words_of(arrays).tolist() == [0] * 6


def test_regions_that_are_run_by_themselves_are_matched_by_distance() -> None:
    channel = open_channel(RegionCodes(), Extracted(), {})  # type: ignore[arg-type]
    axes = np.eye(CHANNELS, dtype=np.float32)
    query, one, other = axes[:2], np.array([axes[2] * 0.8 + axes[0] * 0.6, axes[2] * 0.8 + axes[1] * 0.6]), axes[1:3]
    search = channel.live([rows(channel.pack([one, other]), 1, [True, True])]).exact(by_id)
    found = search.search(query, 2)
    # Both regions of the query are at sqrt(2 - 2 * 0.6) from the first image; one is at 0 from the second.
    assert found.ids.tolist() == [2, 1]
    np.testing.assert_allclose(found.scores, [1 - (2**0.5 / 2) ** 2 / 2, 0.6], atol=1e-3)


def test_nothing_is_found_by_a_query_without_regions() -> None:
    channel = open_channel(Regions(), Extracted(), {})  # type: ignore[arg-type]
    search = channel.live([rows(channel.pack([channel.encode(PHOTOS[0], SIZE)]), 1, [True])]).exact(by_id)
    assert len(search.search(channel.nothing(), 5)) == 0


RECIPE = """
name = "small"
[features]
kind = "maps"
network = "mobilenet_v2"
layer = "features.4"
max_side = 96
runtime = "torch"
[features.checkpoint]
source = "net.safetensors"
[descriptor]
kind = "gem"
"""


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    """A recipe beside its weights."""
    folder = tmp_path / "method"
    folder.mkdir()
    save_weights(folder / "net.safetensors", seed=1)
    (folder / "small.toml").write_text(RECIPE)
    return folder / "small.toml"


def save_weights(path: Path, seed: int) -> None:
    network = blank("mobilenet_v2")
    randomise(network, seed)
    save_file({name: value.contiguous() for name, value in network.state_dict().items()}, path)


def test_photos_are_found_by_a_network_of_ones_own(recipe: Path, tmp_path: Path) -> None:
    photos = write(tmp_path / "photos", collection(3))
    (photos / "broken.png").write_bytes(b"x")
    index = Index.create(tmp_path / "x.resight", recipe)
    report = index.add(photos)
    assert [name for name, _ in report.unreadable] == ["broken.png"]
    for name, pixels in collection(3).items():
        assert Index.open(index.path).search(pixels, k=1).hits[0].name == name
    part = index.search(texture(1), box=(10, 10, 120, 100), k=2)
    assert len(part.hits) == 2


def test_an_index_finds_its_weights_again_and_takes_no_others(recipe: Path, tmp_path: Path) -> None:
    index = Index.create(tmp_path / "x.resight", recipe)
    index.add(write(tmp_path / "photos", collection(1)))
    weights = recipe.with_name("net.safetensors")
    save_weights(weights, seed=2)
    with pytest.raises(WeightsError, match="its SHA-256 is"):
        Index.open(index.path).search(texture(1))
    weights.unlink()
    with pytest.raises(WeightsError, match="no such weights"):
        Index.open(index.path).search(texture(1))
    with pytest.raises(WeightsError, match="no such weights"):
        Index.create(tmp_path / "y.resight", recipe)


def test_a_whitening_of_another_dimension_is_refused(recipe: Path, tmp_path: Path) -> None:
    recipe.write_text(RECIPE + 'whitening = "pca"\nfit = "other.npz"\n')
    from resight.learned.artefact import save

    save(recipe.with_name("other.npz"), FITTED, {})
    with pytest.raises(FitError, match="fitted on other features, not on 32 dimensions"):
        Index.create(tmp_path / "x.resight", recipe)


def test_a_whitening_is_fitted_on_the_collection(recipe: Path, tmp_path: Path) -> None:
    recipe.write_text(RECIPE + 'whitening = "pca"\nfit = "collection"\ndimensions = 4\n')
    index = Index.create(tmp_path / "x.resight", recipe)
    index.add(write(tmp_path / "photos", collection(4)))
    assert index.search(texture(1), k=1).hits[0].score == pytest.approx(1.0, abs=1e-4)
