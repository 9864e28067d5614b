"""Oxford5k and Oxford105k from the authors' text files and from gnd_oxford5k.*, in miniature."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from landmarks import write_indices, write_photos, write_query

from resight.datasets.benchmarks.oxford import read_oxford5k, read_oxford105k
from resight.datasets.dataset import ALL
from resight.errors import UsageError

PHOTOS = ["all_souls_000013", "all_souls_000026", "all_souls_000051", "oxford_000001", "oxford_000002"]


def write_text(folder: Path) -> None:
    write_query(
        folder / "groundtruth",
        "all_souls_1",
        "oxc1_all_souls_000013 1.5 2 30 25.5",
        good=["all_souls_000026", "all_souls_000013"],
        ok=["oxford_000001"],
        junk=["oxford_000002"],
    )
    write_query(
        folder / "groundtruth",
        "all_souls_2",
        "oxc1_oxford_000001 0 0 40 30\n",
        good=["all_souls_000026"],
        ok=[],
        junk=[],
    )


def write_gnd(folder: Path) -> None:
    write_indices(
        folder,
        "oxford5k",
        PHOTOS[::-1],
        [
            (
                "all_souls_000013",
                (1.5, 2, 30, 25.5),
                {"ok": ["all_souls_000026", "all_souls_000013", "oxford_000001"], "junk": ["oxford_000002"]},
            ),
            ("oxford_000001", (0, 0, 40, 30), {"ok": ["all_souls_000026"], "junk": []}),
        ],
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Photos and the authors' text files."""
    write_photos(tmp_path / "jpg", PHOTOS)
    write_text(tmp_path)
    return tmp_path


def test_the_authors_text_files(folder: Path) -> None:
    dataset = read_oxford5k(folder)
    first, second = dataset.queries
    assert (dataset.name, dataset.root) == ("oxford5k", folder / "jpg")
    assert dataset.images == tuple(f"{name}.jpg" for name in PHOTOS)
    assert (first.id, first.image, first.group) == ("all_souls_1", "all_souls_000013.jpg", "all_souls")
    assert first.box == (1.5, 2.0, 30.0, 25.5)
    assert first.positives == {"all_souls_000013.jpg", "all_souls_000026.jpg", "oxford_000001.jpg"}
    assert first.junk == {"oxford_000002.jpg"}
    assert (second.id, second.image, second.positives) == ("all_souls_2", "oxford_000001.jpg", {"all_souls_000026.jpg"})
    assert (dataset.rules.measure, dataset.rules.ap, dataset.main) == ("AP", "trapezoid", ALL)


def test_text_files_and_indices_agree(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    other = tmp_path_factory.mktemp("other")
    write_gnd(other)
    by_text, by_index = read_oxford5k(folder), read_oxford5k(other)
    assert by_index.settings == by_text.settings
    assert sorted(by_index.images) == sorted(by_text.images)
    (other / "gnd_oxford5k.pkl").unlink()
    assert read_oxford5k(other) == by_index


def test_indices_count_before_text_files(folder: Path) -> None:
    write_gnd(folder)
    (folder / "gnd_oxford5k.json").write_text("not read, because the pickle is there")
    assert read_oxford5k(folder).images == tuple(f"{name}.jpg" for name in PHOTOS[::-1])


def test_text_files_may_lie_in_the_folder_itself(folder: Path) -> None:
    expected = read_oxford5k(folder)
    for path in (folder / "groundtruth").iterdir():
        path.rename(folder / path.name)
    assert read_oxford5k(folder) == expected


def test_queries_come_in_the_order_of_landmark_and_number(folder: Path) -> None:
    for name in ("keble_10", "keble_9", "all_souls_3"):
        write_query(folder / "groundtruth", name, "oxford_000001 0 0 1 1", good=[], ok=[], junk=[])
    ids = [query.id for query in read_oxford5k(folder).queries]
    assert ids == ["all_souls_1", "all_souls_2", "all_souls_3", "keble_9", "keble_10"]


def test_the_sixth_query_by_index_is_the_first_of_the_second_landmark(tmp_path: Path) -> None:
    query = ("a", (0, 0, 1, 1), {"ok": ["a"], "junk": []})
    write_indices(tmp_path, "oxford5k", ["a"], [query] * 6)
    last = read_oxford5k(tmp_path).queries[-1]
    assert (last.id, last.group) == ("ashmolean_1", "ashmolean")
    write_indices(tmp_path, "oxford5k", ["a"], [query] * 56)
    with pytest.raises(UsageError, match=r"gnd_oxford5k\.pkl: gnd has 56 queries; oxford5k has 55"):
        read_oxford5k(tmp_path)


def test_distractors_lie_beside_the_folder(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    dataset = read_oxford105k(folder)
    assert (dataset.name, dataset.distractors) == ("oxford105k", folder.parent / "oxc1_100k")
    assert dataset.distractor_count == 100_071
    assert dataset.settings == read_oxford5k(folder).settings
    monkeypatch.chdir(folder)
    assert read_oxford105k(Path()).distractors == folder.parent / "oxc1_100k"


def test_without_ground_truth_the_error_says_what_was_looked_for(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"neither gnd_oxford5k\.pkl nor gnd_oxford5k\.json .* LANDMARK_N_query\.txt"):
        read_oxford5k(tmp_path)


def test_two_folders_of_text_files_are_one_too_many(folder: Path) -> None:
    write_query(folder / "more", "keble_1", "oxford_000001 0 0 1 1", good=[], ok=[], junk=[])
    with pytest.raises(UsageError, match=r"groundtruth and .*more: both have ground truth"):
        read_oxford5k(folder)


def test_text_files_need_photos(folder: Path) -> None:
    for path in (folder / "jpg").iterdir():
        path.unlink()
    with pytest.raises(UsageError, match=r"jpg: no photos there; .*groundtruth does not list the database"):
        read_oxford5k(folder)


@pytest.mark.parametrize(
    ("file", "text", "message"),
    [
        ("all_souls_1_query.txt", "", r"all_souls_1_query\.txt: has 0 lines; one is expected"),
        ("all_souls_1_query.txt", "oxford_000001 0 0 1 1\n" * 2, r"all_souls_1_query\.txt: has 2 lines"),
        ("all_souls_1_query.txt", "oxford_000001 0 0 1", r"all_souls_1_query\.txt, line 1: must be four numbers"),
        ("all_souls_1_query.txt", "oxford_000001 0 0 1 x", r"all_souls_1_query\.txt, line 1: must be the photo's name"),
        ("all_souls_1_query.txt", "oxford_000001 0 0 1 nan", r"all_souls_1_query\.txt, line 1: must be four numbers"),
        ("all_souls_1_query.txt", "oxford_000001 9 0 1 1", r"all_souls_1_query\.txt, line 1: the box 9,0,1,1 is empty"),
        (
            "all_souls_1_query.txt",
            "oxford_9 0 0 1 1",
            r"all_souls_1_query\.txt: oxford_9: there is no such photo below",
        ),
        ("all_souls_1_query.txt", "../x 0 0 1 1", r"all_souls_1_query\.txt, line 1: '\.\./x' is not the name"),
        ("all_souls_1_good.txt", "oxford_000001\n\n/x\n", r"all_souls_1_good\.txt, line 3: '/x' is not the name"),
        ("all_souls_1_good.txt", "oxford_7\n", r"all_souls_1_good\.txt: oxford_7: there is no such photo below .*jpg"),
        ("all_souls_1_junk.txt", "oxford_7\n", r"all_souls_1_junk\.txt: oxford_7: there is no such photo"),
        ("all_souls_1_junk.txt", "oxford_000001\n", r"_1_junk\.txt: oxford_000001 is both good or ok and junk"),
        ("all_souls_1_ok.txt", None, r"all_souls_1_ok\.txt: no such file"),
    ],
)
def test_what_is_wrong_in_text_files_is_named(file: str, text: str | None, message: str, folder: Path) -> None:
    path = folder / "groundtruth" / file
    path.unlink() if text is None else path.write_text(text)
    with pytest.raises(UsageError, match=message):
        read_oxford5k(folder)


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="root may read everything")
def test_a_folder_that_cannot_be_read_is_named(folder: Path) -> None:
    (folder / "groundtruth").chmod(0)
    try:
        with pytest.raises(UsageError, match=r"groundtruth: cannot be read"):
            read_oxford5k(folder)
    finally:
        (folder / "groundtruth").chmod(0o755)
