"""The benchmark of words of maps runs from end to end, and goes on where it was stopped."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest


@pytest.mark.slow
def test_a_stopped_run_goes_on_to_the_same_figures(
    small_sets: Path, tmp_path: Path, page: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import blcf

    real = blcf.changed

    def random_weights(name: str, features: dict[str, object], method: dict[str, object]) -> object:
        network = {"checkpoint": {"source": "random"}, "max_side": 96} if "mobilenet" in name else {"max_side": 96}
        return real(name, {**features, **network}, method)

    monkeypatch.setattr(blcf, "changed", random_weights)
    monkeypatch.setattr(blcf, "WEIGHTS", (None, "l2"))
    photos = tmp_path / "photos"
    shutil.copytree(small_sets / "distractors", photos / "distractors")
    shutil.copytree(small_sets / "things", photos / "covers")
    truth = json.loads((photos / "covers" / "groundtruth.json").read_text())
    for query in truth["queries"]:
        query["box"] = [10, 10, 120, 120]
    (photos / "covers" / "groundtruth_boxed.json").write_text(json.dumps(truth))
    arguments = [str(photos), "--sets", "covers", "--size", "20", "--queries", "3", "--distractors", "2"]
    arguments += ["--page", str(page)]

    whole = blcf.main([*arguments, "--at", str(tmp_path / "whole")])
    figures = whole["sets"]["covers"]
    assert figures["terms"] == {"photos searched": 18, "queries": 3, "words": 20}
    assert figures["looks"].keys() == {
        f"{context}|{views}|{chain}"
        for context in ("GS", "LS", "FS")
        for views in ("plain", "Qaug")
        for chain in blcf.CHAINS
    }
    assert figures["weights"].keys() == {
        f"{what}|{saliency}|{context}"
        for what in ("words", "sum")
        for saliency in (None, "l2")
        for context in ("GS", "LS")
    }
    assert all(
        0.0 <= value <= 1.0 for table in ("looks", "weights", "merged", "places") for value in figures[table].values()
    )
    assert "| covers, in the box + Qaug |" in page.read_text()

    rows = (tmp_path / "whole" / "rows.jsonl").read_text().splitlines(keepends=True)
    stopped = tmp_path / "stopped" / "rows.jsonl"
    stopped.parent.mkdir()
    stopped.write_text("".join(rows[:-2]))
    again = blcf.main([*arguments, "--at", str(stopped.parent)])
    assert again["sets"] == whole["sets"]
    assert len(stopped.read_text().splitlines()) == len(rows)
