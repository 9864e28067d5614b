"""The ablation of training runs from end to end, and goes on where it was stopped."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.mark.slow
def test_rows_of_a_group_are_trained_judged_and_written(
    small_sets: Path, tmp_path: Path, page: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import training_ablation
    import training_rows

    import resight

    # Mapping has tests of its own, and takes longest.
    for name in training_ablation.TUPLES:
        monkeypatch.setitem(training_ablation.TUPLES, name, training_rows.Mined("verified"))
    index = tmp_path / "things.resight"
    resight.Index.create(index, recipe="sift-asmk-links").add(small_sets / "things" / "images")
    chosen = ["no views"]
    arguments = [str(index), "--sets", str(small_sets / "things"), "--seeds", "0", "--side", "64", "--images", "8"]
    arguments += ["--anchors", "2", "--rows", *chosen, "--at", str(tmp_path / "at"), "--page", str(page)]
    document = training_ablation.main(arguments)
    assert [*document["rows"]] == ["half of the pairs rendered", *chosen]
    for name, row in document["rows"].items():
        assert 0.0 <= row["things"]["mean"] <= 1.0
        assert ("more than the first" in row["things"]) == (name in chosen)
    text = page.read_text()
    assert all(f"| {name} |" in text for name in document["rows"])
    # A second call has nothing left to train.
    monkeypatch.setattr(training_rows, "train", None)
    assert training_ablation.main(arguments)["rows"] == document["rows"]
