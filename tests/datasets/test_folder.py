"""Data sets of one's own: what is read, and that every mistake is told by file and key."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from resight.datasets.dataset import Dataset, JudgedQuery
from resight.datasets.folder import photo_root, read_folder
from resight.errors import UsageError

Document = dict[str, Any]


def write(folder: Path, document: object) -> Path:
    """The document alone: what the ground truth says is read without a photo."""
    (folder / "groundtruth.json").write_text(json.dumps(document), encoding="utf-8")
    return folder


def document(**changes: Any) -> Document:
    query = {"image": "q.png", "positives": ["a.png"], "junk": ["sub/b.png"], **changes}
    return {"images": ["a.png", "sub/b.png"], "queries": [query]}


def test_a_data_set_is_read_whole(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    extra = {**document(box=[0, 0, 40, 30], challenge="blur"), "groups": {"ours": ["a.png", "q.png"]}, "note": "any"}
    box = (0.0, 0.0, 40.0, 30.0)
    query = JudgedQuery("q.png", "q.png", frozenset({"a.png"}), frozenset({"sub/b.png"}), box, "blur")
    dataset = read_folder(write(tmp_path / "mine", extra))
    assert dataset == Dataset("mine", tmp_path / "mine/images", ("a.png", "sub/b.png"), {"all": (query,)})
    assert dataset.path("sub/b.png") == tmp_path / "mine" / "images" / "sub" / "b.png"


def test_junk_box_and_challenge_may_be_left_out(tmp_path: Path) -> None:
    plain = {"images": ["a.png"], "queries": [{"image": "q.png", "positives": []}]}
    assert read_folder(write(tmp_path, plain)).queries == (JudgedQuery("q.png", "q.png", frozenset()),)


def test_a_query_without_a_challenge_is_of_the_group_that_holds_its_photo(tmp_path: Path) -> None:
    asked = [
        {"image": "a.png", "positives": [], "challenge": "blur"},
        {"image": "b.png", "positives": []},
        {"image": "c.png", "positives": [], "challenge": None},
    ]
    groups = {"cups": ["a.png", "b.png"], "cans": ["b.png"]}
    dataset = read_folder(write(tmp_path, {"images": ["a.png"], "queries": asked, "groups": groups}))
    assert [query.group for query in dataset.queries] == ["blur", "cups", None]


@pytest.mark.parametrize(
    ("names", "ids"),
    [
        (["a.png", "a.png", "b.png", "a.png"], ["a.png", "a.png#2", "b.png", "a.png#3"]),
        (["a.png", "a.png", "a.png#2"], ["a.png", "a.png#2", "a.png#2#2"]),
        (["a.png#2", "a.png", "a.png"], ["a.png#2", "a.png", "a.png#3"]),
    ],
)
def test_a_photo_that_asks_again_is_numbered(tmp_path: Path, names: list[str], ids: list[str]) -> None:
    asked = [{"image": name, "positives": ["b.png"]} for name in names]
    queries = read_folder(write(tmp_path, {"images": ["b.png"], "queries": asked})).queries
    assert [query.image for query in queries] == names
    assert [query.id for query in queries] == ids


def test_names_are_those_of_an_index(tmp_path: Path) -> None:
    asked = [{"image": "%80.png", "positives": ["\udcff.png"]}]
    dataset = read_folder(write(tmp_path, {"images": ["\udcff.png"], "queries": asked}))
    assert dataset.images == ("%FF.png",)
    assert dataset.queries == (JudgedQuery("%2580.png", "%2580.png", frozenset({"%FF.png"})),)
    assert dataset.path("%FF.png") == tmp_path / "images" / "\udcff.png"


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ([], "must be an object"),
        ({"queries": []}, "images: is missing"),
        ({"images": "a.png", "queries": []}, "images: must be a list"),
        ({"images": [], "queries": []}, "images: is empty"),
        ({"images": ["a.png"]}, "queries: is missing"),
        ({"images": ["a.png"], "queries": []}, "queries: is empty"),
        ({"images": ["a.png"], "queries": {}}, "queries: must be a list"),
        ({"images": ["a.png"], "queries": ["q.png"]}, "queries[0]: must be an object"),
        ({"images": ["a.png", 7], "queries": []}, "images[1]: must be a name, not 7"),
        ({"images": ["a.png", "a.png"], "queries": []}, "images[1]: 'a.png' is listed twice"),
        ({"images": ["../a.png"], "queries": []}, "images[0]: '../a.png' is not the path of a file below"),
        ({"images": ["sub/../a.png"], "queries": []}, "is not the path of a file below"),
        ({"images": ["/etc/passwd"], "queries": []}, "is not the path of a file below"),
        ({"images": ["./a.png"], "queries": []}, "is not the path of a file below"),
        ({"images": ["a.png/"], "queries": []}, "is not the path of a file below"),
        ({"images": ["a\0.png"], "queries": []}, "is not the path of a file below"),
        ({"images": ["\ud800.png"], "queries": []}, "is not the path of a file below"),
        ({"images": [""], "queries": []}, "is not the path of a file below"),
        ({"images": ["a.png"], "queries": [{"positives": []}]}, "queries[0].image: is missing"),
        ({"images": ["a.png"], "queries": [{"image": "q.png"}]}, "queries[0].positives: is missing"),
        (document(image="../q.png"), "queries[0].image: '../q.png' is not the path of a file below"),
        (document(image=None), "queries[0].image: must be a name, not null"),
        (document(positives=["q.png"]), "queries[0].positives[0]: 'q.png' is not among \"images\""),
        (document(junk=["a.png", "c.png"]), "queries[0].junk[1]: 'c.png' is not among \"images\""),
        (document(junk=["a.png"]), "queries[0].junk: 'a.png' is among the positives as well"),
        (document(challenge=3), "queries[0].challenge: must be a name, not 3"),
        (document(box=[9, 0, 9, 30]), "queries[0].box: [9, 0, 9, 30] is empty"),
        (document(box=[0, 8, 9, 7]), "queries[0].box: [0, 8, 9, 7] is empty"),
        (document(box=[0, 0, 9]), "queries[0].box: must be four numbers"),
        (document(box="0,0,9,9"), "queries[0].box: must be four numbers"),
        (document(box=[0, 0, True, 9]), "queries[0].box: must be four numbers"),
        (document(box=[0, 0, 10**400, 9]), "queries[0].box: must be four numbers"),
        ({**document(), "groups": []}, "groups: must be an object"),
        ({**document(), "groups": {"cup": "a.png"}}, 'groups["cup"]: must be a list of names'),
        ({**document(), "groups": {"cup": [1]}}, 'groups["cup"][0]: must be a name, not 1'),
    ],
)
def test_a_mistake_is_told_by_file_and_key(tmp_path: Path, wrong: object, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        read_folder(write(tmp_path, wrong))
    assert str(caught.value).startswith(f"{tmp_path / 'groundtruth.json'}: ")
    assert message in str(caught.value)


@pytest.mark.parametrize(
    "text",
    [
        "{",
        "[" * 100_000,
        b"\xff\xfe".decode("latin-1"),
        '{"images": ["a.png"], "queries": [{"image": "a.png", "positives": [], "box": [0, 0, NaN, 9]}]}',
        '{"images": ["a.png"], "queries": [], "note": -Infinity}',
    ],
)
def test_a_ground_truth_that_is_not_json_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "groundtruth.json").write_text(text, encoding="latin-1")
    with pytest.raises(UsageError, match=r"groundtruth\.json: not JSON"):
        read_folder(tmp_path)


def test_a_key_that_stands_twice_is_refused(tmp_path: Path) -> None:
    text = json.dumps(document()).replace('"positives"', '"positives": [], "positives"')
    (tmp_path / "groundtruth.json").write_text(text)
    with pytest.raises(UsageError, match=r'groundtruth\.json: not JSON \(the key "positives" stands twice\)'):
        read_folder(tmp_path)


def test_a_byte_order_mark_is_no_mistake(tmp_path: Path) -> None:
    expected = read_folder(write(tmp_path, document()))
    (tmp_path / "groundtruth.json").write_text(json.dumps(document()), encoding="utf-8-sig")
    assert read_folder(tmp_path) == expected


def test_a_number_beyond_every_float_is_no_edge_of_a_box(tmp_path: Path) -> None:
    query = '{"image": "a.png", "positives": [], "box": [0, 0, 1e999, 9]}'
    (tmp_path / "groundtruth.json").write_text(f'{{"images": ["a.png"], "queries": [{query}]}}')
    with pytest.raises(UsageError, match=r"queries\[0\]\.box: must be four numbers"):
        read_folder(tmp_path)


def test_what_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="nowhere: no such folder"):
        read_folder(tmp_path / "nowhere")
    with pytest.raises(UsageError, match=r"groundtruth\.json: no such file") as caught:
        read_folder(tmp_path)
    assert "groups" not in str(caught.value)


def test_photos_in_a_folder_per_group_are_told_of(tmp_path: Path) -> None:
    for group in ("cup", "can"):
        (tmp_path / group).mkdir()
        with pytest.raises(UsageError) as caught:
            read_folder(tmp_path)
        assert "--dataset groups" not in str(caught.value)
        Image.new("RGB", (8, 8)).save(tmp_path / group / "1.png")
    with pytest.raises(UsageError, match=r"groundtruth\.json: no such file.*--dataset groups"):
        read_folder(tmp_path)


def test_photos_are_in_images_where_there_is_such_a_folder(tmp_path: Path) -> None:
    assert photo_root(tmp_path) == tmp_path
    (tmp_path / "images").mkdir()
    assert photo_root(tmp_path) == tmp_path / "images"
    with pytest.raises(UsageError, match="no such folder"):
        photo_root(tmp_path / "nowhere")


@pytest.mark.photos
@pytest.mark.parametrize(("name", "images", "queries"), [("covers", 50, 200), ("scenes", 182, 182)])
def test_the_real_sets_are_read(photos: Path, name: str, images: int, queries: int) -> None:
    dataset = read_folder(photos / name)
    assert (dataset.name, len(dataset.images), len(dataset.queries)) == (name, images, queries)
    assert all(query.positives for query in dataset.queries)
    assert all(query.group for query in dataset.queries) == (name == "scenes")
