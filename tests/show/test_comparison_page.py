"""The page of a comparison: which queries it shows and how, each photo once, and nothing that a name could do."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import cv2
import pytest
from test_page import photo, read

from resight.datasets.dataset import Mark
from resight.evaluation.comparison import compare
from resight.evaluation.result import Costs, EvaluationResult, Protocol, QueryResult, RankedHit
from resight.show.comparison import HIT_SIDE, QUERY_SIDE, write_comparison
from resight.show.gallery import find_photo
from resight.show.summary import comparison_plot, cost_table, notes, part_table, setting_tables, subject

NASTY = "<img src=x onerror=alert(1)>\"' & \u202e\udc80 %3C"
MARKS: Mapping[str, Mark] = {"r": "right", "w": "wrong", "j": "junk"}


def ranked(pattern: str) -> tuple[RankedHit, ...]:
    """Hits by their marks: "rwj" is a right one, a wrong one and junk."""
    return tuple(
        RankedHit(name=f"{mark}{n}.jpg", score=None if mark == "j" else 10.0 - n, mark=MARKS[mark])
        for n, mark in enumerate(pattern)
    )


def query(one: str, pattern: str, positives: int = 3, **more: Any) -> QueryResult:
    counted = pattern.replace("j", "")
    ranks = tuple(n for n, mark in enumerate(counted) if mark == "r")
    made = {"id": one, "image": f"{one}.jpg", "ranks": ranks, "positives": positives, "hits": ranked(pattern), **more}
    return QueryResult(**made)


def result(queries: Sequence[QueryResult], recipe: str = "one", **more: Any) -> EvaluationResult:
    made = {
        "recipe": recipe,
        "dataset": "set",
        "protocol": Protocol(database=40, distractors=0, queries=len(queries)),
        "settings": {"all": tuple(queries)},
        **more,
    }
    return EvaluationResult(**made)


FIRST = [
    query("good", "rrrwwwwwwwww"),
    query("bad", "wwjwwr", box=(8, 16, 80, 160)),
    query("none", "w", positives=0),
    query("middle", "jrwwrr"),
]
SECOND = [
    query("good", "wrrr"),
    query("bad", "rwrr", box=(8, 16, 80, 160)),
    query("none", "w", positives=0),
    query("middle", "jrwwrr"),
]


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Photos of the queries and of the first six hits of each mark."""
    folder = tmp_path / "photos"
    folder.mkdir()
    names = ["good", "bad", "middle", *(f"{mark}{n}" for mark in "rwj" for n in range(6))]
    for seed, name in enumerate(names):
        assert cv2.imwrite(str(folder / f"{name}.jpg"), photo(480, 640, seed))
    return folder


def sections(page: Path) -> list[str]:
    return re.findall(r'<section><header class="asked">.*?</section>', page.read_text("utf-8"), re.DOTALL)


def titles(page: Path) -> list[str]:
    return [found for one in sections(page) for found in re.findall(r'<h2 class="name">(.*?)</h2>', one)]


def test_the_worst_queries_come_first_and_the_rest_is_counted(tmp_path: Path) -> None:
    compared = compare({"one": result(FIRST), "two": result(SECOND, "two")})
    page = write_comparison(tmp_path / "p.html", compared)
    assert titles(page) == ["bad", "middle", "good"]
    assert "Ordered by AP of one, all are shown, 1 without positives left out." in read(page).text
    fewer = write_comparison(tmp_path / "q.html", compared, queries=1)
    assert titles(fewer) == ["bad"]
    assert "Ordered by AP of one, 2 better queries are left out, 1 without positives left out." in read(fewer).text


def test_hits_of_each_result_are_marked_where_they_were_ranked(tmp_path: Path) -> None:
    page = write_comparison(tmp_path / "p.html", compare({"one": result(FIRST), "two": result(SECOND, "two")}), hits=4)
    bad = sections(page)[0]
    first, second = re.findall(r'<ol class="hits">(.*?)</ol>', bad)
    assert re.findall(r'<li class="card is-(\w+)">', first) == ["wrong", "wrong", "junk", "wrong"]
    assert re.findall(r'<span class="mark (\w+)">(. \w+)</span>', second) == [
        ("right", "✓ right"),
        ("wrong", "✗ wrong"),
        ("right", "✓ right"),
        ("right", "✓ right"),
    ]
    assert re.findall(r'<span class="rank">(\d+)</span>', first) == ["1", "2", "3", "4"]
    assert "score 10<" in first
    assert "score -<" in first
    assert re.findall(r'<h3 class="name">(\w+)</h3>', bad) == ["one", "two"]


def test_figures_of_a_query_are_those_of_its_ranking(tmp_path: Path) -> None:
    page = write_comparison(tmp_path / "p.html", compare({"one": result(FIRST), "two": result(SECOND, "two")}))
    rows = [re.findall(r"<t[hd][^>]*>([^<]*)</t[hd]>", row) for row in re.findall(r"<tr>(.*?)</tr>", sections(page)[0])]
    # AP by hand: one finds the fifth without junk, (0 / 4 + 1 / 5) / 2 / 3; two has 1, (1 / 2 + 2 / 3) / 2 and so on.
    two = (1 + (1 / 2 + 2 / 3) / 2 + (2 / 3 + 3 / 4) / 2) / 3
    assert rows[1] == ["one", f"{0.1 / 3:.4f}", "-", "5", "1", "1", "1 of 3"]
    assert rows[2] == ["two", f"{two:.4f}", f"{two - 0.1 / 3:+.4f}", "1", "2", "3", "3 of 3"]
    found = [
        re.findall(r"M([\d.]+) 4v10", row) for row in re.findall(r'<path class="found" d="([^"]*)"', sections(page)[0])
    ]
    assert [len(one) for one in found] == [1, 3]
    assert found[1][0] == "2.0"
    # What has all its right ones first has the first wrong one right after them.
    assert "<td>1</td><td>4</td><td>3</td><td>3 of 3</td>" in sections(page)[2]


def test_what_was_judged_by_qrels_alone_has_no_count_of_images(tmp_path: Path) -> None:
    protocol = Protocol(database=0, distractors=0, queries=1)
    judged = result([query("q", "wwr" + 300 * "w" + "r", image="")], protocol=protocol)
    compared = compare({"one": judged})
    page = write_comparison(tmp_path / "p.html", compared)
    text = page.read_text("utf-8")
    assert subject(compared).startswith("1 query, whole photos")
    assert '<p class="quiet name">3 to find</p>' in text
    assert "ranks of the right ones, 1 to 304 (logarithmic)" in text
    (marks,) = re.findall(r'<path class="found" d="([^"]*)"', text)
    assert re.findall(r"M([\d.]+) ", marks)[-1] == "258.0"


def test_nothing_found_is_said(tmp_path: Path) -> None:
    page = write_comparison(tmp_path / "p.html", compare({"one": result([query("q", "")])}))
    assert "Nothing was found." in sections(page)[0]
    assert "<td>-</td><td>1</td><td>0</td><td>0 of 3</td>" in sections(page)[0]


def test_each_photo_is_there_once_and_queries_are_larger(tmp_path: Path, photos: Path) -> None:
    again = [*FIRST, query("again", "rw", hits=(*ranked("rw"), RankedHit(name="good.jpg", score=1.0, mark="wrong")))]
    compared = compare({"one": result(again, root=str(photos))})
    page = write_comparison(tmp_path / "p.html", compared)
    outline = read(page)
    images = outline.all("image")
    assert len({one["href"] for one in images}) == len(images) > 10
    shown = [one["href"] for one in outline.all("use")]
    assert len(shown) > len(images)
    assert {f"#{one['id']}" for one in images} == set(shown)
    sizes = sorted({int(one["width"] or 0) for one in images})
    assert sizes == [HIT_SIDE, QUERY_SIDE]
    assert [int(one["width"] or 0) for one in images].count(QUERY_SIDE) == 3


def test_the_box_of_a_query_is_outlined(tmp_path: Path, photos: Path) -> None:
    page = write_comparison(tmp_path / "p.html", compare({"one": result(FIRST)}), photos=photos)
    shapes = [one["points"] for one in read(page).all("polygon") if one["class"] == "box"]
    assert shapes == ["4.0,8.0 40.0,8.0 40.0,80.0 4.0,80.0"]


def test_photos_that_are_not_there_are_named(tmp_path: Path) -> None:
    page = write_comparison(tmp_path / "p.html", compare({"one": result(FIRST, root=str(tmp_path / "gone"))}))
    outline = read(page)
    assert outline.all("image") == []
    assert '<span class="absent quiet name">r5.jpg</span>' in sections(page)[0]
    assert '<span class="absent quiet name">bad.jpg</span>' in sections(page)[0]


def test_query_photos_may_be_in_a_folder_of_their_own(tmp_path: Path, photos: Path) -> None:
    sketches = tmp_path / "sketches"
    sketches.mkdir()
    assert cv2.imwrite(str(sketches / "r1.jpg"), photo(100, 100, 99))
    one = result([query("q", "wr", image="r1.jpg")], root=str(photos), query_root=str(sketches))
    images = read(write_comparison(tmp_path / "p.html", compare({"one": one}))).all("image")
    assert [(image["width"], image["height"]) for image in images] == [("100", "100"), ("160", "120"), ("160", "120")]


def test_distractors_are_shown_from_their_own_folder(tmp_path: Path, photos: Path) -> None:
    more = tmp_path / "more"
    more.mkdir()
    assert cv2.imwrite(str(more / "x.jpg"), photo(64, 64, 98))
    hits = (RankedHit(name="distractors/x.jpg", score=1.0, mark="wrong"),)
    one = result([query("good", "w", hits=hits)], root=str(photos))
    for given, shown in ((one, 1), (one.model_copy(update={"distractor_root": str(more)}), 2)):
        assert len(read(write_comparison(tmp_path / "p.html", compare({"one": given}))).all("image")) == shown


def test_no_name_leads_out_of_the_folder_of_photos(tmp_path: Path, photos: Path) -> None:
    assert cv2.imwrite(str(tmp_path / "secret.jpg"), photo(50, 50))
    assert find_photo("good.jpg", [tmp_path, photos]) == photos / "good.jpg"
    for name in ("../secret.jpg", str(tmp_path / "secret.jpg"), "", ".", "a\0b", "\ud800", "x" * 5000, "gone.jpg"):
        assert find_photo(name, [photos]) is None


def test_names_are_text_and_nothing_more(tmp_path: Path) -> None:
    hits = (RankedHit(name=NASTY, score=1.0, mark="wrong"),)
    hostile = [query("q", "", id=NASTY, image=NASTY, group=NASTY, hits=hits), query("r", "r", group="other"), FIRST[0]]
    one = result(
        hostile,
        dataset=NASTY,
        settings={NASTY: tuple(hostile), "b": tuple(hostile)},
        main=NASTY,
        versions={NASTY: NASTY},
    )
    plain = one.model_copy(update={"versions": {}})
    compared = compare({NASTY: one, "two " + NASTY: plain})
    page = write_comparison(tmp_path / "p.html", compared)
    outline = read(page)
    assert not outline.all("script")
    assert not outline.all("img")
    assert not outline.all("link")
    assert not any(name.startswith("on") for _, attributes in outline.tags for name in attributes)
    assert outline.text.count("<img src=x onerror=alert(1)>") > 10
    assert "url(" not in page.read_text("utf-8")


def test_the_page_needs_nothing_beside_it(tmp_path: Path, photos: Path) -> None:
    page = write_comparison(
        tmp_path / "p.html", compare({"one": result(FIRST), "two": result(SECOND, "two")}), photos=photos
    )
    outline = read(page)
    references = [v or "" for _, a in outline.tags for k, v in a.items() if k in {"href", "src", "xlink:href"}]
    assert references
    assert all(one.startswith(("data:image/jpeg;base64,", "#photo-")) for one in references)
    ids = [a["id"] for _, a in outline.tags if "id" in a]
    assert len(set(ids)) == len(ids)
    (drawing,) = re.findall(r'<figure class="plots">(.*?)</figure>', page.read_text("utf-8"), re.DOTALL)
    assert ET.fromstring(drawing) is not None


def test_a_page_of_fifty_queries_stays_small(tmp_path: Path) -> None:
    folder = tmp_path / "photos"
    folder.mkdir()
    for n in range(60):
        assert cv2.imwrite(str(folder / f"{n}.jpg"), photo(240, 320, n))
    many = [
        query(
            f"q{n}",
            "",
            image=f"{n}.jpg",
            hits=tuple(RankedHit(name=f"{(n + k) % 60}.jpg", score=1.0, mark="wrong") for k in range(20)),
        )
        for n in range(60)
    ]
    page = write_comparison(
        tmp_path / "p.html",
        compare({"one": result(many, root=str(folder)), "two": result(many, "two", root=str(folder))}),
    )
    assert len(sections(page)) == 50
    assert page.read_text("utf-8").count("data:image/jpeg") == 60
    assert page.stat().st_size < 3_000_000


def test_tables_say_what_was_measured() -> None:
    grouped = [one.model_copy(update={"group": group}) for one, group in zip(FIRST, "xxyy", strict=True)]
    other = [one.model_copy(update={"group": group}) for one, group in zip(SECOND, "xxyy", strict=True)]
    compared = compare({"one": result(grouped, costs=Costs(bytes_per_image=1234.4)), "two": result(other, "two")})
    (table,) = setting_tables(compared)
    assert table.title == "3 queries, 1 without positives left out"
    assert table.columns == ("", "mAP", "95 % interval", "difference", "95 % interval", "won/lost/tied", "p")
    assert table.rows[0][3:] == ("-", "-", "-", "-")
    # By hand: good 1 and 0.5139, bad 0.0333 and 0.7639, middle the same.
    assert table.rows[1][3] == "+0.0815"
    assert table.rows[1][5:] == ("1/1/1", "1.0000")
    groups = part_table(compared, "group")
    assert groups is not None
    assert groups.columns == ("", "queries", "one", "two", "difference", "won/lost/tied")
    assert [row[:2] for row in groups.rows] == [("x", "2"), ("y", "1")]
    assert part_table(compare({"one": result([query("a", "r")])}), "size") is None
    assert cost_table(compared).rows == (("one", "1234", "-"), ("two", "-", "-"))
    assert subject(compared) == "4 queries, 40 images, whole photos as queries, AP of the trapezoid kind"


def test_p_values_are_corrected_where_there_are_several() -> None:
    compared = compare({"one": result(FIRST), "two": result(SECOND), "three": result(FIRST)})
    (table,) = setting_tables(compared)
    assert table.columns[-2:] == ("p", "p (Holm)")
    assert any("Holm's correction is for all 2 tests" in note for note in notes(compared))
    assert not any("Holm" in note for note in notes(compare({"one": result(FIRST), "two": result(SECOND)})))


def test_the_plot_has_every_result_and_setting() -> None:
    easy_and_hard = {"easy": tuple(FIRST), "hard": tuple(SECOND)}
    compared = compare(
        {
            "one": result(FIRST, settings=easy_and_hard, main="hard"),
            "two": result(FIRST, settings=easy_and_hard, main="hard"),
        }
    )
    drawing = ET.fromstring(comparison_plot(compared))
    kinds = [one.get("class") for one in drawing.iter()]
    assert kinds.count("bar") == 2 * 2 + 2
    assert sum(one.tag.endswith("polyline") for one in drawing.iter()) == 4
    said = next(one.text or "" for one in drawing if one.tag.endswith("desc"))
    assert said.startswith("easy: one 0.")
    assert " hard: one 0." in said
