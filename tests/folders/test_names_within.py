from __future__ import annotations

import unicodedata
from pathlib import Path

import numpy as np
import pytest

from index_samples import SPATIAL, collection, index_by, names, write
from resight.errors import UsageError
from resight.folders.selection import names_meant, names_within
from resight.index.index import Index

pytestmark = pytest.mark.usefixtures("unsynced")

NAMES = ("holidays/2019/a.jpg", "holidays/2020/b.jpg", "work/2019/c.jpg", "café/d.jpg", "top.jpg")


@pytest.mark.parametrize(
    ("patterns", "found"),
    [
        (["holidays/"], "ab"),
        (["holidays"], "ab"),
        (["./holidays/"], "ab"),
        (["HOLIDAYS"], "ab"),
        (["2019"], "ac"),
        (["2020", "d.jpg"], "bd"),
        (["*/2019/*"], "ac"),
        (["*/2019/"], "ac"),
        (["*.jpg"], "abcdt"),
        (["holidays/2019/[ab].jpg"], "a"),
        (["work/", "top.jpg"], "ct"),
        (["holidays/", "*/2019/*"], "abc"),
        ([unicodedata.normalize("NFD", "café/")], "d"),
        ([], ""),
    ],
)
def test_a_part_is_folders_names_and_patterns(patterns: list[str], found: str) -> None:
    part = names_within(NAMES, patterns)
    assert "".join(Path(name).stem[0] for name, is_in in zip(NAMES, part, strict=True) if is_in) == found


@pytest.mark.parametrize(
    ("pattern", "said"),
    [
        ("holiday/", r'no name in the index matches "holiday/"; did you mean holidays/\?'),
        ("2020/", r"; did you mean holidays/2020/\?"),
        ("holidays\\2020", r"; did you mean holidays/2020/\?"),
        ("photos/work/", r"; did you mean work/\?"),
        ("*/2021/*", "; its folders are café/, holidays/, work/$"),
        ("top.jpg/", "; its folders are"),
        ("", 'pattern "": matches nothing'),
        ("!top.jpg", "there are no exceptions"),
    ],
)
def test_an_empty_part_is_refused_with_the_nearest_folder(pattern: str, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        names_within(NAMES, [pattern])


def test_without_folders_there_is_none_to_be_meant() -> None:
    with pytest.raises(UsageError, match=r'matches "x/"; its names have no folders'):
        names_within(["a.jpg"], ["x/"])


def test_some_folders_are_told_where_there_are_many() -> None:
    with pytest.raises(UsageError, match=r"; its folders are f0/, f1/, f2/, f3/, f4/ and 5 more$"):
        names_within([f"f{number}/a/x.jpg" for number in range(10)], ["*.gif"])


ODD = ("img[1].jpg", "img1.jpg", "b[1]/x.jpg", "b1/x.jpg")


@pytest.mark.parametrize(
    ("text", "meant", "by_pattern"),
    [
        ("img[1].jpg", ["img[1].jpg"], False),
        ("img[12].jpg", ["img1.jpg"], True),
        ("b[1]/", ["b[1]/x.jpg"], False),
        ("b[12]/", ["b1/x.jpg"], True),
    ],
)
def test_what_is_there_by_exactly_that_name_wins_over_the_pattern(
    text: str, meant: list[str], by_pattern: bool
) -> None:
    (found,) = names_meant(ODD, [text], [], "in the index")
    assert (found.text, list(found.names), found.by_pattern) == (text, meant, by_pattern)
    assert [name for name, is_in in zip(ODD, names_within(ODD, [text]), strict=True) if is_in] == meant


def test_a_name_that_is_known_elsewhere_is_no_pattern() -> None:
    with pytest.raises(UsageError, match=r"img\[1\].jpg: not in the index: it was removed before"):
        names_meant(["img1.jpg"], ["img[1].jpg"], [], "in the index", {"img[1].jpg": "it was removed before"})


LEFT = ("a.png", "2019/b.png", "2019/x/c.png", "e[1].png")


@pytest.mark.parametrize(
    ("asked", "meant"),
    [
        (["a.png"], ["a.png"]),
        (["2019/"], ["2019/b.png", "2019/x/c.png"]),
        (["**/x/"], ["2019/x/c.png"]),
        (["2019/*.png", "a.png"], ["2019/b.png", "a.png"]),
        (["*"], sorted(LEFT)),
        (["e[1].png"], ["e[1].png"]),
    ],
)
def test_names_folders_and_patterns_mean_photos(asked: list[str], meant: list[str]) -> None:
    assert sorted({name for one in names_meant(LEFT, asked, [], "in the index") for name in one.names}) == meant


@pytest.mark.parametrize(
    ("asked", "end"),
    [
        ("b.png", "; did you mean 2019/b.png?"),
        ("2019", '; for the folder write "2019/"'),
        ("2020/", ""),
        ("*.gif", ""),
        ("", ""),
    ],
)
def test_a_name_that_means_nothing_is_refused_with_what_may_be_meant(asked: str, end: str) -> None:
    with pytest.raises(UsageError) as error:
        names_meant(LEFT, ["a.png", asked], [], "in the index")
    assert str(error.value).startswith(f"{asked}: not in the index{end}")


THINGS = collection(3, 3)
PART = {f"in/{name}": pixels for name, pixels in THINGS.items() if name[3] != "0"}
REST = {f"out/{name}": pixels for name, pixels in THINGS.items() if name[3] != "1"}
VLAD = 'name = "within"\n[descriptor]\nkind = "vlad"\nsize = 64\nfit = "codebook.npz"\n'
BOW = 'name = "within"\n[words]\nkind = "bow"\nidf = false\nsize = 64\nfit = "codebook.npz"\n'
BOW_IDF = BOW.replace("idf = false\n", "")
EXPANDED = '[[rerank]]\nkind = "expansion"\nmin_inliers = 4\n'
FUSED = """
name = "within"
[channel.words.words]
kind = "bow"
idf = false
size = 64
fit = "codebook.npz"
[channel.vectors.descriptor]
kind = "vlad"
size = 64
fit = "codebook.npz"
[[rerank]]
kind = "fusion"
"""
# Where words are not weighed by how many photos have them, a part ranks as an index of nothing else does.
AS_ALONE = {
    "vlad": VLAD,
    "match": 'name = "within"\n[match]\nkind = "exhaustive"\n',
    "expansion": BOW + SPATIAL + EXPANDED,
    "discriminative": BOW + SPATIAL + EXPANDED.replace("expansion", "discriminative"),
    "chain": BOW + SPATIAL + '[[rerank]]\nkind = "chain"\nmin_inliers = 4\n',
    "alpha": VLAD + '[[rerank]]\nkind = "alpha-expansion"\ntop = 3\n',
    "k-reciprocal": VLAD + '[[rerank]]\nkind = "k-reciprocal"\nk1 = 3\nk2 = 2\n',
    "fusion": FUSED,
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("within")
    write(folder / "whole", PART | REST)
    write(folder / "alone", PART)
    return folder


def made(folder: Path, recipes: Path, text: str, path: Path) -> Index:
    index = index_by(recipes, text, path)
    index.add(folder)
    return index


@pytest.mark.parametrize("method", AS_ALONE)
def test_a_part_ranks_as_an_index_of_nothing_else(tmp_path: Path, folder: Path, recipes: Path, method: str) -> None:
    whole = made(folder / "whole", recipes, AS_ALONE[method], tmp_path / "whole.resight")
    alone = made(folder / "alone", recipes, AS_ALONE[method], tmp_path / "alone.resight")
    for query in ("02-0.png", "01-0.png"):
        for k in (2, 50):
            # In between, what is remembered of the whole must not come into the part, nor the other way round.
            everywhere = names(whole.search(THINGS[query], k=k))
            expected, found = alone.search(THINGS[query], k=k), whole.search(THINGS[query], k=k, within="in/")
            assert names(found) == names(expected)
            np.testing.assert_allclose([h.score for h in found.hits], [h.score for h in expected.hits], rtol=1e-5)
            assert [h.inliers for h in found.hits] == [h.inliers for h in expected.hits]
            assert names(whole.search(THINGS[query], k=k)) == everywhere
        assert names(found)[0].startswith(f"in/{query[:2]}")


@pytest.mark.parametrize("stage", ["", '[[rerank]]\nkind = "diffusion"\nk = 4\nquery_k = 2\n'])
def test_words_weighed_by_all_photos_and_diffusion_find_the_best_of_the_part(
    tmp_path: Path, folder: Path, recipes: Path, stage: str
) -> None:
    index = made(folder / "whole", recipes, (VLAD if stage else BOW_IDF) + stage, tmp_path / "whole.resight")
    found = index.search(THINGS["01-0.png"], k=2, within=["**/01-*", "in/"])
    assert len(found.hits) == 2
    assert {name[-8:-6] for name in names(found)} == {"01"}
    inside = index.search(THINGS["01-0.png"], k=50, within="in/")
    assert {name.split("/")[0] for name in names(inside)} == {"in"}
    assert set(names(inside)[:2]) == {"in/01-1.png", "in/01-2.png"}
    if not stage:
        everywhere = index.search(THINGS["01-0.png"], k=50)
        kept = [(hit.name, hit.score) for hit in everywhere.hits if hit.name.startswith("in/") and not hit.copy]
        assert [(hit.name, hit.score) for hit in inside.hits] == kept
    copies = index.search(folder / "whole" / "out" / "01-2.png", within="in/", k=1)
    assert (names(copies), copies.hits[0].copy) == (["in/01-2.png"], True)
    together = index.search_together([THINGS["01-0.png"], THINGS["02-0.png"]], within="in/", k=4)
    assert {name[:5] for name in names(together)} == {"in/01", "in/02"}


def test_a_part_without_readable_photos_is_told(tmp_path: Path, recipes: Path) -> None:
    folder = write(tmp_path / "photos", {"a.png": THINGS["00-0.png"]})
    (folder / "bad").mkdir()
    (folder / "bad" / "b.png").write_bytes(b"text")
    index = index_by(recipes, VLAD, tmp_path / "x.resight")
    index.add(folder)
    with pytest.raises(UsageError, match="none of the 1 photos within bad/ could be read"):
        index.search(THINGS["00-0.png"], within="bad/")
