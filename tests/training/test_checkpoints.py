"""Checkpoints are whole, run no code, and tell whose they are."""

from __future__ import annotations

import json
import pickle
from pathlib import Path

import pytest
import torch

from resight.errors import ResightError, StorageError, UsageError
from resight.training import checkpoints
from resight.training.checkpoints import alone_in, check_same, claim, load_checkpoint, save_checkpoint


def test_what_is_saved_is_loaded(tmp_path: Path) -> None:
    file = tmp_path / "new" / "last.pt"
    save_checkpoint(file, {"w": torch.arange(3.0), "n": 3, "t": {"a": [1, None]}})
    found = load_checkpoint(file)
    assert found["w"].tolist() == [0, 1, 2]
    assert (found["n"], found["t"]) == (3, {"a": [1, None]})
    assert [path.name for path in file.parent.iterdir()] == ["last.pt"]


@pytest.mark.parametrize("content", [b"", b"no checkpoint", pickle.dumps(Path("/x"), 2)])
def test_a_damaged_one_is_an_error(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "last.pt"
    file.write_bytes(content)
    with pytest.raises(ResightError, match=r"last\.pt: this checkpoint is damaged; remove it"):
        load_checkpoint(file)


def test_a_cut_one_is_an_error(tmp_path: Path) -> None:
    file = tmp_path / "last.pt"
    save_checkpoint(file, {"w": torch.arange(3000.0)})
    file.write_bytes(file.read_bytes()[:-500])
    with pytest.raises(ResightError, match="damaged"):
        load_checkpoint(file)


def test_a_full_disk_leaves_the_last_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "last.pt"
    save_checkpoint(file, {"n": 1})

    def full(path: Path, data: bytes) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(checkpoints, "write_whole", full)
    with pytest.raises(StorageError, match="No space left on device; what was there is whole"):
        save_checkpoint(file, {"n": 2})
    assert load_checkpoint(file)["n"] == 1


def test_one_of_another_training_is_refused(tmp_path: Path) -> None:
    check_same(tmp_path, {"the recipe": "a", "more": "x"}, {"the recipe": "a"})
    with pytest.raises(UsageError, match="the recipe is a there and b here; name another folder"):
        check_same(tmp_path, {"the recipe": "a"}, {"the recipe": "b"})


def test_of_two_recipes_the_keys_that_differ_are_named(tmp_path: Path) -> None:
    recipe = {"seed": 0, "lasting": {"epochs": 3, "steps": 5}, "loss": {"kind": "triplet", "margin": 0.1}}
    other = {"seed": 0, "lasting": {"epochs": 4, "steps": 5}, "loss": {"kind": "info-nce", "temperature": 0.07}}
    with pytest.raises(UsageError) as caught:
        check_same(tmp_path, {"the recipe": json.dumps(recipe)}, {"the recipe": json.dumps(other)})
    told = str(caught.value)
    assert "the recipe differs: " in told
    assert "lasting.epochs is 3 there and 4 here" in told
    assert "and 1 more key" in told
    assert "steps" not in told
    assert "seed" not in told


def test_one_process_trains_in_a_folder_at_a_time(tmp_path: Path) -> None:
    folder = tmp_path / "new"
    refused = pytest.raises(UsageError, match="new: another process trains in this folder: wait")
    with alone_in(folder), refused, alone_in(folder):
        raise AssertionError("two were let in")
    with alone_in(folder):
        assert list(folder.iterdir()) == []


@pytest.mark.parametrize("error", [UsageError("no"), KeyboardInterrupt()])
def test_what_fails_before_a_checkpoint_leaves_nothing(tmp_path: Path, error: BaseException) -> None:
    def fails(folder: Path, begun: str) -> None:
        claim(folder, {"the recipe": "a"})
        if begun:
            (folder / begun).write_bytes(b"something")
        raise error

    def failing(folder: Path, begun: str = "") -> None:
        with pytest.raises(type(error)), alone_in(folder):
            fails(folder, begun)

    failing(tmp_path / "new")
    assert not (tmp_path / "new").exists()
    (tmp_path / "empty").mkdir()
    failing(tmp_path / "empty")
    assert list((tmp_path / "empty").iterdir()) == []
    for begun in ("checkpoints/last.pt", "training.jsonl"):
        folder = tmp_path / begun.replace("/", "-")
        failing(folder, begun)
        # What has been made is gone on with, and needs to say what it is of.
        assert (folder / "checkpoints" / "identity.json").exists()
        assert (folder / begun).exists()
