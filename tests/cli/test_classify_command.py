"""The command that judges descriptors across styles of pictures."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from drawn_shapes import BOAT, HOUSE, OUTLINES, drawing, photo
from resight.cli.main import app


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    for kind, shape in (("boat", BOAT), ("house", HOUSE)):
        for number in range(4):
            bent = shape + np.random.default_rng(number).integers(-4, 5, shape.shape)
            for style, made in (("photo", photo(bent, number)), ("sketch", drawing(bent, 2 + number))):
                file = tmp_path / "pictures" / style / kind / f"{number}.png"
                file.parent.mkdir(parents=True, exist_ok=True)
                Image.fromarray(made).save(file)
    (tmp_path / "outlines.toml").write_text(OUTLINES)
    return tmp_path / "pictures"


def test_edges_carry_over_from_photos_to_drawings_and_back(pictures: Path) -> None:
    recipe = str(pictures.parent / "outlines.toml")
    done = CliRunner().invoke(app, ["classify", str(pictures), "--recipe", recipe, "--json"])
    assert done.exit_code == 0, done.output
    found = json.loads(done.stdout)
    assert found["mean"] == 1.0
    assert [(one["domain"], one["learned"], one["images"]) for one in found["domains"]] == [
        ("photo", ["sketch"], 8),
        ("sketch", ["photo"], 8),
    ]


def test_a_folder_without_styles_is_refused_before_its_pictures_are_described(
    pictures: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr("resight.evaluation.classifying.descriptors_of")
    recipe = str(pictures.parent / "outlines.toml")
    done = CliRunner().invoke(app, ["classify", str(pictures / "photo"), "--recipe", recipe])
    assert done.exit_code != 0
    assert "is not in a folder DOMAIN/CLASS" in done.output
