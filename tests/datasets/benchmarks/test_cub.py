"""CUB-200-2011 in miniature: which classes are asked, and what is wrong with a list."""

from __future__ import annotations

from pathlib import Path

import pytest

from resight.datasets.benchmarks.cub import read_cub
from resight.datasets.dataset import JudgedQuery
from resight.errors import UsageError

IMAGES = """\
1 100.Brown_Pelican/Brown_Pelican_0001.jpg
2 101.White_Pelican/White_Pelican_0001.jpg
3 101.White_Pelican/White_Pelican_0002.jpg
4 102.Western_Wood_Pewee/Western_Wood_Pewee_0001.jpg
5 101.White_Pelican/White_Pelican_0003.jpg
"""
LABELS = "1 100\n2 101\n3 101\n4 102\n5 101\n"


def write(folder: Path, images: str = IMAGES, labels: str = LABELS) -> Path:
    (folder / "images.txt").write_text(images)
    (folder / "image_class_labels.txt").write_text(labels)
    return folder


def test_the_second_half_of_the_classes_is_asked_and_searched(tmp_path: Path) -> None:
    dataset = read_cub(write(tmp_path))
    pelicans = [f"101.White_Pelican/White_Pelican_000{number}" for number in (1, 2, 3)]
    pewee = "102.Western_Wood_Pewee/Western_Wood_Pewee_0001"
    assert dataset.images == tuple(f"{name}.jpg" for name in (*pelicans[:2], pewee, pelicans[2]))
    assert [query.id for query in dataset.queries] == [*pelicans[:2], pewee, pelicans[2]]
    assert dataset.queries[1] == JudgedQuery(
        id=pelicans[1],
        image=f"{pelicans[1]}.jpg",
        positives=frozenset({f"{pelicans[0]}.jpg", f"{pelicans[2]}.jpg"}),
        junk=frozenset({f"{pelicans[1]}.jpg"}),
        group="101.White_Pelican",
    )
    assert dataset.queries[2].positives == frozenset()
    assert dataset.rules.measure == "acc@1"
    assert dataset.root == tmp_path / "images"
    assert dataset.allowed is not None
    assert dataset.allowed - {*dataset.images} == {"100.Brown_Pelican/Brown_Pelican_0001.jpg"}


@pytest.mark.parametrize(
    ("images", "labels", "message"),
    [
        ("1 a/1.jpg\nx b/2.jpg\n", "1 101\n", r"images\.txt, line 2: image_id 'x' is not a whole number"),
        ("1 a/1.jpg\n\n2\n", "1 101\n", r"images\.txt, line 3: '2' where image_id image_name is expected"),
        ("1 a/1.jpg\n1 a/2.jpg\n", "1 101\n", r"images\.txt, line 2: image 1 is listed twice"),
        ("1 ../1.jpg\n", "1 101\n", r"images\.txt, line 1: image_name '\.\./1\.jpg' is not the path"),
        ("1 a/1.jpg\n2 a/1.jpg\n", "1 101\n2 101\n", r"images\.txt: a photo is listed under two numbers"),
        ("\n", LABELS, r"images\.txt: is empty"),
        (IMAGES, "1 100\n9 101\n", r"image_class_labels\.txt, line 2: image 9 is not in .*images\.txt"),
        (IMAGES, "1 100\n1 101\n", r"image_class_labels\.txt, line 2: image 1 has a class already"),
        (IMAGES, "1 -3\n", r"image_class_labels\.txt, line 1: class_id '-3' is not a whole number"),
        (IMAGES, "1 100\n2 101\n", r"image_class_labels\.txt: no class of image 3, 101\.White_Pelican/"),
        ("1 a/1.jpg\n", "1 100\n", r"image_class_labels\.txt: no image is of a class above 100"),
    ],
)
def test_a_mistake_is_told_by_file_and_line(tmp_path: Path, images: str, labels: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        read_cub(write(tmp_path, images, labels))


@pytest.mark.parametrize("missing", ["images.txt", "image_class_labels.txt"])
def test_a_list_that_is_missing_is_named(tmp_path: Path, missing: str) -> None:
    (write(tmp_path) / missing).unlink()
    with pytest.raises(UsageError, match=f"{missing}: no such file"):
        read_cub(tmp_path)
