"""`resight duplicates`: text, JSON, table and page, and what is refused."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from PIL import Image

from resight.cli.duplicates import COLUMNS, cell, print_group, summary, write_csv
from resight.duplicates.report import DuplicateGroup, DuplicateLink, DuplicatePhoto, Duplicates
from resight.errors import StorageError
from resight.index.index import Index

if TYPE_CHECKING:
    from conftest import Run

HOSTILE = "=cmd|' /C calc'!A0<script>\x1b[2J.jpg"


def photo(name: str, copy_of: str | None = None) -> DuplicatePhoto:
    return DuplicatePhoto(name, 1, copy_of, 4, 3, 100, 10**18, copy_of is None, True, False)


def report(*names: str) -> Duplicates:
    first, *others = names
    group = DuplicateGroup("copies", (photo(first), *(photo(name, first) for name in others)), ())
    return Duplicates("copies", (group,), 2, 0, 0, 0, 0.0)


@pytest.fixture
def with_copies(own_photos: Path, tmp_path: Path) -> Path:
    """An index of four photos, a copy of one, and a smaller copy of another under a name that is an attack."""
    shutil.copyfile(own_photos / "poster-02_1.jpg", own_photos / "z-copy.jpg")
    with Image.open(own_photos / "facade-00_1.jpg") as opened:
        opened.resize((opened.width // 2, opened.height // 2)).save(own_photos / HOSTILE.replace("/", "_"))
    path = tmp_path / "copies.resight"
    Index.create(path).add(own_photos)
    return path


def test_text_json_table_and_page_tell_the_same(run: Run, with_copies: Path, tmp_path: Path) -> None:
    hostile = HOSTILE.replace("/", "_")
    text = run("duplicates", with_copies, "--kind", "near")
    assert text.exit_code == 0
    assert "2 groups (1 of copies, 1 of near-copies) among 6 photos" in text.stdout
    assert "z-copy.jpg  (same bytes as poster-02_1.jpg)" in text.stdout
    assert "\x1b" not in text.stdout

    document = json.loads(run("duplicates", with_copies, "--kind", "near", "--json").stdout)
    assert [group["kind"] for group in document["groups"]] == ["copies", "near"]
    near = document["groups"][1]
    assert [(one["name"], one["keep"]) for one in near["photos"]] == [("facade-00_1.jpg", True), (hostile, False)]
    (link,) = near["links"]
    assert link["inliers"] >= 12
    assert len(link["transform"]) == 3

    table, page = tmp_path / "out" / "groups.csv", tmp_path / "out" / "groups.html"
    written = run("duplicates", with_copies, "--kind", "near", "--csv", table, "--html", page)
    assert written.exit_code == 0
    rows = list(csv.DictReader(table.open(encoding="utf-8", newline="")))
    assert [row["photo"] for row in rows] == ["poster-02_1.jpg", "z-copy.jpg", "facade-00_1.jpg", f"'{hostile}"]
    assert rows[1]["copy_of"] == "poster-02_1.jpg"
    assert rows[3]["near_to"] == "facade-00_1.jpg"
    shown = page.read_text(encoding="utf-8")
    assert shown.count("data:image/jpeg;base64,") == 4
    assert "<script>" not in shown
    assert "the same bytes as poster-02_1.jpg" in shown


def test_a_photo_whose_file_is_gone_has_no_picture(
    run: Run, with_copies: Path, own_photos: Path, tmp_path: Path
) -> None:
    (own_photos / "z-copy.jpg").unlink()
    page = tmp_path / "groups.html"
    answer = run("duplicates", with_copies, "--kind", "copies", "--html", page)
    assert answer.exit_code == 0
    assert answer.stderr.startswith("Remark: 1 of 2 pictures are missing from the page")
    shown = page.read_text(encoding="utf-8")
    assert shown.count("data:image/jpeg;base64,") == 1
    assert "cannot be shown" in shown


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r"])
def test_a_table_runs_no_formula(start: str, tmp_path: Path) -> None:
    assert cell(f"{start}1.jpg") == f"'{start}1.jpg"
    assert cell(f"a{start}1.jpg") == f"a{start}1.jpg"
    write_csv(tmp_path / "t.csv", report(f"{start}1.jpg", f"{start}2.jpg"))
    with (tmp_path / "t.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file))
    assert tuple(rows[0]) == COLUMNS
    assert all(not value.startswith(start) for row in rows[1:] for value in row if value)


def test_a_table_holds_any_name(tmp_path: Path) -> None:
    names = ('a,"b"\n.jpg', "caf\u00e9.jpg", "byte\udcff.jpg")
    write_csv(tmp_path / "t.csv", report(*names))
    with (tmp_path / "t.csv").open(encoding="utf-8", newline="") as file:
        found = [row["photo"] for row in csv.DictReader(file)]
    assert found == ['a,"b"\n.jpg', "caf\u00e9.jpg", "byte\\udcff.jpg"]


def test_text_table_and_json_tell_sure_groups_from_unsure_ones(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def linked(sure: bool) -> DuplicateGroup:
        link = DuplicateLink("a.jpg", "b.jpg", "same", 9, [[1.0]], 0.5, (0.5, 0.5), 0.1, -3.0, sure)
        return DuplicateGroup("same", (photo("a.jpg"), photo("b.jpg")), (link,))

    found = Duplicates("same", (linked(True), linked(False)), 4, 0, 0, 2, 0.0)
    assert "2 groups (2 of the same thing, 1 unsure)" in summary(found)
    print_group(1, found.groups[0])
    assert "unsure" not in capsys.readouterr().out
    print_group(2, found.groups[1])
    out = capsys.readouterr().out
    assert "the same thing, unsure: a pair of them may only look alike" in out
    assert "(same thing as a.jpg, 9 inliers, unsure)" in out
    write_csv(tmp_path / "t.csv", found)
    with (tmp_path / "t.csv").open(encoding="utf-8", newline="") as file:
        assert [row["sure"] for row in csv.DictReader(file)] == ["", "yes", "", "no"]
    assert [group["sure"] for group in found.to_dict()["groups"]] == [True, False]


def test_a_terminal_is_left_alone(capsys: pytest.CaptureFixture[str]) -> None:
    print_group(1, report("a\x1b[2J.jpg", "b\u202e.jpg").groups[0])
    assert "\x1b" not in (out := capsys.readouterr().out)
    assert "\u202e" not in out


def test_a_table_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="choose another place"):
        write_csv(tmp_path, report("a.jpg", "b.jpg"))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--kind", "alike"), "--kind alike: one of copies, near, same"),
        (("--json", "--html", "page.html"), "--json and a file"),
    ],
)
def test_wrong_usage_is_refused_before_any_work(
    run: Run, own_index: Path, options: tuple[str, ...], message: str
) -> None:
    done = run("duplicates", own_index, *options)
    assert done.exit_code == 2
    assert message in done.stderr


def test_no_index_is_an_error(run: Run, tmp_path: Path) -> None:
    assert run("duplicates", tmp_path / "none.resight").exit_code == 2
