"""Saliency by a model from an ONNX file: a tiny one, written here, whose map is known."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
from pydantic import ValidationError

from resight.errors import WeightsError
from resight.features.graphs.model import GraphWriter
from resight.features.kinds import Maps
from resight.features.maps import MapExtractor
from resight.features.networks.kinds import Checkpoint
from resight.features.saliency.learned import LearnedSaliency
from resight.images import Decoded

PLAIN = {"mean": "[0, 0, 0]", "deviation": "[1, 1, 1]"}


def written(
    path: Path,
    metadata: Mapping[str, str] = PLAIN,
    sides: tuple[int | str, int | str] = ("h", "w"),
    channels: int = 1,
    pool: int = 1,
) -> Checkpoint:
    """Writes a model whose map is the red of a photo, or its mean over squares of `pool` pixels."""
    graph = GraphWriter("saliency")
    image = graph.input("image", (1, 3, *sides))
    weight = np.zeros((channels, 3, pool, pool), np.float32)
    weight[:, 0] = 1.0 / pool**2
    graph.node("Conv", [image, graph.constant("red", weight)], "map", strides=(pool, pool))
    graph.output("map", (1, channels, "a", "b"))
    path.write_bytes(graph.to_bytes(metadata))
    return Checkpoint(source=str(path))


def photo(height: int = 64, width: int = 96) -> np.ndarray:
    """A photo that is red on the right, and green elsewhere."""
    pixels = np.zeros((height, width, 3), np.uint8)
    pixels[:, : width // 2, 1] = 200
    pixels[:, width // 2 :, 0] = 200
    return pixels


def test_the_map_is_that_of_the_model(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (8, 12, 3), np.uint8)
    model = written(tmp_path / "model.onnx", {"mean": "[0.5, 0, 0]", "deviation": "[0.25, 1, 1]"}, pool=2)
    found = LearnedSaliency(model, Path())(pixels)
    naive = pixels[..., 0].reshape(4, 2, 6, 2).mean(axis=(1, 3))
    np.testing.assert_allclose(found, (naive / 255 - 0.5) / 0.25, atol=1e-5)


def test_mean_and_deviation_of_the_recipe_go_before_those_of_the_file(tmp_path: Path) -> None:
    model = written(tmp_path / "model.onnx").model_copy(update={"mean": (1.0, 0.0, 0.0), "deviation": (0.5, 1.0, 1.0)})
    np.testing.assert_allclose(LearnedSaliency(model, Path())(photo())[0, [0, -1]], [-2.0, (200 / 255 - 1) / 0.5])


@pytest.mark.parametrize(
    ("sides", "metadata", "asked", "expected"),
    [
        (("h", "w"), {}, None, (64, 96)),
        (("h", "w"), {"size": "[30, 20]"}, None, (20, 30)),
        (("h", "w"), {"size": "[30, 20]"}, (16, 12), (12, 16)),
        ((10, 14), {"size": "[30, 20]"}, None, (10, 14)),
        ((10, 14), {}, (14, 10), (10, 14)),
    ],
)
def test_photos_are_warped_to_the_size_that_is_asked_for(
    tmp_path: Path,
    sides: tuple[int | str, int | str],
    metadata: Mapping[str, str],
    asked: tuple[int, int] | None,
    expected: tuple[int, int],
) -> None:
    model = written(tmp_path / "model.onnx", {**PLAIN, **metadata}, sides)
    assert LearnedSaliency(model, Path(), asked)(photo()).shape == expected


def test_positions_count_by_the_map_of_the_model(tmp_path: Path) -> None:
    written(tmp_path / "model.onnx")
    extractor = MapExtractor(
        Maps(
            network="mobilenet_v2",
            layer="features.3",
            checkpoint=Checkpoint(source="random"),
            saliency="onnx",
            saliency_model=Checkpoint(source="model.onnx"),
        ),
        tmp_path,
    )
    decoded = Decoded(photo(), (96, 64))
    ((mask,),) = [one.masks for one in extractor.extract([extractor.prepare(decoded)])]
    assert mask is not None
    half = mask.shape[1] // 2
    np.testing.assert_array_equal(mask[:, :half], 0.0)
    np.testing.assert_array_equal(mask[:, half:], 1.0)
    # A query counts as a whole.
    assert extractor.extract([extractor.prepare_query(decoded, None)])[0].masks == (None,)


@pytest.mark.parametrize(
    ("metadata", "sides", "channels", "size", "told"),
    [
        ({"mean": "[0, 0, 0]"}, ("h", "w"), 1, None, r"says deviation .* give the checkpoint deviation = \[R, G, B\]"),
        (
            {**PLAIN, "size": "[30]"},
            ("h", "w"),
            1,
            None,
            r"size is \[30\], and not \[width, height\].*set saliency_size",
        ),
        ({**PLAIN, "size": "[0, 4]"}, ("h", "w"), 1, None, r"size is \[0, 4\]"),
        ({**PLAIN, "layer": "other"}, ("h", "w"), 1, None, r'outputs map, and its metadata names the output "other"'),
        (PLAIN, (10, 14), 1, (20, 20), "takes images of 14 x 10 alone: leave saliency_size out"),
        (PLAIN, ("h", "w"), 2, None, r"its output map is \[1, 2, 64, 96\]: a model of saliency gives one map"),
    ],
)
def test_a_model_that_cannot_be_used_says_what_to_do(
    tmp_path: Path,
    metadata: Mapping[str, str],
    sides: tuple[int | str, int | str],
    channels: int,
    size: tuple[int, int] | None,
    told: str,
) -> None:
    model = written(tmp_path / "model.onnx", metadata, sides, channels)
    with pytest.raises(WeightsError, match=told):
        LearnedSaliency(model, Path(), size)(photo())


def test_a_file_that_is_no_model_or_another_is_named(tmp_path: Path) -> None:
    (tmp_path / "bad.onnx").write_bytes(b"no model")
    with pytest.raises(WeightsError, match=r"bad\.onnx: ONNX Runtime cannot read it"):
        LearnedSaliency(Checkpoint(source="bad.onnx"), tmp_path)
    with pytest.raises(WeightsError, match=r"none\.onnx: no such weights.*name another file"):
        LearnedSaliency(Checkpoint(source="none.onnx"), tmp_path)
    other = written(tmp_path / "model.onnx").model_copy(update={"sha256": "0" * 64})
    with pytest.raises(WeightsError, match="another file, or a damaged one"):
        LearnedSaliency(other, Path())


@pytest.mark.parametrize(
    ("keys", "told"),
    [
        ({"saliency": "onnx"}, "go together"),
        ({"saliency": "l2", "saliency_model": {"source": "a.onnx"}}, "go together"),
        ({"saliency": "onnx", "saliency_model": {"source": "a.pth"}}, "name an ONNX file"),
        ({"saliency_size": (10, 10)}, "saliency_size is of saliency_model"),
    ],
)
def test_keys_that_do_not_belong_together_are_refused(keys: Mapping[str, object], told: str) -> None:
    network = {"network": "mobilenet_v2", "layer": "features.3", "checkpoint": {"source": "random"}}
    with pytest.raises(ValidationError, match=told):
        Maps.model_validate({**network, **keys})


def test_an_index_keeps_which_model_weighed_its_photos(tmp_path: Path) -> None:
    from resight.channels.fits import weights, with_weights
    from resight.recipe.reading import parse_recipe

    written(tmp_path / "model.onnx")
    recipe = parse_recipe(
        """
        name = "weighed"
        [features]
        kind = "maps"
        network = "mobilenet_v2"
        layer = "features.3"
        checkpoint = { source = "random" }
        saliency = "onnx"
        saliency_model = { source = "model.onnx" }
        [descriptor]
        kind = "spoc"
        """,
        "weighed.toml",
    )
    files = {}
    for name, data in weights(recipe, tmp_path).items():
        files[name] = tmp_path / name
        files[name].parent.mkdir(exist_ok=True)
        files[name].write_bytes(data)
    kept = with_weights(recipe, files).channel["main"].features.saliency_model
    assert kept.source == str(tmp_path / "model.onnx")
    assert len(kept.sha256) == 64
    # From anywhere, and only the same file.
    LearnedSaliency(kept, Path("/"))
    written(tmp_path / "model.onnx", {**PLAIN, "more": "1"})
    with pytest.raises(WeightsError, match="SHA-256"):
        LearnedSaliency(kept, Path("/"))
