"""An index has a length, contains names, tells what it is, and is created or opened."""

from __future__ import annotations

from pathlib import Path

import pytest

from resight import Index
from resight.errors import UsageError


def test_an_index_has_a_length_names_and_a_line(recipes: Path, world_folder: Path, tmp_path: Path) -> None:
    index = Index.create(tmp_path / "x.resight", recipes / "verified.toml")
    assert len(index) == 0
    assert index
    index.add(world_folder / "images", only=["poster-02_1.jpg", "poster-02_2.jpg"], prefix="more")
    assert len(index) == 2
    assert "more/poster-02_1.jpg" in index
    assert world_folder / "images" / "poster-02_2.jpg" in index
    assert "more/poster-02_3.jpg" not in index
    assert 5 not in index
    assert repr(index) == f"<Index '{tmp_path}/x.resight', 2 photos, by verified>"
    index.path.rename(tmp_path / "elsewhere.resight")
    index.refresh()
    assert repr(index) == f"<Index '{tmp_path}/x.resight', by verified>"


def test_create_refuses_an_index_that_is_there_and_open_or_create_goes_on_with_it(
    recipes: Path, world_folder: Path, tmp_path: Path
) -> None:
    path = tmp_path / "x.resight"
    Index.create(path, recipes / "verified.toml").add(world_folder / "images", only=["poster-02_1.jpg"])
    with pytest.raises(UsageError, match="there is an index already"):
        Index.create(path, recipes / "verified.toml")
    assert len(Index.open_or_create(path, recipes / "verified.toml")) == 1
    assert len(Index.open_or_create(tmp_path / "y.resight", recipes / "verified.toml")) == 0
    with pytest.raises(UsageError, match="which differs from"):
        Index.open_or_create(path, recipes / "vlad.toml")
