from __future__ import annotations

import os
import sqlite3
import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from store_samples import (
    CHOICES,
    FITTED,
    RECIPE,
    ROOTS,
    anything,
    base,
    batch,
    contents,
    create,
    id_of,
    image,
    merged,
    steps,
)

from resight.errors import (
    IndexCorruptError,
    IndexFormatError,
    IndexLockedError,
    IndexMissingError,
    StorageError,
    UsageError,
)
from resight.store import Batch, Choices, Image, MaskChoice, Root, Store, catalogue, repair, verify
from resight.store.generations import FORMAT


def test_a_new_index_holds_its_recipe_and_fitted_files_and_no_images(tmp_path: Path) -> None:
    create(tmp_path / "x.resight")
    assert contents(tmp_path / "x.resight") == {
        "generation": 0,
        "next_image": 1,
        "roots": {},
        "choices": Choices(),
        "images": {},
        "added": [],
        "told": [],
        "recipe": RECIPE,
        "fitted": FITTED,
    }
    assert os.listdir(tmp_path) == ["x.resight"]


def test_create_refuses_a_place_that_is_taken_and_leaves_it(tmp_path: Path) -> None:
    (tmp_path / "photo.jpg").write_bytes(b"x")
    with pytest.raises(UsageError, match="not empty"):
        create(tmp_path)
    assert os.listdir(tmp_path) == ["photo.jpg"]


def test_create_fills_an_empty_folder_and_clears_what_a_killed_creation_left(tmp_path: Path) -> None:
    (tmp_path / "x.resight").mkdir()
    (tmp_path / ".x.resight.writing-1" / "segments").mkdir(parents=True)
    create(tmp_path / "x.resight")
    assert os.listdir(tmp_path) == ["x.resight"]


@pytest.mark.parametrize("name", ["codebook.npz", "../words/a.npz", "words/../../a.npz", "words/a b.npz"])
def test_fitted_files_stay_inside_their_folder(tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError):
        Store.create(tmp_path / "x.resight", RECIPE, {name: b""}, created_by="")
    assert os.listdir(tmp_path) == []


def test_open_says_what_is_not_an_index(tmp_path: Path) -> None:
    with pytest.raises(IndexMissingError, match="resight index"):
        Store.open(tmp_path / "none", read_only=True)
    with pytest.raises(IndexMissingError, match="not an index"):
        Store.open(tmp_path, read_only=True)


def test_an_open_index_that_has_gone_is_missed(tmp_path: Path) -> None:
    path = base(tmp_path / "x.resight").path
    reader = Store.open(path, read_only=True)
    path.rename(tmp_path / "elsewhere.resight")
    for ask in (reader.snapshot, reader.recipe, reader.created_by, reader.fitted, reader.removed_images):
        with pytest.raises(IndexMissingError, match=r"x\.resight: there is no such folder any more"):
            ask()


def test_another_format_version_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = base(tmp_path / "x.resight").path
    for module in ("resight.store.generations.FORMAT", "resight.store.catalogue.FORMAT"):
        monkeypatch.setattr(module, FORMAT + 1)
    for refused in (lambda: Store.open(path, read_only=True), lambda: verify(path)):
        with pytest.raises(IndexFormatError, match=f"format {FORMAT}, this version of resight reads {FORMAT + 1}"):
            refused()


def test_ids_follow_sorted_names_and_rows_follow_the_batch(tmp_path: Path) -> None:
    images = base(tmp_path / "x.resight").snapshot().images
    assert list(images.names) == ["a.jpg", "b.jpg", "bad.jpg", "d.jpg"]
    assert images.ids.tolist() == [1, 2, 3, 5]
    assert images.rows.tolist() == [1, 0, 2, 1]
    assert images.segments.tolist() == [1, 1, 1, 2]
    assert images.added.tolist() == [1, 1, 1, 2]
    assert images.indexed.tolist() == [True, True, False, True]
    assert images.image(2) == image("bad.jpg")
    assert images.positions(np.array([5, 1])).tolist() == [3, 0]
    with pytest.raises(UsageError):
        images.positions(np.array([4]))


def test_arrays_come_back_as_they_went_in_and_cannot_be_written(tmp_path: Path) -> None:
    arrays = {
        "empty": np.zeros((0, 7), np.uint64),
        "scalar": np.array(3.5),
        "columns": np.asfortranarray(np.arange(60000, dtype=np.int32).reshape(300, 200)),
        "strided": np.arange(100000, dtype=np.int16)[::3],
    }
    store = create(tmp_path / "x.resight")
    with store.writing():
        store.commit(Batch([image("a.jpg")], {"words": arrays}), roots=ROOTS)
    (segment,) = store.snapshot(lambda: {"words": anything}).segments
    assert segment.channels == ("words",)
    assert segment.arrays("cnn", anything) == {}
    opened = segment.arrays("words", anything)
    assert opened.keys() == arrays.keys()
    for name, expected in arrays.items():
        assert opened[name].dtype == expected.dtype
        assert type(opened[name]) is np.ndarray
        np.testing.assert_array_equal(opened[name], expected)
        with pytest.raises(ValueError, match="read-only"):
            opened[name][...] = 0


@pytest.mark.parametrize("key", ["", "a/b", "..", "a.b", "ä"])
def test_channels_and_arrays_are_named_like_files(tmp_path: Path, key: str) -> None:
    store = base(tmp_path / "x.resight")
    before = contents(store.path)
    for arrays in ({key: {"a": np.zeros(1)}}, {"words": {key: np.zeros(1)}}):
        with store.writing(), pytest.raises(UsageError):
            store.commit(Batch([image("z.jpg")], arrays))
    assert contents(store.path) == before
    assert verify(store.path).problems == []


def test_each_change_is_one_generation_and_leaves_a_sound_index(tmp_path: Path) -> None:
    store = base(tmp_path / "x.resight")
    for number, step in enumerate(steps(), start=4):
        with store.writing():
            assert step(store) == number
        assert verify(store.path).problems == []
    seen = contents(store.path)
    assert [i.name for i in seen["images"].values()] == ["bad.jpg", "d.jpg", "bad2.jpg", "e.jpg", "a.jpg", "f.jpg"]
    assert list(seen["images"]) == [3, 5, 6, 7, 8, 9]
    assert seen["roots"] == {1: Root("/photos", ""), 2: Root("/moved", "more")}
    assert seen["added"] == [1, 2, 4, 4, 5, 9]
    assert set(seen["fitted"]) == {*FITTED, "edges/mean.npz"}
    assert sorted(p.name for p in (store.path / "segments").iterdir()) == [
        "00000007",
        "00000009",
        "choices-00000010.json",
        "generation-00000010.json",
    ]
    assert seen["choices"] == Choices(("2019/",), frozenset(), CHOICES.masks)


def test_choices_are_there_again_after_a_repair_and_what_cannot_be_stored_is_refused(tmp_path: Path) -> None:
    store = base(tmp_path / "x.resight")
    (store.path / "catalog.sqlite").unlink()
    repair(store.path)
    assert Store.open(store.path, read_only=True).snapshot().choices == CHOICES
    for wrong in (
        Choices(("\udcff",)),
        Choices(removed=frozenset({(1, "\udcff")})),
        Choices(masks={1: MaskChoice("\udcff")}),
    ):
        with store.writing(), pytest.raises(UsageError, match="not Unicode text"):
            store.commit(choices=wrong)


def test_ids_are_never_used_again(tmp_path: Path) -> None:
    store = base(tmp_path / "x.resight")
    with store.writing():
        store.commit(removed=[5])
        store.replace_segments(*merged(store))
        store.commit(batch("z.jpg"))
    assert id_of(store, "z.jpg") == 6


def test_merging_keeps_ids_and_drops_what_was_removed(tmp_path: Path) -> None:
    store = base(tmp_path / "x.resight")
    before = contents(store.path)
    with store.writing():
        number = store.replace_segments(*merged(store))
    assert contents(store.path) == {**before, "generation": number}
    assert [segment.rows for segment in store.snapshot().segments] == [4]


def test_segments_without_a_live_image_vanish(tmp_path: Path) -> None:
    store = base(tmp_path / "x.resight")
    with store.writing():
        store.commit(removed=[5])
        store.replace_segments([2], [], {})
    assert [segment.number for segment in store.snapshot().segments] == [1]
    assert verify(store.path).problems == []


@pytest.mark.parametrize(("replaced", "ids"), [([1], [1, 2]), ([1], [1, 2, 3, 5]), ([2], [4, 5]), ([9], [])])
def test_merging_needs_exactly_the_live_images(tmp_path: Path, replaced: list[int], ids: list[int]) -> None:
    store = base(tmp_path / "x.resight")
    before = contents(store.path)
    with store.writing(), pytest.raises(UsageError, match="not the live images"):
        store.replace_segments(replaced, ids, {})
    assert contents(store.path) == before


@pytest.mark.parametrize(
    ("added", "removed"),
    [
        (batch("a.jpg"), []),
        (batch("z.jpg", "z.jpg"), []),
        (batch("z.jpg"), [4]),
        (None, [99]),
        (Batch([image("z.jpg")._replace(root=7)], {}), []),
        (Batch([image("z.jpg")._replace(state="lost")], {}), []),
        (Batch([image("z\udcff.jpg")], {}), []),
        (Batch([image("")], {}), []),
        (Batch([image("z.jpg")], {"words": {"a": np.array([object()])}}), []),
    ],
)
def test_a_wrong_change_changes_nothing(tmp_path: Path, added: Batch | None, removed: list[int]) -> None:
    store = base(tmp_path / "x.resight")
    before = contents(store.path)
    with store.writing(), pytest.raises(UsageError):
        store.commit(added, removed)
    assert contents(store.path) == before
    assert verify(store.path).problems == []


def test_a_name_is_free_again_once_its_image_is_removed(tmp_path: Path) -> None:
    store = base(tmp_path / "x.resight")
    with store.writing():
        store.commit(batch("a.jpg", seed=9), removed=[1])
        store.commit(removed=[6])
        store.commit(batch("a.jpg", seed=10))
    assert id_of(store, "a.jpg") == 7


def test_nothing_to_do_makes_no_generation(tmp_path: Path) -> None:
    store = base(tmp_path / "x.resight")
    with store.writing():
        assert store.commit() == 3
        assert store.commit(Batch([], {}), roots=ROOTS) == 3


def test_fitted_channels_are_frozen(tmp_path: Path) -> None:
    store = base(tmp_path / "x.resight")
    with store.writing(), pytest.raises(UsageError, match="frozen"):
        store.add_fitted({"words/other.npz": b""})
    assert contents(store.path)["fitted"] == FITTED


def test_a_recipe_edited_by_hand_is_refused(tmp_path: Path) -> None:
    store = base(tmp_path / "x.resight")
    (store.path / "recipe.toml").write_text(RECIPE + "# mine\n")
    with pytest.raises(IndexCorruptError, match="changed"):
        store.recipe()


def test_changes_need_the_lock(tmp_path: Path) -> None:
    store = base(tmp_path / "x.resight")
    with pytest.raises(IndexLockedError, match="writing"):
        store.commit(removed=[1])
    with pytest.raises(StorageError, match="reading only"), Store.open(store.path, read_only=True).writing():
        pass


def test_a_reader_keeps_its_generation_while_others_write(tmp_path: Path) -> None:
    store = base(tmp_path / "x.resight")
    reader = Store.open(store.path, read_only=True)
    kept = reader.snapshot(lambda: {"words": anything})
    bits = kept.segments[0].arrays("words", anything)["bits"].copy()
    with store.writing():
        for step in steps():
            step(store)
    assert kept.generation == 3
    np.testing.assert_array_equal(kept.segments[0].arrays("words", anything)["bits"], bits)
    assert reader.snapshot(lambda: {"words": anything}).generation == 10


def test_a_reader_that_meets_a_merge_opens_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = base(tmp_path / "x.resight")
    get_choices = catalogue.get_choices
    seen = []

    def merge_meanwhile(connection: sqlite3.Connection) -> Choices:
        choices = get_choices(connection)
        if connection.in_transaction:
            connection.execute("COMMIT")
        seen.append(len(seen))
        if seen == [0]:
            with store.writing():
                store.replace_segments(*_merge)
        return choices

    _merge = merged(store)
    reader = Store.open(store.path, read_only=True)
    monkeypatch.setattr(catalogue, "get_choices", merge_meanwhile)
    snapshot = reader.snapshot(lambda: {"words": anything})
    assert snapshot.generation == 4
    assert [segment.number for segment in snapshot.segments] == [4]


def test_a_lost_file_is_named(tmp_path: Path) -> None:
    store = base(tmp_path / "x.resight")
    lost = store.path / "segments/00000002/words/bits.npy"
    lost.unlink()
    with pytest.raises(IndexCorruptError, match=r"bits\.npy is missing"):
        Store.open(store.path, read_only=True).snapshot(lambda: {"words": anything})
    lost.write_bytes(b"short")
    with pytest.raises(IndexCorruptError, match="has 5 bytes"):
        Store.open(store.path, read_only=True).snapshot(lambda: {"words": anything})


def test_segments_opened_once_stay_open(tmp_path: Path) -> None:
    store = base(tmp_path / "x.resight")
    first = store.snapshot(lambda: {"words": anything}).segments[0]
    with store.writing():
        store.commit(batch("z.jpg"))
    assert store.snapshot(lambda: {"words": anything}).segments[0] is first


def test_threads_read_while_one_writes(tmp_path: Path) -> None:
    store = base(tmp_path / "x.resight")
    failures: list[BaseException] = []
    done = threading.Event()

    def read() -> None:
        try:
            while not done.is_set():
                images = store.snapshot(lambda: {"words": anything}).images
                assert len(images) == 4 + len([n for n in images.names if n.startswith("n")])
        except BaseException as error:
            failures.append(error)

    readers = [threading.Thread(target=read) for _ in range(3)]
    for reader in readers:
        reader.start()
    with store.writing():
        for i in range(10):
            store.commit(batch(f"n{i}.jpg", seed=i))
    done.set()
    for reader in readers:
        reader.join()
    assert failures == []


def test_numpy_numbers_are_stored_as_plain_ones(tmp_path: Path) -> None:
    store = create(tmp_path / "x.resight")
    odd = Image(np.int64(1), "ünï 日本/%FF.jpg", np.int64(1), np.int64(-5), "h", np.int32(3), np.int32(4))  # type: ignore[arg-type]
    with store.writing():
        store.commit(Batch([odd], {}), roots=ROOTS)
    assert store.snapshot().images.image(0) == odd
    assert verify(store.path).problems == []


def test_the_path_of_an_index_may_hold_any_character(tmp_path: Path) -> None:
    store = base(tmp_path / "odd ?#% name.resight")
    assert len(Store.open(store.path, read_only=True).snapshot().images) == 4


def test_choices_are_written_when_they_change_and_never_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = base(tmp_path / "x.resight")
    (file,) = store.path.glob("segments/choices-*.json")
    inode = file.stat().st_ino

    def refused(*_: object) -> None:
        raise AssertionError("choices that have not changed are put into JSON")

    with monkeypatch.context() as patch:
        for name in ("resight.store.choices.choices_content", "resight.store.catalogue.choices_content"):
            patch.setattr(name, refused)
        with store.writing():
            store.commit(batch("z.jpg"), roots=ROOTS, choices=replace(CHOICES))
            store.commit(removed=[id_of(store, "z.jpg")])
            store.replace_segments(*merged(store))
            store.add_fitted({"edges/mean.npz": b"m" * 50})
        assert store.snapshot().choices == CHOICES
    assert ([file], inode) == ([*store.path.glob("segments/choices-*.json")], file.stat().st_ino)
    with store.writing():
        number = store.commit(choices=replace(CHOICES, excluded=()))
    assert [path.name for path in store.path.glob("segments/choices-*.json")] == [f"choices-{number:08d}.json"]
    assert store.snapshot().choices == Store.open(store.path, read_only=True).snapshot().choices
    assert verify(store.path).problems == []


def test_a_reader_sees_the_choices_that_another_process_set(tmp_path: Path) -> None:
    store = base(tmp_path / "x.resight")
    reader = Store.open(store.path, read_only=True)
    assert reader.snapshot().choices == CHOICES
    with store.writing():
        store.commit(choices=Choices(("new",)))
    assert reader.snapshot().choices == Choices(("new",))


def test_a_name_is_removed_of_one_root_alone() -> None:
    choices = Choices(removed=frozenset({(1, "a.jpg"), (2, "b.jpg")}))
    assert (choices.removed_of(1), choices.removed_of(2), choices.removed_of(3)) == ({"a.jpg"}, {"b.jpg"}, set())
