"""Data sets of one's own: what is read, and that every mistake is told by file and key."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from resight.errors import UsageError
from resight.evaluation.folder import Query, photo_root, read_folder

Document = dict[str, Any]


def write(folder: Path, document: object) -> Path:
    """A data set with three photos of 40 x 30 pixels, one of them in a folder of its own, and the given document."""
    (folder / "images" / "sub").mkdir(parents=True)
    for name in ("a.png", "q.png", "sub/b.png"):
        Image.new("RGB", (40, 30), "red").save(folder / "images" / name)
    (folder / "groundtruth.json").write_text(json.dumps(document), encoding="utf-8")
    return folder


def document(**changes: Any) -> Document:
    query = {"image": "q.png", "positives": ["a.png"], "junk": ["sub/b.png"], **changes}
    return {"images": ["a.png", "sub/b.png"], "queries": [query]}


def test_a_data_set_is_read_whole(tmp_path: Path) -> None:
    extra = {**document(box=[0, 0, 40, 30], challenge="blur"), "groups": {"ours": ["a.png"]}}
    dataset = read_folder(write(tmp_path, extra))
    assert dataset.images == ("a.png", "sub/b.png")
    assert dataset.queries == (
        Query("q.png", frozenset({"a.png"}), frozenset({"sub/b.png"}), (0.0, 0.0, 40.0, 30.0), "blur"),
    )
    assert dataset.path("sub/b.png") == tmp_path / "images" / "sub" / "b.png"


def test_junk_box_and_challenge_may_be_left_out(tmp_path: Path) -> None:
    plain = {"images": ["a.png"], "queries": [{"image": "a.png", "positives": []}]}
    assert read_folder(write(tmp_path, plain)).queries == (Query("a.png", frozenset()),)


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
        ({"images": ["a.png", "gone.png"], "queries": []}, "images[1]: there is no photo"),
        ({"images": ["../a.png"], "queries": []}, "images[0]: '../a.png' is not the path of a file below"),
        ({"images": ["sub/../a.png"], "queries": []}, "is not the path of a file below"),
        ({"images": ["/etc/passwd"], "queries": []}, "is not the path of a file below"),
        ({"images": ["./a.png"], "queries": []}, "is not the path of a file below"),
        ({"images": [""], "queries": []}, "is not the path of a file below"),
        ({"images": ["sub"], "queries": []}, "images[0]: there is no photo"),
        ({"images": ["a.png"], "queries": [{"positives": []}]}, "queries[0].image: is missing"),
        ({"images": ["a.png"], "queries": [{"image": "q.png"}]}, "queries[0].positives: is missing"),
        (document(image="gone.png"), "queries[0].image: there is no photo"),
        (document(image=None), "queries[0].image: must be a name, not null"),
        (document(positives=["q.png"]), "queries[0].positives[0]: 'q.png' is not among \"images\""),
        (document(junk=["a.png", "c.png"]), "queries[0].junk[1]: 'c.png' is not among \"images\""),
        (document(junk=["a.png"]), "queries[0].junk: 'a.png' is among the positives as well"),
        (document(challenge=3), "queries[0].challenge: must be a name, not 3"),
        (document(box=[0, 0, 41, 30]), "queries[0].box: 'q.png': box 0,0,41,30 in an image of 40 x 30"),
        (document(box=[9, 0, 9, 30]), "queries[0].box: 'q.png': box 9,0,9,30"),
        (document(box=[0, 0, 9]), "queries[0].box: must be four numbers"),
        (document(box="0,0,9,9"), "queries[0].box: must be four numbers"),
        (document(box=[0, 0, True, 9]), "queries[0].box: must be four numbers"),
        (document(box=[0, 0, float("nan"), 9]), "queries[0].box: 'q.png'"),
    ],
)
def test_a_mistake_is_told_by_file_and_key(tmp_path: Path, wrong: object, message: str) -> None:
    write(tmp_path, wrong)
    with pytest.raises(UsageError) as caught:
        read_folder(tmp_path)
    assert str(caught.value).startswith(f"{tmp_path / 'groundtruth.json'}: ")
    assert message in str(caught.value)


def test_a_query_that_cannot_be_decoded_is_told_where_its_box_is_checked(tmp_path: Path) -> None:
    write(tmp_path, document(box=[0, 0, 9, 9]))
    (tmp_path / "images" / "q.png").write_bytes(b"no photo")
    with pytest.raises(UsageError, match=r"queries\[0\].box: .*q.png: not an image"):
        read_folder(tmp_path)


@pytest.mark.parametrize("text", ["{", "[" * 100_000, b"\xff\xfe".decode("latin-1")])
def test_a_ground_truth_that_is_not_json_is_refused(tmp_path: Path, text: str) -> None:
    write(tmp_path, {})
    (tmp_path / "groundtruth.json").write_text(text, encoding="latin-1")
    with pytest.raises(UsageError, match=r"groundtruth\.json: not JSON"):
        read_folder(tmp_path)


def test_what_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="nowhere: no such folder"):
        read_folder(tmp_path / "nowhere")
    with pytest.raises(UsageError, match=r"groundtruth\.json: no such file"):
        read_folder(tmp_path)
    (tmp_path / "groundtruth.json").write_text("{}")
    with pytest.raises(UsageError, match="images: no such folder"):
        read_folder(tmp_path)


def test_photos_are_in_images_where_there_is_such_a_folder(tmp_path: Path) -> None:
    assert photo_root(tmp_path) == tmp_path
    (tmp_path / "images").mkdir()
    assert photo_root(tmp_path) == tmp_path / "images"
    with pytest.raises(UsageError, match="no such folder"):
        photo_root(tmp_path / "nowhere")


@pytest.mark.photos
def test_the_real_sets_are_read(photos: Path) -> None:
    dataset = read_folder(photos / "covers")
    assert len(dataset.images) > 1
    assert all(query.positives for query in dataset.queries)
