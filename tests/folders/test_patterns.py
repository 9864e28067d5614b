"""Patterns: what each means, and what a folder that matches takes with it."""

from __future__ import annotations

import contextlib
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resight.errors import UsageError
from resight.folders.patterns import NEVER_PHOTOS, Patterns, is_pattern

COVERED = {
    "#recycle": (["#recycle/1.jpg", "2019/#recycle/a/2.jpg", "#RECYCLE/1.jpg"], ["recycle/1.jpg", "#recycle2/1.jpg"]),
    "*.gif": (["a.gif", "2019/b.GIF", "odd.gif/x.jpg"], ["gif", "a.gif.jpg"]),
    "2019/": (["2019/a.jpg", "2019/05/b.jpg"], ["2019", "old/2019/a.jpg", "2019x/a.jpg"]),
    "/a.jpg": (["a.jpg"], ["x/a.jpg"]),
    "./a.jpg": (["a.jpg"], ["x/a.jpg"]),
    "*/thumbs/*": (["2019/thumbs/a.jpg", "2019/thumbs/small/a.jpg"], ["thumbs/a.jpg", "2019/05/thumbs/a.jpg"]),
    "**/thumbs/": (["thumbs/a.jpg", "2019/05/thumbs/x/a.jpg"], ["thumbs", "2019/thumbs"]),
    "2019/**": (["2019/a.jpg", "2019/05/a.jpg"], ["2019", "x/2019/a.jpg"]),
    "2019/**/raw/*": (["2019/raw/a.jpg", "2019/x/y/raw/a.jpg"], ["2019/raw", "raw/a.jpg"]),
    "img-??.jpg": (["img-01.jpg", "x/img-ab.jpg"], ["img-1.jpg", "img-001.jpg", "img-a/.jpg"]),
    "[a-c]*.jpg": (["a.jpg", "x/c1.jpg", "B.jpg"], ["d.jpg"]),
    "[!a-c].jpg": (["d.jpg"], ["a.jpg"]),
    "[]-]": (["]", "x/-"], ["a"]),
    "[z-a]": ([], ["z", "a", "[z-a]"]),
    "[ab": (["[ab", "x/[ab"], ["a", "b"]),
    r"\*\?.jpg": (["*?.jpg"], ["ab.jpg"]),
    r"\!a": (["!a"], ["a"]),
    "a.b+c(d)": (["a.b+c(d)", "x/A.B+C(D)"], ["axb+c(d)"]),
    unicodedata.normalize("NFD", "Köln/"): ([unicodedata.normalize("NFC", "Köln/a.jpg")], ["Koln/a.jpg"]),
    unicodedata.normalize("NFC", "Köln"): ([unicodedata.normalize("NFD", "x/KÖLN/a.jpg")], ["Koln/a.jpg"]),
}


@pytest.mark.parametrize("pattern", COVERED)
def test_a_pattern_covers_what_it_names_and_all_that_is_in_it(pattern: str) -> None:
    covered, free = COVERED[pattern]
    patterns = Patterns([pattern])
    assert [path for path in covered if not patterns.cover(path)] == []
    assert [path for path in free if patterns.cover(path)] == []


def test_several_patterns_are_any_of_them_and_none_is_nothing() -> None:
    patterns = Patterns(["*.gif", "2019/"])
    assert [patterns.cover(path) for path in ("a.gif", "2019/x.jpg", "a.jpg")] == [True, True, False]
    assert not Patterns().cover("a.jpg")
    assert (bool(Patterns()), bool(patterns)) == (False, True)


def test_folders_that_never_hold_a_persons_photos() -> None:
    never = Patterns(NEVER_PHOTOS)
    inside = ("@eaDir/a.jpg", "2019/@EADIR/4.jpg/SYNOPHOTO_THUMB_M.jpg", "x.photoslibrary/resources/derivatives/a.jpg")
    assert all(never.cover(path) for path in inside)
    # What was deleted is still a person's photo, until the person says otherwise.
    others = ("#recycle/a.jpg", "$RECYCLE.BIN/a.jpg", "@Recycle/a.jpg", "x.photoslibrary/originals/a.jpg", "@eaDir.jpg")
    assert not any(never.cover(path) for path in others)


@pytest.mark.parametrize("pattern", ["", "/", " ", "//", "a//b", "../a", "a/../b", "a\0b", "!a"])
def test_a_pattern_that_matches_nothing_is_refused(pattern: str) -> None:
    with pytest.raises(UsageError, match="pattern"):
        Patterns([pattern])


@given(st.text(st.characters(exclude_characters="/\0", exclude_categories=["Cs"]), min_size=1, max_size=20))
def test_any_name_with_a_backslash_before_each_character_matches_itself(name: str) -> None:
    escaped = "".join(f"\\{one}" for one in unicodedata.normalize("NFC", name))
    assert Patterns([escaped]).cover(f"x/{name}")


@given(st.text("[]!^-*?\\ab/.", min_size=1, max_size=12), st.text("ab/-]", min_size=1, max_size=8))
def test_no_pattern_breaks(pattern: str, path: str) -> None:
    with contextlib.suppress(UsageError):
        Patterns([pattern]).cover(path)


def test_what_is_a_pattern() -> None:
    assert [is_pattern(text) for text in ("a*", "a?", "[a]", "2019/", "a.jpg")] == [True, True, True, False, False]
