"""Searching from the command line: what is found, and how it is printed."""

from __future__ import annotations

import base64
import io
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from resight.cli.main import app
from resight.cli.search import parse_boxes, source
from resight.errors import UsageError

if TYPE_CHECKING:
    from conftest import Run

QUERY = "poster-02_occlusion_1.jpg"
FOUND = {"poster-02_1.jpg", "poster-02_2.jpg"}


def hits(document: dict[str, Any], result: int = 0) -> list[str]:
    return [hit["name"] for hit in document["results"][result]["hits"]]


def rows_of(printed: str) -> list[str]:
    """The lines of hits in what one query prints: after two of heading, before what the score means."""
    return [line for line in printed.rstrip("\n").split("\n")[2:-1] if "---" not in line]


def test_hits_are_printed_best_first(run: Run, indexed: Path, photos_of_world: Path) -> None:
    answer = run("search", indexed, photos_of_world / QUERY, "-k", 3)
    assert (answer.exit_code, answer.stderr) == (0, "")
    first, header, *lines, meaning = answer.stdout.rstrip("\n").split("\n")
    assert re.fullmatch(rf"{re.escape(str(photos_of_world / QUERY))}: 3 hits in \d+\.\d\d s", first)
    assert header.split() == ["rank", "score", "inliers", "probability", "photo"]
    assert meaning.startswith("score: what the query and verified links give the photo")
    rows = [line for line in lines if "---" not in line]
    assert [row.split()[0] for row in rows] == ["1", "2", "3"]
    scores = [float(row.split()[1]) for row in rows]
    assert scores == sorted(scores, reverse=True)
    assert {row.split()[-1] for row in rows} >= FOUND


def test_a_line_is_drawn_between_what_is_sure_and_filler(run: Run, indexed: Path, photos_of_world: Path) -> None:
    printed = run("search", indexed, photos_of_world / QUERY, "-k", 19).stdout.split("\n")
    sure, filler = (
        next(row for row, line in enumerate(printed) if f" {word}: " in line) for word in ("sure", "filler")
    )
    above = {line.split()[-1] for line in printed[sure + 1 : sure + 1 + int(printed[sure].split()[1])]}
    below = {line.split()[-1] for line in printed[filler + 1 : filler + 1 + int(printed[filler].split()[1])]}
    assert above >= FOUND
    assert sure < filler
    assert below >= {f"other-00{number}.jpg" for number in range(4)}


def test_what_is_less_probable_is_left_out_where_that_is_asked(
    run: Run, indexed: Path, photos_of_world: Path, tmp_path: Path
) -> None:
    query = photos_of_world / QUERY
    every = json.loads(run("search", indexed, query, "--json").stdout)["results"][0]["hits"]
    sure = json.loads(run("search", indexed, query, "--min-probability", 0.95, "--json").stdout)["results"][0]["hits"]
    assert 0 < len(sure) < len(every)
    assert sure == [hit for hit in every if hit["probability"] >= 0.95]
    assert {hit["verdict"] for hit in sure} == {"sure"}
    page = tmp_path / "sure.html"
    run("search", indexed, query, "--min-probability", 0.95, "--html", page)
    text = page.read_text(encoding="utf-8")
    assert text.count('<li class="line sure"') == 1
    assert '<li class="line filler"' not in text
    assert f"<b>{len(sure)} sure</b>" in text


def test_a_copy_is_certain(run: Run, indexed: Path, photos_of_world: Path) -> None:
    (hit,) = json.loads(run("search", indexed, photos_of_world / QUERY, "--include-self", "-k", 1, "--json").stdout)[
        "results"
    ][0]["hits"]
    assert (hit["name"], hit["probability"], hit["verdict"]) == (QUERY, 1.0, "sure")


def test_json_has_the_agreed_keys(run: Run, indexed: Path, photos_of_world: Path) -> None:
    answer = run("search", indexed, photos_of_world / QUERY, "-k", 2, "--json")
    document = json.loads(answer.stdout)
    assert list(document) == ["index", "recipe", "results", "seconds"]
    assert (document["index"], document["recipe"]) == (str(indexed), "sift-lite0-links")
    assert document["seconds"] > 0
    (result,) = document["results"]
    assert list(result) == ["query", "box", "hits"]
    assert (result["query"], result["box"]) == (str(photos_of_world / QUERY), None)
    for hit in result["hits"]:
        keys = ["name", "score", "probability", "verdict", "inliers", "transform", "box", "copy", "mirrored"]
        assert list(hit) == keys
        assert 0 <= hit["probability"] <= 1
        assert (hit["copy"], hit["mirrored"]) == (False, False)
        assert hit["inliers"] >= 4
        assert [len(row) for row in hit["transform"]] == [3, 3, 3]
        x0, y0, x1, y1 = hit["box"]
        assert x0 < x1
        assert y0 < y1


def test_every_query_is_its_own_result_with_its_own_box(run: Run, indexed: Path, photos_of_world: Path) -> None:
    queries = (photos_of_world / QUERY, photos_of_world / "package-01_1.jpg")
    boxes = ("--box", "50,50,250,250", "--box", "60.5,60,300,300")
    document = json.loads(run("search", indexed, *queries, *boxes, "--json").stdout)
    assert [result["query"] for result in document["results"]] == [str(query) for query in queries]
    assert [result["box"] for result in document["results"]] == [[50, 50, 250, 250], [60.5, 60, 300, 300]]
    assert hits(document, 1)[0] in {"package-01_2.jpg", "package-01_rotation_1.jpg", "package-01_light_2.jpg"}


def test_a_query_is_left_out_of_its_own_hits_unless_asked_for(run: Run, indexed: Path, photos_of_world: Path) -> None:
    without = json.loads(run("search", indexed, photos_of_world / QUERY, "--json").stdout)
    assert QUERY not in hits(without)
    for name in (QUERY, "poster-02_1.jpg", "facade-03_low_resolution_1.jpg"):
        including = json.loads(run("search", indexed, photos_of_world / name, "--include-self", "--json").stdout)
        assert hits(including)[0] == name
        scores = [hit["score"] for hit in including["results"][0]["hits"]]
        assert scores == sorted(scores, reverse=True)
    by_name = json.loads(run("search", indexed, QUERY, "--json").stdout)
    assert hits(by_name) == hits(without)


def test_a_file_wins_over_a_name_unless_the_name_is_forced(
    run: Run, indexed: Path, photos_of_world: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    shutil.copy(photos_of_world / "package-01_1.jpg", QUERY)
    assert source(QUERY, by_name=False) == Path(QUERY)
    assert source("none.jpg", by_name=False) == "none.jpg"
    file = json.loads(run("search", indexed, QUERY, "-k", 1, "--json").stdout)
    assert hits(file) == ["package-01_1.jpg"]
    assert file["results"][0]["hits"][0]["copy"]
    name = json.loads(run("search", indexed, QUERY, "--name", "-k", 1, "--json").stdout)
    assert hits(name)[0] in FOUND


def test_together_is_one_result(run: Run, indexed: Path, photos_of_world: Path) -> None:
    queries = [photos_of_world / QUERY, photos_of_world / "poster-02_blur_2.jpg"]
    document = json.loads(run("search", indexed, *queries, "--together", "-k", 2, "--json").stdout)
    assert len(document["results"]) == 1
    assert document["results"][0]["query"] == " + ".join(map(str, queries))
    assert set(hits(document)) == FOUND


def test_finding_nothing_is_said_and_no_error(run: Run, indexed: Path, tmp_path: Path) -> None:
    import cv2
    import numpy as np

    cv2.imwrite(str(tmp_path / "grey.png"), np.full((200, 200, 3), 128, np.uint8))
    answer = run("search", indexed, tmp_path / "grey.png")
    assert answer.exit_code == 0
    assert answer.stdout.startswith(f"{tmp_path / 'grey.png'}: 0 hits in ")


def test_names_with_spaces_quotes_and_line_breaks_stay_one_line(run: Run, own_photos: Path, own_index: Path) -> None:
    name = 'it\'s a "poster"\n\x1b[2J é.jpg'
    (own_photos / "poster-02_2.jpg").rename(own_photos / name)
    run("update", own_index)
    query = own_photos / "poster-02_1.jpg"
    printed = run("search", own_index, query, "-k", 1).stdout
    assert printed.count("\n") == 5
    assert 'it\'s a "poster"\\n\\x1b[2J é.jpg' in printed
    assert hits(json.loads(run("search", own_index, query, "-k", 1, "--json").stdout)) == [name]
    assert hits(json.loads(run("search", own_index, name, "-k", 1, "--json").stdout)) == ["poster-02_1.jpg"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("-k", "0"), "-k"),
        (("-k", "-3"), "-k"),
        (("-k", "many"), "-k"),
        (("--min-probability", "1.5"), "--min-probability"),
        (("--json", "--html", "page.html"), "--json and --html: choose one of them"),
        (("--box", "1,2,3"), "--box 1,2,3: must be four numbers"),
        (("--box", "1,2,3,x"), "--box 1,2,3,x: must be four numbers"),
        (("--box", "0,0,1,1", "--box", "0,0,1,1"), "--box was given 2 times for 1 queries"),
        (("--box", "0,0,5000,10"), "box 0,0,5000,10"),
        (("--box", "10,10,10,20"), "box 10,10,10,20"),
        (("--box", "nan,0,10,10"), "box"),
    ],
)
def test_wrong_usage_is_told(
    run: Run, indexed: Path, photos_of_world: Path, arguments: tuple[str, ...], message: str
) -> None:
    answer = run("search", indexed, photos_of_world / QUERY, *arguments)
    assert (answer.exit_code, answer.stdout) == (2, "")
    assert message in answer.stderr


def test_a_query_that_is_nothing_is_wrong_usage_and_one_that_is_no_photo_fails(
    run: Run, indexed: Path, tmp_path: Path
) -> None:
    assert run("search", indexed, "poster-02_7.jpg").exit_code == 2
    (tmp_path / "text.jpg").write_text("no photo")
    answer = run("search", indexed, tmp_path / "text.jpg")
    assert answer.exit_code == 1
    assert "text.jpg" in answer.stderr


def test_boxes_come_once_a_query_or_not_at_all() -> None:
    assert parse_boxes([], 2) == [None, None]
    assert parse_boxes(["0,1,2,3", "-1,.5,1e2,3"], 2) == [(0.0, 1.0, 2.0, 3.0), (-1.0, 0.5, 100.0, 3.0)]
    with pytest.raises(UsageError, match="1 times for 2 queries"):
        parse_boxes(["0,1,2,3"], 2)


def test_the_page_shows_the_hits_and_why(run: Run, indexed: Path, photos_of_world: Path, tmp_path: Path) -> None:
    page = tmp_path / "hits.html"
    answer = run("search", indexed, photos_of_world / QUERY, "package-01_1.jpg", "-k", 2, "--html", page)
    assert (answer.exit_code, answer.stdout) == (0, f"{page}: 2 queries\n")
    text = page.read_text(encoding="utf-8")
    for name in FOUND:
        assert f">{name}<" in text
    assert text.count("<section>") == 2
    assert text.count("<line ") > 20
    assert "sift-lite0-links" in text
    assert text.count("data:image/jpeg") == 6


def test_the_page_of_several_photos_joins_each_hit_to_the_right_one(
    run: Run, indexed: Path, photos_of_world: Path, tmp_path: Path
) -> None:
    page = tmp_path / "hits.html"
    queries = (photos_of_world / QUERY, photos_of_world / "package-01_light_2.jpg")
    run("search", indexed, *queries, "--together", "-k", 4, "--html", page)
    text = page.read_text(encoding="utf-8")
    cards = {re.search(r'"name">([^<]*)<', card)[1]: card for card in text.split('<li class="card')[1:]}  # type: ignore[index]
    for name, place in (("poster-02_1.jpg", 0), ("package-01_1.jpg", 1)):
        assert f'<use href="#query-0-{place}"/>' in cards[name]


def test_the_page_does_without_photos_that_are_gone(run: Run, own_photos: Path, own_index: Path) -> None:
    page = own_photos.parent / "hits.html"
    shutil.rmtree(own_photos)
    answer = run("search", own_index, "poster-02_1.jpg", "-k", 1, "--html", page)
    assert answer.exit_code == 0
    text = page.read_text(encoding="utf-8")
    assert ">poster-02_2.jpg<" in text
    assert text.count("This photo cannot be shown") == 2
    assert "data:image/jpeg" not in text


def test_a_page_has_its_folder_made_and_never_takes_the_place_of_the_query(
    run: Run, indexed: Path, photos_of_world: Path, tmp_path: Path
) -> None:
    page = tmp_path / "new" / "hits.html"
    assert run("search", indexed, photos_of_world / QUERY, "-k", 1, "--html", page).exit_code == 0
    assert page.is_file()
    photo = tmp_path / "query.jpg"
    photo.write_bytes((photos_of_world / QUERY).read_bytes())
    answer = run("search", indexed, photo, "--html", photo)
    assert answer.exit_code == 2
    assert "name another one" in answer.stderr
    assert photo.read_bytes() == (photos_of_world / QUERY).read_bytes()


def test_an_identical_file_is_a_hit_and_said_to_be_one(
    run: Run, indexed: Path, photos_of_world: Path, tmp_path: Path
) -> None:
    shutil.copy(photos_of_world / QUERY, tmp_path / "sent.jpg")
    answer = run("search", indexed, tmp_path / "sent.jpg", "-k", 2)
    first, second = rows_of(answer.stdout)
    assert first.split()[2:] == ["identical", "file", "1.00", QUERY]
    assert "identical" not in second
    page = tmp_path / "page.html"
    run("search", indexed, tmp_path / "sent.jpg", "-k", 2, "--html", page)
    assert page.read_text(encoding="utf-8").count("identical file") == 1


def test_a_photo_from_standard_input(indexed: Path, photos_of_world: Path, tmp_path: Path) -> None:
    def piped(data: bytes, *arguments: object) -> Any:
        return CliRunner().invoke(app, ["search", str(indexed), "-", *map(str, arguments)], input=data)

    data = (photos_of_world / QUERY).read_bytes()
    document = json.loads(piped(data, "--json", "-k", 3).stdout)
    assert document["results"][0]["query"] == "-"
    assert hits(document)[0] == QUERY
    assert set(hits(document)) == {QUERY, *FOUND}
    page = tmp_path / "page.html"
    assert piped(data, "--html", page, "-k", 1).exit_code == 0
    assert page.read_text(encoding="utf-8").count("data:image/jpeg") == 2
    for sent, message in ((b"", "standard input: nothing came"), (b"text", "standard input: not an image")):
        answer = piped(sent)
        assert (answer.exit_code, answer.stdout) == (1, "")
        assert message in answer.stderr
    twice = piped(data, "-")
    assert (twice.exit_code, "given more than once" in twice.stderr) == (2, True)
    assert "did you mean" not in piped(data, "--name").stderr


def test_a_terminal_is_not_waited_for(indexed: Path) -> None:
    ours, theirs = os.openpty()
    try:
        command = [sys.executable, "-m", "resight", "search", str(indexed), "-"]
        answer = subprocess.run(command, stdin=theirs, capture_output=True, text=True, timeout=60, check=False)
    finally:
        os.close(ours)
        os.close(theirs)
    assert (answer.returncode, answer.stdout) == (2, "")
    assert "which is a terminal: write `< photo.jpg`" in answer.stderr


def test_a_part_a_mirror_and_bounds(run: Run, indexed: Path, photos_of_world: Path, tmp_path: Path) -> None:
    import cv2

    turned = tmp_path / "turned.png"
    cv2.imwrite(str(turned), cv2.imread(str(photos_of_world / "poster-02_1.jpg"))[:, ::-1])
    answer = run("search", indexed, turned, "--mirror", "--within", "poster-*", "--min-inliers", 20)
    assert answer.exit_code == 0
    rows = rows_of(answer.stdout)
    assert {row.split()[-1] for row in rows} >= {"poster-02_1.jpg", "poster-02_2.jpg"}
    assert all(row.split()[3] == "mirrored" and row.split()[-1].startswith("poster-") for row in rows)
    page = tmp_path / "page.html"
    run("search", indexed, turned, "--mirror", "-k", 1, "--html", page)
    assert "mirrored" in page.read_text(encoding="utf-8")
    within = run("search", indexed, turned, "--within", "POSTER-02*", "--json")
    assert {name[:10] for name in hits(json.loads(within.stdout))} == {"poster-02_"}
    none = run("search", indexed, turned, "--min-score", 1000)
    assert (none.exit_code, "0 hits" in none.stdout) == (0, True)
    for arguments, message in (
        (("--within", "posters/"), 'no name in the index matches "posters/"'),
        (("--min-score", "nan"), "min_score is nan"),
        (("--min-inliers", "-1"), "--min-inliers"),
    ):
        refused = run("search", indexed, turned, *arguments)
        assert (refused.exit_code, refused.stdout) == (2, "")
        assert message in refused.stderr


def test_a_page_of_a_folder_that_has_moved_says_that_pictures_are_missing(
    run: Run, own_index: Path, own_photos: Path, photos_of_world: Path, tmp_path: Path
) -> None:
    own_photos.rename(tmp_path / "moved")
    page = tmp_path / "page.html"
    answer = run("search", own_index, photos_of_world / "poster-02_1.jpg", "--html", page, "-k", 2)
    assert answer.exit_code == 0
    assert answer.stderr.startswith("Remark: 2 of 3 pictures are missing from the page, as their files are gone")
    assert f"`resight update {own_index} --root OLD=NEW`" in answer.stderr
    run("update", own_index, "--root", f"{own_photos}={tmp_path / 'moved'}")
    assert run("search", own_index, photos_of_world / "poster-02_1.jpg", "--html", page, "-k", 2).stderr == ""


def test_a_page_shows_the_query_as_its_mask_leaves_it(
    run: Run, indexed: Path, photos_of_world: Path, tmp_path: Path
) -> None:
    query, mask, page = photos_of_world / "poster-02_1.jpg", tmp_path / "mask.png", tmp_path / "page.html"
    with Image.open(query) as photo:
        black = Image.new("L", photo.size, 255)
    black.paste(0, (0, 0, black.width // 2, black.height))
    black.save(mask)
    pictures = []
    for options in ((), ("--mask", mask)):
        assert run("search", indexed, query, "-k", 1, "--html", page, *options).exit_code == 0
        encoded = page.read_text(encoding="utf-8").split("data:image/jpeg;base64,")[1].split('"')[0]
        pictures.append(np.asarray(Image.open(io.BytesIO(base64.b64decode(encoded)))).astype(int))
    half = pictures[0].shape[1] // 2
    assert pictures[1][:, 8 : half - 8].std(axis=(0, 1)).max() < 3
    assert np.abs(pictures[0][:, half + 8 :] - pictures[1][:, half + 8 :]).mean() < 3


def test_one_bad_query_of_several_is_told_and_the_others_are_answered(
    run: Run, indexed: Path, photos_of_world: Path, tmp_path: Path
) -> None:
    (tmp_path / "text.jpg").write_text("no photo")
    queries = (photos_of_world / QUERY, tmp_path / "text.jpg", "poster-02_7.jpg", photos_of_world / "package-01_1.jpg")
    answer = run("search", indexed, *queries, "-k", 2)
    assert answer.exit_code == 1
    assert [line.split()[1] for line in answer.stderr.splitlines() if line.startswith("Error: ")] == [
        f"{tmp_path / 'text.jpg'}:",
        "poster-02_7.jpg:",
    ]
    assert answer.stdout.count(" hits in ") == 2
    assert "score: " in answer.stdout
    document = json.loads(run("search", indexed, *queries, "-k", 2, "--json").stdout)
    assert [list(one) for one in document["results"]] == [
        ["query", "box", "hits"],
        ["query", "box", "hits", "error"],
        ["query", "box", "hits", "error"],
        ["query", "box", "hits"],
    ]
    assert "not an image" in document["results"][1]["error"]
    alone = json.loads(run("search", indexed, queries[0], "-k", 2, "--json").stdout)
    assert document["results"][0] == alone["results"][0]
    page = tmp_path / "page.html"
    assert run("search", indexed, *queries, "-k", 2, "--html", page).exit_code == 1
    assert "neither a file nor the name of an indexed photo" in page.read_text()
    # Together they are one query, and it is bad.
    together = run("search", indexed, *queries, "--together", "--json")
    assert (together.exit_code, together.stdout) == (1, "")


def test_a_bad_photo_from_standard_input_is_named_among_others(indexed: Path, photos_of_world: Path) -> None:
    arguments = ["search", str(indexed), "-", str(photos_of_world / QUERY)]
    answer = CliRunner().invoke(app, arguments, input=b"no photo")
    assert answer.exit_code == 1
    assert "Error: standard input: not an image" in answer.stderr
    assert answer.stdout.count(" hits in ") == 1
