"""The page: one self-contained, well-formed file that shows what it was given and runs nothing."""

from __future__ import annotations

import base64
import re
import xml.etree.ElementTree as ET
from html.parser import HTMLParser
from pathlib import Path

import cv2
import numpy as np
import pytest

from resight.errors import StorageError, UsageError
from resight.search.ranking import Verification
from resight.show.page import PageHit, PagePhoto, PageQuery, write_page

NASTY = "a \"b\" 'c' <script>alert(1)</script>\n& \x00\udcff.jpg"
VOID = {"meta"}


class Outline(HTMLParser):
    """Tags with their attributes, the text, and whether every tag was closed in its turn."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.text = ""

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


def read(path: Path) -> Outline:
    outline = Outline()
    outline.feed(path.read_text(encoding="utf-8"))
    assert outline.open == []
    return outline


def photo(height: int, width: int, seed: int = 0) -> np.ndarray:
    small = np.random.default_rng(seed).integers(0, 256, (6, 8, 3), dtype=np.uint8)
    return np.asarray(cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC), np.uint8)


def verified(count: int, scale: float = 1.0) -> Verification:
    xy = np.random.default_rng(1).uniform(50, 200, (count, 2)).astype(np.float32)
    return Verification(np.diag([scale, scale, 1.0]), xy, xy * np.float32(scale), float(count))


@pytest.fixture
def page(tmp_path) -> Path:
    hits = [
        PageHit("first.jpg", 12.5, PagePhoto(photo(200, 320, 1)), verified(150), mark="right"),
        PageHit(NASTY, 1.0, PagePhoto(photo(640, 480, 2), (10, 20, 110, 220), 0.5), mark="wrong"),
        PageHit("gone.jpg", 0.25, PagePhoto(None), verified(9), mark="junk"),
    ]
    asked = PagePhoto(photo(480, 640), (64, 48, 320, 240))
    return write_page(tmp_path / "hits.html", [PageQuery(NASTY, [asked], hits)], note="x.resight & <more>")


def test_it_is_one_file_that_needs_nothing_else(page):
    outline, text = read(page), page.read_text(encoding="utf-8")
    assert not outline.all("script")
    assert not outline.all("link")
    references = [v for _, a in outline.tags for k, v in a.items() if k in {"href", "src", "xlink:href"}]
    assert references
    assert all(v.startswith(("data:image/jpeg;base64,", "#query-")) for v in references)
    assert "http" not in text
    assert "url(" not in text
    assert not any(name.startswith("on") for _, a in outline.tags for name in a)


def test_names_are_text_and_nothing_more(page):
    outline = read(page)
    assert outline.text.count("<script>alert(1)</script>") == 2
    assert "\x00" not in page.read_text(encoding="utf-8")
    labels = [a["aria-label"] for a in outline.all("svg") if "aria-label" in a]
    assert any("\"b\" 'c' <script>" in label for label in labels)


def test_every_drawing_has_a_text_in_its_place(page):
    outline = read(page)
    drawings = [a for a in outline.all("svg") if a.get("role") == "img"]
    assert len(drawings) == 3
    assert all(a["aria-label"] for a in drawings)
    assert "150 matched points" in drawings[1]["aria-label"]


def test_hits_stand_in_order_with_rank_score_inliers_and_mark(page):
    text = re.sub(r"\s+", " ", read(page).text)
    places = [text.index(part) for part in ("1 first.jpg", '2 a "b"', "3 gone.jpg")]
    assert places == sorted(places)
    for part in (
        "score 12.500 · 150 inliers",
        "right",
        "wrong",
        "junk",
        "3 hits, 2 verified by matched points",
        "x.resight & <more>",
        "cannot be shown",
    ):
        assert part in text


def test_thumbnails_are_small_and_each_photo_is_there_once(page):
    uris = [a["href"] for a in read(page).all("image")]
    assert len(uris) == len(set(uris)) == 3
    for uri, side in zip(uris, (360, 320, 360), strict=True):
        data = np.frombuffer(base64.b64decode(uri.split(",")[1]), np.uint8)
        assert max(cv2.imdecode(data, cv2.IMREAD_COLOR).shape[:2]) == side


def test_lines_join_the_points_in_thumbnail_pixels(page):
    lines = read(page).all("line")
    assert len(lines) == 40
    points = {tuple(np.round(p, 0)) for p in verified(150).query_xy * 0.5625}
    for line in lines:
        x, y = float(line["x1"]), float(line["y1"])
        assert any(abs(x - px) <= 1 and abs(y - py) <= 1 for px, py in points)
        # The transform is the identity; the query is drawn at 360 / 640, which is 270 high, the hit at 270 / 200.
        assert float(line["x2"]) == pytest.approx(2.4 * x + 368, abs=0.3)
        assert float(line["y2"]) == pytest.approx(2.4 * y, abs=0.3)


def test_boxes_are_outlined_where_they_are(page):
    shapes = [a["points"] for a in read(page).all("polygon") if a["class"] == "box"]
    # The query's box at 360 / 640, twice; where it lies in the first hit; the second hit's box at 360 / 1280.
    assert shapes.count("36.0,27.0 180.0,27.0 180.0,135.0 36.0,135.0") == 2
    assert "64.0,48.0 320.0,48.0 320.0,240.0 64.0,240.0" in shapes
    assert "2.8,5.6 30.9,5.6 30.9,61.9 2.8,61.9" in shapes
    assert len(shapes) == 4


def test_the_drawings_are_well_formed_xml(page):
    for drawing in re.findall(
        r'<svg (?:class="query" )?role="img".*?</svg>(?=</div>|<figcaption>)', page.read_text("utf-8")
    ):
        ET.fromstring(drawing)


def test_a_transform_to_infinity_draws_no_outline(tmp_path):
    wild = Verification(np.array([[1.0, 0, 0], [0, 1, 0], [-0.01, 0, 1]]), *(np.ones((9, 2), np.float32),) * 2, 9.0)
    hit = PageHit("x.jpg", 1.0, PagePhoto(photo(200, 300)), wild)
    asked = PagePhoto(photo(200, 300), (0, 0, 300, 200))
    outline = read(write_page(tmp_path / "p.html", [PageQuery("q", [asked], [hit])]))
    assert len([a for a in outline.all("polygon") if a["class"] == "box"]) == 2  # the query's own, twice


def test_a_hit_stands_beside_the_photo_that_it_was_verified_with(tmp_path):
    asked = [PagePhoto(photo(300, 400, 1)), PagePhoto(None), PagePhoto(photo(400, 300, 2))]
    hits = [PageHit(f"{i}.jpg", 1.0, PagePhoto(photo(300, 400, 9)), verified(9), query=i) for i in (2, 1, 0)]
    outline = read(write_page(tmp_path / "p.html", [PageQuery("a + b + c", asked, hits)]))
    assert [a["href"] for a in outline.all("use")] == ["#query-0-2", "#query-0-0"]
    assert {a["id"] for a in outline.all("image") if "id" in a} == {"query-0-0", "query-0-2"}
    assert "2 1.jpg" in re.sub(r"\s+", " ", outline.text)
    assert outline.text.count("cannot be shown") == 1


def test_nothing_found_and_no_queries_are_said(tmp_path):
    assert (
        "Nothing was found."
        in read(write_page(tmp_path / "a.html", [PageQuery("q", [PagePhoto(photo(9, 9))], [])])).text
    )
    assert "No queries." in read(write_page(tmp_path / "b.html", [], title="<Empty>")).text


def test_a_page_appears_whole_or_not_at_all(tmp_path, monkeypatch):
    target = tmp_path / "p.html"
    target.write_text("before")

    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(StorageError, match="No space left on device"):
        write_page(target, [])
    assert target.read_text() == "before"
    assert [p.name for p in tmp_path.iterdir()] == ["p.html"]


def test_a_folder_that_is_missing_is_named(tmp_path):
    with pytest.raises(StorageError, match="nowhere"):
        write_page(tmp_path / "nowhere" / "p.html", [])


def test_other_arrays_are_refused(tmp_path):
    with pytest.raises(UsageError, match="RGB"):
        write_page(tmp_path / "p.html", [PageQuery("q", [PagePhoto(np.zeros((5, 5), np.uint8))], [])])


def test_hits_stand_below_lines_between_what_is_sure_and_filler(tmp_path):
    given = [0.99, 0.1, 0.97, 0.5, 0.0]
    hits = [PageHit(f"{p}.jpg", 1.0, PagePhoto(photo(60, 80)), probability=p) for p in given]
    asked = PagePhoto(photo(60, 80))
    outline = read(write_page(tmp_path / "hits.html", [PageQuery("query", [asked], hits)]))
    lines = [a["class"] for a in outline.all("li") if a["class"].startswith("line")]
    assert lines == ["line sure", "line possible", "line filler"]
    text = re.sub(r"\s+", " ", outline.text)
    wanted = ("2 sure", "1 0.99.jpg", "3 0.97.jpg", "1 possible", "4 0.5.jpg", "2 filler", "2 0.1.jpg", "5 0.0.jpg")
    places = [text.index(part) for part in wanted]
    assert places == sorted(places)
    assert "score 1.000 · probability 0.97" in text


def test_hits_that_nobody_judged_have_no_line(page):
    assert not [a for a in read(page).all("li") if "line" in a["class"].split()]
