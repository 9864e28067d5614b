"""Several queries at once: the results of each alone, whatever is wrong with one of them."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
from safetensors.torch import save_file

from index_samples import MAPS, collection, index_by, names, texture, told, write
from resight.errors import ImageError, UsageError
from resight.features.maps import MapExtractor
from resight.features.networks.architectures import blank, randomise
from resight.folders.names import Name
from resight.index import asking
from resight.index.index import Index
from resight.index.queries import Query
from resight.search.dense import DenseSearch

pytestmark = pytest.mark.usefixtures("unsynced")

PHOTOS = collection(4)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("many") / "photos", PHOTOS)


@pytest.fixture(scope="module")
def words(folder: Path, recipes: Path) -> Index:
    index = Index.create(folder.parent / "words.resight", recipes / "verified.toml")
    index.add(folder)
    return index


@pytest.fixture(scope="module")
def vectors(folder: Path) -> Index:
    network = blank("mobilenet_v2")
    randomise(network, 1)
    weights = {name: value.contiguous() for name, value in network.state_dict().items()}
    save_file(weights, folder.parent / "net.safetensors")
    index = index_by(folder.parent, MAPS, folder.parent / "vectors.resight")
    index.add(folder)
    return index


def asked(folder: Path) -> list[Query]:
    """Queries of every kind, of several sizes."""
    turned = np.ascontiguousarray(np.rot90(PHOTOS["02-0.png"]))
    return [
        Query(folder / "00-0.png"),
        Query("01-1.png"),
        Query(Name("02-0.png"), box=(20, 20, 180, 130)),
        Query((folder / "03-0.png").read_bytes()),
        Query(PHOTOS["01-0.png"], mask=np.tile(np.arange(200) < 150, (150, 1))),
        Query(turned),
        Query(np.full((90, 90, 3), 7, np.uint8)),
        Query(texture(77)),
    ]


def test_words_are_found_exactly_as_one_by_one(words: Index, folder: Path) -> None:
    queries = asked(folder)
    for settings in ({"k": 3}, {"k": 50, "include_self": True, "mirror": False}, {"k": 5, "within": "0[0-2]*"}):
        many = list(words.search_many(queries, **settings))  # type: ignore[arg-type]
        alone = [words.search(query, **settings) for query in queries]  # type: ignore[arg-type]
        assert [told(one) for one in many] == [told(one) for one in alone]
        assert [(one.query, one.box, one.size, one.error) for one in many] == [
            (one.query, one.box, one.size, None) for one in alone
        ]
        assert [[hit.probability for hit in one] for one in many] == [[hit.probability for hit in one] for one in alone]


def test_mirrored_queries_are_found_exactly_as_one_by_one(words: Index) -> None:
    queries = [Query(np.ascontiguousarray(PHOTOS[name][:, ::-1])) for name in ("00-0.png", "01-0.png", "02-0.png")]
    many = list(words.search_many(queries, k=4, mirror=True))
    assert [told(one) for one in many] == [told(words.search(one, k=4, mirror=True)) for one in queries]
    assert [one.hits[0].mirrored for one in many] == [True] * 3


@pytest.mark.parametrize("mirror", [False, True])
def test_vectors_are_found_as_one_by_one(vectors: Index, folder: Path, mirror: bool) -> None:
    queries = asked(folder)
    many = list(vectors.search_many(queries, k=8, mirror=mirror))
    for found, query in zip(many, queries, strict=True):
        alone = vectors.search(query, k=8, mirror=mirror)
        assert names(found) == names(alone)
        np.testing.assert_allclose([hit.score for hit in found], [hit.score for hit in alone], atol=1e-5)
        np.testing.assert_allclose([hit.probability for hit in found], [hit.probability for hit in alone], atol=1e-3)
        assert [(hit.copy, hit.mirrored) for hit in found] == [(hit.copy, hit.mirrored) for hit in alone]


def test_a_network_sees_photos_of_one_size_at_once_and_vectors_are_one_matrix(
    vectors: Index, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[int] = []
    searched: list[int] = []
    extract, search = MapExtractor._run, DenseSearch.search_many

    def run(self, runtime, images):  # type: ignore[no-untyped-def]
        seen.append(len(images))
        return extract(self, runtime, images)

    def search_many(self, queries, k, allowed=None):  # type: ignore[no-untyped-def]
        searched.append(len(queries))
        return search(self, queries, k, allowed)

    monkeypatch.setattr(MapExtractor, "_run", run)
    monkeypatch.setattr(DenseSearch, "search_many", search_many)
    queries = [folder / name for name in PHOTOS]
    assert len(list(vectors.search_many(queries))) == len(queries) == 8
    assert (seen, searched) == ([8], [8])
    vectors.search_together(queries[:3])
    assert (seen, searched) == ([8, 3], [8, 3])


def bad_queries(folder: Path, tmp_path: Path) -> dict[str, tuple[Query, type[Exception], str]]:
    (tmp_path / "text.jpg").write_text("no photo")
    photo = PHOTOS["00-0.png"]
    return {
        "file": (Query(tmp_path / "text.jpg"), ImageError, r"text\.jpg: not an image"),
        "missing": (Query(tmp_path / "none.jpg"), ImageError, "no such file"),
        "bytes": (Query(b"no photo"), ImageError, "bytes: not an image"),
        "name": (Query("09-0.png"), UsageError, "neither a file nor the name of an indexed photo"),
        "box": (Query(photo, box=(0, 0, 900, 900)), UsageError, "it reaches beyond the image"),
        "mask": (Query(photo, mask=np.ones((150, 300))), UsageError, "must have the proportions of its photo"),
    }


@pytest.mark.parametrize("kind", ["file", "missing", "bytes", "name", "box", "mask"])
@pytest.mark.parametrize("recipe", ["words", "vectors"])
def test_a_bad_query_has_its_error_and_the_others_are_answered(
    request: pytest.FixtureRequest, recipe: str, folder: Path, tmp_path: Path, kind: str
) -> None:
    index: Index = request.getfixturevalue(recipe)
    query, error, said = bad_queries(folder, tmp_path)[kind]
    good = folder / "01-0.png"
    before, wrong, after = index.search_many([good, query, good], k=3)
    assert names(before) == names(after) == names(index.search(good, k=3))
    assert (wrong.hits, wrong.query, wrong.box, len(wrong)) == ([], query.title, query.box, 0)
    with pytest.raises(error, match=said):
        index.search(query)
    with pytest.raises(error, match=said):
        index.search_together([good, query])
    assert wrong.error is not None
    with pytest.raises(error, match=said):
        raise wrong.error
    assert wrong.to_dict()["error"] == str(wrong.error)
    assert "error" not in before.to_dict()
    # Alone in its turn, too.
    (alone,) = index.search_many([query])
    assert str(alone.error) == str(wrong.error)


def test_an_error_holds_no_pixels(words: Index) -> None:
    photo = np.zeros((150, 200, 3), np.uint8)
    query = Query(photo, box=(0, 0, 900, 900))
    pixels = weakref.ref(query.source)
    (wrong,) = words.search_many(iter([query]))
    del query
    gc.collect()
    assert wrong.error is not None
    assert pixels() is None


def test_queries_are_taken_as_results_are_asked_for(words: Index, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asking, "cores", lambda: 2)
    taken: list[str] = []

    def stream() -> Iterator[str]:
        for name in PHOTOS:
            taken.append(name)
            yield name

    results = words.search_many(stream(), k=1)
    assert taken == []
    first = next(results)
    assert len(taken) == 2
    rest = list(results)
    assert [one.query for one in (first, *rest)] == taken == list(PHOTOS)


def test_nothing_goes_on_between_two_results(words: Index, folder: Path) -> None:
    threads = cv2.getNumThreads()
    results = words.search_many([folder / "00-0.png", folder / "01-0.png", folder / "02-0.png"])
    next(results)
    assert cv2.getNumThreads() == threads
    results.close()  # type: ignore[attr-defined]


def test_all_results_are_of_the_generation_that_was_open(folder: Path, recipes: Path, tmp_path: Path) -> None:
    index = Index.create(tmp_path / "x.resight", recipes / "verified.toml")
    index.add(folder)
    results = index.search_many(["00-0.png"] * 5, k=1)
    first = next(results)
    index.remove("00-1.png")
    assert [names(one) for one in (first, *results)] == [["00-1.png"]] * 5
    assert names(index.search("00-0.png", k=1)) != ["00-1.png"]


def test_what_is_no_query_ends_the_search_when_its_turn_comes(words: Index) -> None:
    assert list(words.search_many([])) == []
    results = words.search_many([*["00-0.png"] * 5, 5])  # type: ignore[list-item]
    assert [next(results).error for _ in range(5)] == [None] * 5
    with pytest.raises(UsageError, match="the query is a int"):
        next(results)


@pytest.mark.parametrize("good", range(5))
def test_queries_before_an_error_of_their_iterable_are_answered_first(
    words: Index, monkeypatch: pytest.MonkeyPatch, good: int
) -> None:
    monkeypatch.setattr(asking, "cores", lambda: 3)

    def stream() -> Iterator[str]:
        yield from ["00-0.png"] * good
        raise OSError("the camera was unplugged")

    results = words.search_many(stream(), k=1)
    assert [names(next(results)) for _ in range(good)] == [["00-1.png"]] * good
    with pytest.raises(OSError, match="unplugged"):
        next(results)


def test_a_photo_that_is_gone_asks_with_what_the_index_keeps_of_it(folder: Path, recipes: Path, tmp_path: Path) -> None:
    photos = write(tmp_path / "photos", PHOTOS)
    index = Index.create(tmp_path / "x.resight", recipes / "verified.toml")
    index.add(photos)
    (photos / "00-0.png").unlink()
    gone, there, part = index.search_many(["00-0.png", "01-0.png", Query("00-0.png", box=(0, 0, 50, 50))], k=1)
    assert (names(gone), names(there)) == (["00-1.png"], ["01-1.png"])
    assert "its file is gone or has changed, so that it cannot be asked with a box" in str(part.error)


def test_an_array_that_changes_afterwards_is_not_the_query_any_more(words: Index) -> None:
    frame = PHOTOS["00-0.png"].copy()
    query = Query(frame)
    frame[:] = 0
    assert names(words.search(query, k=1)) == ["00-0.png"]


def test_a_query_tells_what_it_is() -> None:
    assert repr(Query("a.jpg", box=[1, 2, 3, 4])) == "Query('a.jpg', box=(1.0, 2.0, 3.0, 4.0))"
    assert repr(Query(bytes(10**6), mask=np.ones((2, 2)))) == "Query('bytes', mask='array')"
    assert repr(Query(PHOTOS["00-0.png"])) == "Query('array')"
