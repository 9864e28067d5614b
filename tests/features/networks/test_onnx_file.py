"""Networks from ONNX files, which the tests write themselves."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from resight.errors import RecipeError, WeightsError
from resight.features.graphs.model import GraphWriter
from resight.features.kinds import Maps
from resight.features.maps import MapExtractor
from resight.features.networks.kinds import Checkpoint
from resight.features.networks.locating import pin
from resight.images import Decoded

WHITE = {"mean": "[0, 0, 0]", "deviation": "[1, 1, 1]"}
RNG = np.random.default_rng(0)


def write(path: Path, metadata: Mapping[str, str] = WHITE, side: int | str = "side", factor: float = 1.0) -> Path:
    """A network that averages 4 x 4 pixels, times a factor, and then over the photo."""
    graph = GraphWriter("means")
    x = graph.input("photos", ("batch", 3, *((side, side) if isinstance(side, int) else ("height", "width"))))
    weight = np.zeros((3, 3, 4, 4))
    weight[range(3), range(3)] = factor / 16
    graph.node("Conv", [x, graph.constant("weight", weight)], "blocks", kernel_shape=[4, 4], strides=[4, 4])
    graph.node("ReduceMean", ["blocks"], "whole", axes=[2, 3], keepdims=0)
    graph.output("blocks", ("batch", 3, "h", "w"))
    graph.output("whole", ("batch", 3))
    path.write_bytes(graph.to_bytes(metadata))
    return path


def params(path: Path, layer: str = "blocks", **others: Any) -> Maps:
    checkpoint = {"source": path.name, **others.pop("checkpoint", {})}
    return Maps.model_validate({"network": "onnx", "layer": layer, "checkpoint": checkpoint, **others})


def photo(width: int, height: int) -> Decoded:
    return Decoded(RNG.integers(0, 256, (height, width, 3), np.uint8), (width, height))


def maps_of(extractor: MapExtractor, decoded: Decoded) -> list[Any]:
    (found,) = extractor.extract([extractor.prepare(decoded)])
    return list(found.maps)


def test_maps_are_those_of_the_file_found_beside_the_recipe(tmp_path: Path) -> None:
    write(tmp_path / "model.onnx")
    extractor = MapExtractor(params(tmp_path / "model.onnx", scales=(1.0, 0.5)), tmp_path)
    assert extractor.dimensions == 3
    decoded = photo(48, 40)
    whole, half = maps_of(extractor, decoded)
    blocks = decoded.pixels.reshape(10, 4, 12, 4, 3).mean(axis=(1, 3)).transpose(2, 0, 1) / 255.0
    np.testing.assert_allclose(whole, blocks, atol=1e-5)
    assert half.shape == (3, 5, 6)
    assert extractor.runtime_name in ("onnxruntime", "openvino")


def test_a_vector_is_a_map_of_one_position(tmp_path: Path) -> None:
    write(tmp_path / "model.onnx")
    decoded = photo(48, 40)
    (whole,) = maps_of(MapExtractor(params(tmp_path / "model.onnx", "whole"), tmp_path), decoded)
    np.testing.assert_allclose(whole, decoded.pixels.mean(axis=(0, 1))[:, None, None] / 255.0, atol=1e-5)


def test_the_recipe_is_heard_before_the_metadata(tmp_path: Path) -> None:
    path = write(tmp_path / "model.onnx", {"mean": "[0.5, 0.5, 0.5]", "deviation": "[0.5, 0.5, 0.5]", "layer": "whole"})
    decoded = photo(48, 40)
    mean = decoded.pixels.mean(axis=(0, 1))[:, None, None] / 255.0
    (found,) = maps_of(MapExtractor(params(path, ""), tmp_path), decoded)
    np.testing.assert_allclose(found, (mean - 0.5) / 0.5, atol=1e-5)
    own = {"mean": [0.25] * 3, "deviation": [1.0] * 3}
    (found,) = maps_of(MapExtractor(params(path, "", checkpoint=own), tmp_path), decoded)
    np.testing.assert_allclose(found, mean - 0.25, atol=1e-5)


@pytest.mark.parametrize("metadata", [{}, {"mean": "[0, 0, 0]"}])
def test_what_neither_file_nor_recipe_says_is_named(tmp_path: Path, metadata: Mapping[str, str]) -> None:
    path = write(tmp_path / "model.onnx", metadata)
    absent = "deviation" if metadata else "mean and deviation"
    with pytest.raises(WeightsError, match=f"neither its metadata nor the recipe says {absent} of the pixels"):
        MapExtractor(params(path), tmp_path)


def test_outputs_that_nobody_asks_for_may_have_any_form(tmp_path: Path) -> None:
    graph = GraphWriter("means")
    x = graph.input("photos", ("batch", 3, "height", "width"))
    graph.node("ReduceMean", [x], "whole", axes=[2, 3], keepdims=0)
    graph.node("ReduceMean", [x], "columns", axes=[2], keepdims=0)
    graph.output("columns", ("batch", 3, "width"))
    graph.output("whole", ("batch", 3))
    (tmp_path / "model.onnx").write_bytes(graph.to_bytes(WHITE))
    assert MapExtractor(params(tmp_path / "model.onnx", "whole"), tmp_path).dimensions == 3
    with pytest.raises(WeightsError, match=r"its output columns is \[1, 3, \d+\]"):
        MapExtractor(params(tmp_path / "model.onnx", "columns"), tmp_path)


def test_an_output_that_is_not_there_or_not_named(tmp_path: Path) -> None:
    path = write(tmp_path / "model.onnx")
    with pytest.raises(RecipeError, match='no output "block", but blocks, whole; did you mean "blocks"'):
        MapExtractor(params(path, "block"), tmp_path)
    with pytest.raises(RecipeError, match="it has the outputs blocks, whole: name one of them by layer"):
        MapExtractor(params(path, ""), tmp_path)


def test_a_network_of_one_size_gets_that_size(tmp_path: Path) -> None:
    path = write(tmp_path / "model.onnx", side=32)
    extractor = MapExtractor(params(path), tmp_path)
    assert [maps.shape for maps in maps_of(extractor, photo(100, 50))] == [(3, 8, 8)]
    query = extractor.prepare_query(photo(100, 50), (10, 10, 30, 40))
    assert query.pixels.shape == (32, 32, 3)
    with pytest.raises(RecipeError, match="it takes 32 x 32 pixels alone: leave scales out"):
        MapExtractor(params(path, scales=(1.0, 0.5)), tmp_path)


def test_a_file_that_is_no_network_of_images(tmp_path: Path) -> None:
    broken = tmp_path / "broken.onnx"
    broken.write_bytes(b"no model")
    with pytest.raises(WeightsError, match=r"broken\.onnx: ONNX Runtime cannot read it"):
        MapExtractor(params(broken), tmp_path)
    graph = GraphWriter("vectors")
    graph.node("Abs", [graph.input("vectors", ("n", 7))], "out")
    graph.output("out", ("n", 7))
    broken.write_bytes(graph.to_bytes(WHITE))
    with pytest.raises(WeightsError, match=r"it takes vectors \['n', 7\] of tensor\(float\): a network here takes"):
        MapExtractor(params(broken), tmp_path)
    with pytest.raises(WeightsError, match="no such weights"):
        MapExtractor(params(tmp_path / "none.onnx"), tmp_path)


def test_what_onnx_files_cannot_do(tmp_path: Path) -> None:
    path = write(tmp_path / "model.onnx")
    for others in ({"runtime": "torch"}, {"precision": "bfloat16"}):
        with pytest.raises(RecipeError, match="runs in float32 and without torch"):
            MapExtractor(params(path, **others), tmp_path)


def test_an_index_knows_its_file_by_the_content(tmp_path: Path) -> None:
    path = write(tmp_path / "model.onnx")
    pinned = pin(Checkpoint(source="model.onnx"), tmp_path)
    moved = tmp_path / "elsewhere"
    moved.mkdir()
    (moved / "other.onnx").write_bytes(path.read_bytes())
    assert pin(Checkpoint(source="other.onnx"), moved).sha256 == pinned.sha256
    write(path, factor=2.0)
    assert pin(Checkpoint(source="model.onnx"), tmp_path).sha256 != pinned.sha256
    changed = Maps.model_validate({"network": "onnx", "layer": "blocks", "checkpoint": pinned})
    with pytest.raises(WeightsError, match=r"but \w+ is expected"):
        MapExtractor(changed)


def test_a_layer_may_be_left_out_for_onnx_files_alone() -> None:
    with pytest.raises(ValueError, match="which layer of resnet18 is meant"):
        Maps.model_validate({"network": "resnet18", "checkpoint": {"source": "random"}})
