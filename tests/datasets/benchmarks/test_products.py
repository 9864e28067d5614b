"""Stanford Online Products in miniature: which photos are asked, and what is wrong with a list."""

from __future__ import annotations

from pathlib import Path

import pytest

from resight.datasets.benchmarks.products import read_products
from resight.datasets.dataset import JudgedQuery
from resight.errors import UsageError

HEAD = "image_id class_id super_class_id path\n"
TEST = f"{HEAD}1 11319 1 bicycle_final/7_0.JPG\n2 11319 1 bicycle_final/7_1.JPG\n3 11320 2 cabinet_final/8_0.JPG\n"
TRAIN = f"{HEAD}1 1 1 bicycle_final/1_0.JPG\n"


def write(folder: Path, test: str = TEST, train: str = TRAIN) -> Path:
    (folder / "Ebay_test.txt").write_text(test)
    (folder / "Ebay_train.txt").write_text(train)
    return folder


def test_a_test_photo_asks_for_the_others_of_its_product(tmp_path: Path) -> None:
    dataset = read_products(write(tmp_path))
    first, second, third = "bicycle_final/7_0.JPG", "bicycle_final/7_1.JPG", "cabinet_final/8_0.JPG"
    assert dataset.images == (first, second, third)
    assert dataset.queries == (
        JudgedQuery("bicycle_final/7_0", first, frozenset({second}), frozenset({first}), group="bicycle"),
        JudgedQuery("bicycle_final/7_1", second, frozenset({first}), frozenset({second}), group="bicycle"),
        JudgedQuery("cabinet_final/8_0", third, frozenset(), frozenset({third}), group="cabinet"),
    )
    assert dataset.rules.measure == "acc@1"
    assert dataset.path(third) == tmp_path / "cabinet_final" / "8_0.JPG"
    assert dataset.allowed == {"bicycle_final/1_0.JPG"}


@pytest.mark.parametrize(
    ("test", "train", "message"),
    [
        (TEST.removeprefix(HEAD), TRAIN, r"Ebay_test\.txt, line 1: must be the names of the columns"),
        (HEAD, TRAIN, r"Ebay_test\.txt: names its columns and no photo"),
        (f"{HEAD}1 2 3\n", TRAIN, r"Ebay_test\.txt, line 2: '1 2 3' where image_id class_id super_class_id path"),
        (f"{HEAD}1 two 1 a/1.JPG\n", TRAIN, r"Ebay_test\.txt, line 2: class_id 'two' is not a whole number"),
        (f"{HEAD}1 2 1 /a/1.JPG\n", TRAIN, r"Ebay_test\.txt, line 2: path '/a/1\.JPG' is not the path"),
        (f"{TEST}4 9 1 bicycle_final/7_0.JPG\n", TRAIN, r"Ebay_test\.txt, line 5: .*7_0\.JPG' is listed twice"),
        (TEST, TEST, r"Ebay_train\.txt: 'bicycle_final/7_0\.JPG' is in Ebay_test\.txt as well"),
    ],
)
def test_a_mistake_is_told_by_file_and_line(tmp_path: Path, test: str, train: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        read_products(write(tmp_path, test, train))


@pytest.mark.parametrize("missing", ["Ebay_test.txt", "Ebay_train.txt"])
def test_a_list_that_is_missing_is_named(tmp_path: Path, missing: str) -> None:
    (write(tmp_path) / missing).unlink()
    with pytest.raises(UsageError, match=f"{missing}: no such file"):
        read_products(tmp_path)
