"""ROxford5k and RParis6k in miniature: three settings of the same queries, which are not in the database."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from landmarks import write_indices, write_photos

from resight.datasets.benchmarks.revisited import (
    read_roxford5k,
    read_roxford5k_1m,
    read_rparis6k,
    read_rparis6k_1m,
)
from resight.datasets.photos import check_photos
from resight.errors import UsageError

IMAGES = ["a", "b", "c", "d", "e"]
QUERIES: list[tuple[str, tuple[float, ...], dict[str, Any]]] = [
    ("q1", (1, 2, 30, 20), {"easy": ["a"], "hard": ["b", "c"], "junk": ["d"]}),
    ("q2", (0, 0, 40, 30), {"easy": [], "hard": ["e"], "junk": []}),
]


def write(folder: Path, name: str = "roxford5k") -> Path:
    write_indices(folder, name, IMAGES, QUERIES)
    return folder


def named(*names: str) -> frozenset[str]:
    return frozenset(f"{name}.jpg" for name in names)


def test_settings_are_as_the_protocol_says(tmp_path: Path) -> None:
    dataset = read_roxford5k(write(tmp_path))
    assert (dataset.name, dataset.main, [*dataset.settings]) == ("roxford5k", "medium", ["easy", "medium", "hard"])
    first = {setting: queries[0] for setting, queries in dataset.settings.items()}
    assert (first["easy"].positives, first["easy"].junk) == (named("a"), named("b", "c", "d"))
    assert (first["medium"].positives, first["medium"].junk) == (named("a", "b", "c"), named("d"))
    assert (first["hard"].positives, first["hard"].junk) == (named("b", "c"), named("a", "d"))
    assert dataset.settings["easy"][1].positives == frozenset()
    for queries in dataset.settings.values():
        assert [(query.id, query.image, query.box) for query in queries] == [
            ("q1", "q1.jpg", (1.0, 2.0, 30.0, 20.0)),
            ("q2", "q2.jpg", (0.0, 0.0, 40.0, 30.0)),
        ]
    assert dataset.images == tuple(f"{name}.jpg" for name in IMAGES)
    assert (dataset.rules.measure, dataset.rules.ap) == ("AP", "trapezoid")


def test_queries_lie_among_the_photos(tmp_path: Path) -> None:
    write_photos(tmp_path / "jpg", [*IMAGES, "q1", "q2"])
    check_photos(read_roxford5k(write(tmp_path)))
    (tmp_path / "jpg" / "q2.jpg").unlink()
    with pytest.raises(UsageError, match=r"q2\.jpg: no such photo of the 2 photos of the queries of roxford5k"):
        check_photos(read_roxford5k(tmp_path))


def test_paris_may_lie_in_folders_and_keep_its_corrupt_photos(tmp_path: Path) -> None:
    write_photos(tmp_path / "paris", [*(f"x/{name}" for name in IMAGES), "y/q1", "q2", "louvre/paris_louvre_000136"])
    dataset = read_rparis6k(write(tmp_path, "rparis6k"))
    assert dataset.queries[0].image == "y/q1.jpg"
    assert dataset.queries[0].positives == {"x/a.jpg", "x/b.jpg", "x/c.jpg"}
    check_photos(dataset)


def test_an_added_query_shows_the_landmark_it_shares_most_with(tmp_path: Path) -> None:
    queries = [(f"q{place}", (0, 0, 1, 1), {"easy": ["a"], "hard": [], "junk": []}) for place in range(57)]
    queries[20:25] = [
        (f"q{place}", (0, 0, 1, 1), {"easy": ["b"], "hard": ["c"], "junk": []}) for place in range(20, 25)
    ]
    queries[55:] = [
        ("q55", (0, 0, 1, 1), {"easy": [], "hard": ["c", "d"], "junk": ["a"]}),
        ("q56", (0, 0, 1, 1), {"easy": ["a"], "hard": ["e"], "junk": ["c"]}),
    ]
    write_indices(tmp_path, "roxford5k", IMAGES, queries)
    groups = [query.group for query in read_roxford5k(tmp_path).queries]
    assert (groups[0], groups[19], groups[20], groups[54]) == (
        "all_souls",
        "bodleian",
        "christ_church",
        "radcliffe_camera",
    )
    assert groups[55:] == ["christ_church", "all_souls"]


@pytest.mark.parametrize(
    ("read", "name", "plain"),
    [(read_roxford5k_1m, "roxford5k", read_roxford5k), (read_rparis6k_1m, "rparis6k", read_rparis6k)],
)
def test_a_million_distractors_lie_beside_the_folder(read: Any, name: str, plain: Any, tmp_path: Path) -> None:
    dataset = read(write(tmp_path, name))
    assert (dataset.name, dataset.distractors) == (f"{name}-1m", tmp_path.parent / "revisitop1m" / "jpg")
    assert dataset.distractor_count == 1_001_001
    assert dataset.settings == plain(tmp_path).settings


@pytest.mark.parametrize(
    ("queries", "message"),
    [(["a", "q2"], r"gnd_roxford5k\.json: qimlist: a is in imlist too"), (["q1", "q1"], "qimlist: q1 is listed twice")],
)
def test_what_is_wrong_is_named(queries: list[str], message: str, tmp_path: Path) -> None:
    path = write(tmp_path) / "gnd_roxford5k.json"
    (tmp_path / "gnd_roxford5k.pkl").unlink()
    path.write_text(json.dumps({**json.loads(path.read_text()), "qimlist": queries}))
    with pytest.raises(UsageError, match=message):
        read_roxford5k(tmp_path)


def test_without_ground_truth_the_error_says_what_was_looked_for(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"neither gnd_rparis6k\.pkl nor gnd_rparis6k\.json is there"):
        read_rparis6k(tmp_path)
