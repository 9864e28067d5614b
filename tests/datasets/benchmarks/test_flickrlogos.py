"""FlickrLogos-32 from a miniature of its lists."""

from __future__ import annotations

from pathlib import Path

import pytest

from resight.datasets.benchmarks.flickrlogos import read_flickrlogos32
from resight.errors import UsageError

LISTS = {
    "trainvalset.txt": "HP,1.jpg\nadidas,2.jpg\nadidas,3.jpg\nno-logo,4.jpg\n",
    "testset-logosonly.txt": "adidas,5.jpg\nHP,6.jpg\n",
    "testset.txt": "adidas,5.jpg\nHP,6.jpg\nno-logo,7.jpg\n",
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, text in LISTS.items():
        (tmp_path / name).write_text(text)
    return tmp_path


def test_logos_are_asked_of_training_and_validation_photos(folder: Path) -> None:
    dataset = read_flickrlogos32(folder)
    assert dataset.images == ("HP/1.jpg", "adidas/2.jpg", "adidas/3.jpg", "no-logo/4.jpg")
    first, second = dataset.queries
    assert (first.id, first.image, first.group) == ("adidas/5", "adidas/5.jpg", "adidas")
    assert (first.box, first.junk) == (None, frozenset())
    assert first.positives == {"adidas/2.jpg", "adidas/3.jpg"}
    assert (second.image, second.group, second.positives) == ("HP/6.jpg", "hp", frozenset({"HP/1.jpg"}))
    assert dataset.query_path(second.image) == folder / "classes" / "jpg" / "HP" / "6.jpg"
    assert dataset.allowed == frozenset({"adidas/5.jpg", "HP/6.jpg", "no-logo/7.jpg"})
    assert (dataset.rules.measure, dataset.rules.ap) == ("AP", "trapezoid")


def test_lists_with_other_separators_and_a_mark_at_the_beginning(folder: Path) -> None:
    (folder / "testset-logosonly.txt").write_bytes(b"\xef\xbb\xbfadidas\t5.jpg\r\nHP; 6.jpg\r\n\r\n")
    assert [query.id for query in read_flickrlogos32(folder).queries] == ["adidas/5", "HP/6"]


@pytest.mark.parametrize("name", LISTS)
def test_a_missing_list_is_named(folder: Path, name: str) -> None:
    (folder / name).unlink()
    with pytest.raises(UsageError, match=rf"/{name}: no such file"):
        read_flickrlogos32(folder)


@pytest.mark.parametrize(
    ("name", "line", "what"),
    [
        ("trainvalset.txt", "adidas", "expected CLASS,NAME.jpg, not 'adidas'"),
        ("trainvalset.txt", "adidas,8.jpg,1", "expected CLASS,NAME.jpg"),
        ("trainvalset.txt", "..,8.jpg", "expected CLASS,NAME.jpg"),
        ("trainvalset.txt", "HP,1.jpg", "HP/1.jpg is listed twice"),
        ("testset.txt", "HP,6.jpg", "HP/6.jpg is listed twice"),
        ("testset-logosonly.txt", "HP,1.jpg", "HP/1.jpg is a photo of the database as well"),
        (
            "testset-logosonly.txt",
            "no-logo,7.jpg",
            "nothing in trainvalset.txt shows what the query no-logo/7.jpg does",
        ),
        ("testset-logosonly.txt", "pepsi,9.jpg", "nothing in trainvalset.txt shows what the query pepsi/9.jpg does"),
    ],
)
def test_a_wrong_line_is_named(folder: Path, name: str, line: str, what: str) -> None:
    number = LISTS[name].count("\n") + 1
    (folder / name).write_text(f"{LISTS[name]}{line}\n")
    with pytest.raises(UsageError, match=rf"/{name}, line {number}: {what}"):
        read_flickrlogos32(folder)
