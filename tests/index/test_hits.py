"""A result is a sequence of hits, and JSON."""

from __future__ import annotations

import json

from resight.folders.names import Name
from resight.index.results import Hit, Result

RESULT = Result(
    "query.jpg",
    (1.0, 2.0, 30.0, 40.0),
    [
        Hit(
            Name("a.jpg"), 1.5, 12, [[1.0, 0.0, 2.0], [0.0, 1.0, 3.0], [0.0, 0.0, 1.0]], (0, 0, 9, 9), probability=0.97
        ),
        Hit(Name("b.jpg"), 0.0, probability=0.011111),
    ],
    0.5,
)


def test_a_result_is_a_sequence_of_its_hits() -> None:
    assert len(RESULT) == 2
    assert [hit.name for hit in RESULT] == ["a.jpg", "b.jpg"]
    assert RESULT[-1].name == "b.jpg"
    assert not Result("q", None, [], 0.1)


def test_a_result_goes_to_json() -> None:
    written = json.loads(json.dumps(RESULT.to_dict()))
    assert written["query"] == "query.jpg"
    assert written["box"] == [1.0, 2.0, 30.0, 40.0]
    first, second = written["hits"]
    assert first["transform"] == [[1.0, 0.0, 2.0], [0.0, 1.0, 3.0], [0.0, 0.0, 1.0]]
    assert (first["name"], first["inliers"], first["verdict"]) == ("a.jpg", 12, "sure")
    assert (second["box"], second["inliers"], second["probability"]) == (None, None, 0.0111)
