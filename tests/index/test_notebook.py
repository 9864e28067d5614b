"""A result shows itself in a notebook: nothing but its own HTML, with names and reasons that mean only themselves."""

from __future__ import annotations

import base64
import gc
import pickle
import re
import shutil
import weakref
from html.parser import HTMLParser
from pathlib import Path

import pytest

from index_samples import collection, write
from resight.errors import UsageError
from resight.images import decode_bytes
from resight.index.index import Index
from resight.index.notebook import SHOWN, SIDE
from resight.index.results import Hit, Result

pytestmark = pytest.mark.usefixtures("unsynced")

EVIL = '<img src=x onerror="alert(1)">&.png'


class Outline(HTMLParser):
    """The tags, attributes and text of HTML; refuses tags that are closed in another order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.text = ""
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in ("img", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.fixture
def index(tmp_path: Path, recipes: Path) -> Index:
    photos = collection(2)
    folder = write(tmp_path / "photos", {**photos, "copy.png": photos["00-0.png"]})
    shutil.copy2(folder / "01-1.png", folder / "again.png")
    index = Index.create(tmp_path / "x.resight", recipes / "verified.toml")
    index.add(folder)
    return index


def shown(result: Result) -> Outline:
    return Outline(result._repr_html_())


def test_hits_are_thumbnails_with_name_verdict_and_probability(index: Index) -> None:
    result = index.search("00-0.png", k=3)
    page = shown(result)
    pictures = [attributes for tag, attributes in page.tags if tag == "img"]
    assert [one["alt"] for one in pictures] == [hit.name for hit in result] == ["copy.png", "00-1.png", result[2].name]
    for one in pictures:
        assert one["src"] is not None
        data = base64.b64decode(one["src"].removeprefix("data:image/jpeg;base64,"), validate=True)
        assert decode_bytes(data, "thumbnail").size == (SIDE, SIDE * 3 // 4)
    assert "00-0.png: 3 hits" in page.text
    for rank, hit in enumerate(result, start=1):
        assert f"{rank} {hit.name}{hit.verdict}, probability {hit.probability:.2f}" in page.text


def test_what_is_shown_needs_nothing_from_elsewhere(index: Index) -> None:
    text = index.search("00-0.png")._repr_html_()
    assert {tag for tag, _ in Outline(text).tags} == {"div", "b", "figure", "img", "figcaption", "bdi", "br"}
    assert re.findall(r"https?:|url\(|<script|<link|<style", text) == []


def test_a_photo_that_is_gone_or_has_changed_says_so(index: Index, tmp_path: Path) -> None:
    result = index.search("00-0.png", k=3)
    (tmp_path / "photos" / "copy.png").unlink()
    (tmp_path / "photos" / "00-1.png").write_bytes(b"another")
    page = shown(result)
    assert page.text.count("its file is gone or has changed") == 2
    assert [attributes["alt"] for tag, attributes in page.tags if tag == "img"] == [result[2].name]
    # A hit that somebody else made has no file.
    assert "its file is gone" in shown(Result("q", None, [Hit("a.png", 1.0)], 0.1)).text


def test_names_and_reasons_are_text(index: Index) -> None:
    page = shown(Result(EVIL, None, [Hit(EVIL, 1.0)], 0.1))
    assert page.text.count(EVIL) == 2
    assert "img" not in {tag for tag, _ in page.tags}
    wrong = shown(Result(EVIL, None, [], 0.1, error=UsageError(f"{EVIL}: no such file")))
    assert wrong.text == f"{EVIL}: {EVIL}: no such file"
    assert "img" not in {tag for tag, _ in wrong.tags}


def test_only_the_first_hits_are_shown() -> None:
    page = shown(Result("q", None, [Hit(f"{n}.png", 1.0) for n in range(SHOWN + 5)], 0.1))
    assert sum(tag == "figure" for tag, _ in page.tags) == SHOWN
    assert f"{SHOWN + 5} hits, of which the first {SHOWN} are shown" in page.text
    assert "q: 0 hits" in shown(Result("q", None, [], 0.1)).text


def test_a_result_keeps_its_files_and_not_the_index(index: Index, tmp_path: Path) -> None:
    result = index.search("00-0.png", k=2)
    opened = weakref.ref(index.collection)
    index.refresh()
    gc.collect()
    assert opened() is None
    assert [hit.file.path for hit in result if hit.file] == [tmp_path / "photos" / hit.name for hit in result]
    kept = pickle.loads(pickle.dumps(result))
    shutil.rmtree(index.path)
    assert kept._repr_html_() == result._repr_html_()
    assert "<img" in kept._repr_html_()
