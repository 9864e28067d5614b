"""Where the parts of a photo that a recipe asks for are."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from index_samples import texture
from resight.errors import UsageError
from resight.features.kinds import Codes, RegionMaps
from resight.features.regions.grids import rmac_grid
from resight.features.regions.sources import half_counted, region_source

NETWORK: dict[str, Any] = {"network": "resnet18", "layer": "layer2", "checkpoint": {"source": "random"}}


def parts(width: int, height: int, name: str = "", size: tuple[int, int] | None = None, **keys: Any) -> list[list[int]]:
    source = region_source(RegionMaps.model_validate({**NETWORK, **keys}))
    boxes, levels = source(texture(0, width, height), name, size or (width, height))
    assert len(boxes) == len(levels)
    assert (levels > 0).all()
    return [list(map(int, box)) for box in boxes]


def test_a_rigid_grid_divides_the_photo() -> None:
    assert parts(60, 40, regions="rigid", cells=2) == [
        [0, 0, 30, 20],
        [30, 0, 60, 20],
        [0, 20, 30, 40],
        [30, 20, 60, 40],
    ]
    assert len(parts(60, 2, regions="rigid", cells=3)) == 3 * 2


def test_a_pyramid_has_all_levels_but_the_whole_photo() -> None:
    found = parts(64, 32, regions="pyramid", levels=3)
    assert len(found) == 4 + 16
    assert found[0] == [0, 0, 32, 16]
    assert found[4] == [0, 0, 16, 8]
    assert parts(64, 32, regions="pyramid", levels=1) == []


def test_dense_squares_are_parts_of_the_short_side() -> None:
    found = parts(80, 40, regions="dense", side=0.5, step=0.25)
    assert {(x1 - x0, y1 - y0) for x0, y0, x1, y1 in found} == {(20, 20)}
    assert sorted({box[0] for box in found}) == list(range(0, 61, 10))
    assert sorted({box[1] for box in found}) == [0, 10, 20]


@pytest.mark.parametrize("size", [(50, 50), (60, 40)])
def test_the_grid_is_that_of_rmac_without_the_whole(size: tuple[int, int]) -> None:
    expected = rmac_grid(size[1], size[0], 2)[int(size[0] == size[1]) :]
    assert parts(*size, regions="grid", levels=2) == expected.tolist()


def test_proposals_are_not_more_than_asked_for() -> None:
    found = parts(160, 120, regions="proposals", most=5)
    assert 1 <= len(found) <= 5


@pytest.mark.parametrize("suffix", ["json", "csv"])
def test_boxes_of_a_file_are_scaled_to_the_reduced_photo_and_clipped(tmp_path: Path, suffix: str) -> None:
    file = tmp_path / f"boxes.{suffix}"
    boxes = {"a/b.jpg": [[10, 20, 31, 40], [190, 0, 260, 60], [300, 300, 310, 310]]}
    rows = "".join(f"a/b.jpg,{','.join(map(str, box))}\n" for box in boxes["a/b.jpg"])
    file.write_text(json.dumps(boxes) if suffix == "json" else rows)
    keys = {"regions": "files", "boxes_file": str(file)}
    # The photo was reduced to half of 200 x 120 pixels; edges are rounded outward, and what lies outside is left out.
    assert parts(100, 60, "a/b.jpg", (200, 120), **keys) == [[5, 10, 16, 20], [95, 0, 100, 30]]
    assert parts(100, 60, "other.jpg", (200, 120), **keys) == []


def test_a_file_of_boxes_is_looked_for_beside_the_weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RESIGHT_WEIGHTS", str(tmp_path))
    with pytest.raises(UsageError, match="no such file in the folder that RESIGHT_WEIGHTS names"):
        parts(10, 10, regions="files", boxes_file="mine.json")
    (tmp_path / "mine.json").write_text('{"x.jpg": [[0, 0, 5, 5]]}')
    assert parts(10, 10, "x.jpg", regions="files", boxes_file="mine.json") == [[0, 0, 5, 5]]


def test_boxes_of_which_half_counts_are_kept() -> None:
    counts = np.zeros((4, 4), np.bool_)
    counts[:2] = True
    assert half_counted(counts, np.array([[0, 0, 4, 4], [0, 1, 4, 4], [0, 0, 1, 1]])) == [True, False, True]


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ({"regions": "rigid", "levels": 2}, 'regions = "rigid" do not use levels'),
        ({"regions": "whole", "most": 2}, 'regions = "whole" do not use most'),
        ({"regions": "files"}, "name it by boxes_file"),
    ],
)
def test_keys_that_regions_do_not_use_are_refused(keys: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        Codes.model_validate({**NETWORK, **keys})


def test_patches_of_a_warped_photo_are_run_by_themselves() -> None:
    with pytest.raises(ValidationError, match='take kind = "codes"'):
        RegionMaps.model_validate({**NETWORK, "regions": "patches"})
