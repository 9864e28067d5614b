"""What `import resight` offers is there, documented, and works by its name."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

import resight
from resight.learned.artefact import load

WORDS = """
name = "words"
[descriptor]
kind = "vlad"
size = 4
fit = "{}"
"""


def test_every_name_is_documented_and_listed() -> None:
    assert {"fit", "recipes", "match", "evaluate", "Index", "__version__"} <= set(resight.__all__)
    for name in set(resight.__all__) - {"__version__"}:
        assert name in dir(resight)
        doc = getattr(resight, name).__doc__
        assert doc, name
        # pydantic and dataclasses write one of their own where a class has none.
        assert not doc.startswith(f"{name}("), name


def test_the_version_is_a_version() -> None:
    assert re.fullmatch(r"\d+\.\d+(\.\d+)?([a-z]+\d*)?(\.dev\d+)?", resight.__version__)


def test_recipes_are_listed_by_name_with_a_summary() -> None:
    listed = resight.recipes()
    assert [one.name for one in listed] == sorted(one.name for one in listed)
    assert all(isinstance(one, resight.RecipeInfo) and one.summary for one in listed)
    assert {one.name for one in listed} >= {"sift-asmk-spatial", "gem-mobilenet"}
    assert resight.load_recipe(listed[0].name).summary == listed[0].summary


def test_two_photos_of_one_thing_match_and_others_do_not(world_folder: Path) -> None:
    one, two, other = (world_folder / "images" / f"{name}.jpg" for name in ("poster-02_1", "poster-02_2", "other-000"))
    found = resight.match(one, two)
    assert isinstance(found, resight.Verification)
    assert found.inliers >= 20
    chance = resight.match(one, other)
    assert chance is None or chance.inliers < 10


def test_a_fit_is_what_a_recipe_takes(world_folder: Path, tmp_path: Path) -> None:
    recipe, photos = tmp_path / "words.toml", world_folder / "images"
    recipe.write_text(WORDS.format("collection"))
    lines: list[str] = []
    (report,) = resight.fit(str(recipe), str(photos), str(tmp_path / "words.npz"), say=lines.append)
    assert isinstance(report, resight.FitReport)
    assert (report.recipe, report.channel, report.kind, report.photos) == ("words", "main", "vlad", 20)
    assert report.arrays["centroids"] == [4, 128]
    assert load(report.output).sha256 == report.sha256
    assert lines[0] == f"fitting vlad on 20 photos of {photos}"
    recipe.write_text(WORDS.format("words.npz"))
    result = resight.evaluate(recipe, world_folder)
    assert isinstance(result, resight.EvaluationResult)
    # Chance is far below: 20 photos, of which few are right for a query.
    assert result.mean()["AP"] > 0.5
    assert np.isfinite(list(result.mean().values())).all()


def test_a_fit_of_nothing_is_refused_before_photos_are_read(world_folder: Path, tmp_path: Path) -> None:
    recipe, photos, output = tmp_path / "words.toml", world_folder / "images", tmp_path / "new" / "words.npz"
    recipe.write_text(WORDS.format("collection"))
    with pytest.raises(resight.ResightError, match="sift-match fits nothing"):
        resight.fit("sift-match", photos, output)
    with pytest.raises(resight.ResightError, match="there is no such folder"):
        resight.fit(recipe, tmp_path / "nowhere", output)
    with pytest.raises(resight.ResightError, match="photos is 3: give a path"):
        resight.fit(recipe, 3, output)  # type: ignore[arg-type]
    with pytest.raises(resight.ResightError, match="progress is 3: give a function"):
        resight.fit(recipe, photos, output, progress=3)  # type: ignore[arg-type]
    (tmp_path / "empty").mkdir()
    with pytest.raises(resight.ResightError, match="no photo here gives a single feature"):
        resight.fit(recipe, tmp_path / "empty", output)
    assert not output.exists()
