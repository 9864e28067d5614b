"""Rows as columns: texts as one run of bytes, orders of keys, the bytes that are kept, the table of all segments."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from resight.errors import IndexCorruptError, UsageError
from resight.store import INDEXED, UNREADABLE, Image
from resight.store.columns import Rows, parse_rows, rows_fault
from resight.store.keys import KeyOrder, SoughtTexts, rows_with_text
from resight.store.rows import STATES
from resight.store.table import ImageTable
from resight.store.texts import Texts

TEXTS = st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=5), max_size=12)


def image(name: str, content: str = "00", **fields: Any) -> Image:
    return Image(1, name, 7, 8, content, 640, 480)._replace(**fields)


def rows(ids: Sequence[int], *images: Image) -> Rows:
    return Rows.of(ids, [3] * len(ids), images)


@given(TEXTS, st.data())
def test_texts_are_what_a_list_of_them_is(given: list[str], data: st.DataObject) -> None:
    texts = Texts.of(given)
    places = data.draw(st.lists(st.integers(0, len(given) - 1), max_size=9) if given else st.just([]))
    for found, expected in (
        (texts, given),
        (texts.take(np.array(places, np.intp)), [given[place] for place in places]),
        (Texts.joined([texts, Texts.of([]), texts]), given * 2),
        (texts[1:], given[1:]),
        (Texts.from_offsets(*texts.take(np.array(places, np.intp)).packed()), [given[place] for place in places]),
    ):
        assert list(found) == [found[place] for place in range(len(found))] == expected
        assert found.present.tolist() == [bool(text) for text in expected]
    with pytest.raises(IndexError):
        texts[len(given)]


def test_a_text_with_a_zero_of_its_own_stays_one_text() -> None:
    assert list(Texts.of(["a\0b", "", "c"])) == ["a\0b", "", "c"]


@given(st.lists(st.integers(0, 5), max_size=30), st.lists(st.integers(0, 6), max_size=40))
def test_equal_keys_are_all_found(keys: list[int], asked: list[int]) -> None:
    order = KeyOrder.of(np.array(keys, np.uint64))
    assert order.by_row().tolist() == keys
    wanted = sorted(asked)
    places, found = order.matches(np.array(wanted, np.uint64))
    expected = [(place, row) for place, key in enumerate(wanted) for row, own in enumerate(keys) if own == key]
    assert sorted(zip(places.tolist(), found.tolist(), strict=True)) == expected
    for key in range(7):
        assert sorted(order.rows_with(key)) == [row for row, own in enumerate(keys) if own == key]


def test_another_text_of_the_same_key_is_not_taken_for_it() -> None:
    texts = Texts.of(["a", "b", "b"])
    (key,) = SoughtTexts.of(["b"]).keys
    order = KeyOrder.of(np.full(3, key))
    assert sorted(rows_with_text(order, texts, "b")) == [1, 2]
    assert sorted(SoughtTexts.of(["c", "b"]).rows_in(order, texts)) == [(1, 1), (1, 2)]


def test_rows_are_read_as_they_were_written() -> None:
    images = [
        image("ünï/日本.jpg", "ab" * 32),
        image("a.jpg", "", state=UNREADABLE, reason="truncated", tried_by="pillow-1", mask="m", mtime_ns=-5),
    ]
    kept = rows([5, 4], *images)
    read = parse_rows(kept.content)
    assert [read.image(row) for row in range(2)] == images
    assert (read.ids.tolist(), read.added.tolist()) == ([5, 4], [3, 3])
    assert rows_fault(read, {1}, 6) == ""
    assert read.content == kept.content
    assert all(array.ctypes.data % array.itemsize == 0 for array in (read.ids, read.roots)), "arrays begin unaligned"
    assert parse_rows(Rows.of([], [], []).content).names.tolist() == []


@pytest.mark.parametrize("cut", [0, 1, 63, 500, -1])
def test_cut_rows_are_none(cut: int) -> None:
    content = rows([1], image("a.jpg")).content
    with pytest.raises(ValueError, match=r"array|columns"):
        parse_rows(content[:cut])
    with pytest.raises(ValueError, match="columns"):
        parse_rows(content + b"\0")


def test_rows_that_refer_to_what_is_not_there_are_refused() -> None:
    kept = rows([1, 2], image("a.jpg"), image("b.jpg"))
    wrong = Texts(kept.names.data, kept.names.starts, np.array([2, 99], np.uint32))
    for fault, spoilt in {
        "ids": replace(kept, ids=np.array([1, 9])),
        "ids that": replace(kept, ids=np.array([2, 2])),
        "folder": replace(kept, roots=np.array([1, 2], np.int32)),
        "state": replace(kept, states=np.array([0, len(STATES)], np.uint8)),
        "names or hashes": replace(kept, hash_order=KeyOrder(kept.hash_order.keys, np.array([0, 2], np.int32))),
        "names: does not say": replace(kept, names=wrong),
        "masks: has bytes that are no text": replace(
            kept, masks=Texts.from_offsets(np.array([255, 0, 0], np.uint8), np.array([0, 2, 3], np.uint32))
        ),
        "reasons: has texts that do not end": replace(
            kept, reasons=Texts.from_offsets(np.array([65, 66, 0], np.uint8), np.array([0, 1, 3], np.uint32))
        ),
    }.items():
        assert fault in rows_fault(spoilt, {1}, 3)


def test_a_number_that_is_too_large_is_said() -> None:
    with pytest.raises(UsageError, match="4294967296 is too large"):
        rows([1], image("a.jpg", width=1 << 32))


def test_chosen_rows_keep_all_that_is_known_of_them() -> None:
    one = rows([4, 2], image("d", "x"), image("b", "y"))
    other = rows([1, 9], image("a", "y"), image("i", "z", reason="remark"))
    merged = Rows.chosen([one, other], np.array([9, 2, 4]))
    assert [merged.image(row) for row in range(3)] == [other.image(1), one.image(1), one.image(0)]
    assert merged.ids.tolist() == [9, 2, 4]
    assert rows_with_text(merged.name_order, merged.names, "b") == [1]
    assert parse_rows(merged.content).names.tolist() == ["i", "b", "d"]
    assert len(Rows.chosen([], np.empty(0, np.int64))) == 0


def table() -> ImageTable:
    """Ids 1 to 6 without 3, over two segments whose ids and rows are not in order."""
    one = rows([4, 2, 3], image("d", "x"), image("b", "y"), image("c", "x"))
    other = rows([6, 1, 5], image("c", "x"), image("a", "w", state=UNREADABLE), image("e", "x", width=9))
    return ImageTable({7: one, 8: other}, {3})


def test_a_table_has_the_live_images_in_the_order_of_their_ids() -> None:
    images = table()
    assert images.ids.tolist() == [1, 2, 4, 5, 6]
    assert list(images.names) == [*"abdec"]
    assert list(images.hashes) == [*"wyxxx"]
    assert images.segments.tolist() == [8, 7, 7, 8, 8]
    assert images.rows.tolist() == [1, 1, 0, 2, 0]
    assert images.widths.tolist() == [640, 640, 640, 9, 640]
    assert images.indexed.tolist() == [False, True, True, True, True]
    assert list(images.states) == [UNREADABLE, *[INDEXED] * 4]
    assert [images.image(place).name for place in range(5)] == [*"abdec"]


def test_names_and_hashes_are_found_where_they_are_live() -> None:
    images = table()
    assert dict(images.by_name) == {"a": 0, "b": 1, "d": 2, "e": 3, "c": 4}
    assert images.places_of([*"cxbaeb"]) == [4, None, 1, 0, 3, 1]
    assert "c" in images.by_name
    assert ("x" in images.by_name, images.by_name.get("x"), images.by_name.get("\udcff")) == (False, None, None)
    assert [images.with_hash(key) for key in "wxyz"] == [[0], [2, 3, 4], [1], []]
    assert ImageTable({}, set()).places_of(["a"]) == [None]


def test_an_image_in_two_segments_is_damage() -> None:
    with pytest.raises(IndexCorruptError, match="two segments"):
        ImageTable({1: rows([1], image("a")), 2: rows([1], image("b"))}, set())
