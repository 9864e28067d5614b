"""Commands that make, change and look after an index, on real photos: what they report, and how they end."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from PIL import Image

from resight.errors import ResightError
from resight.index.index import Index

if TYPE_CHECKING:
    from conftest import Run

COMMAND = [sys.executable, "-c", "from resight.cli.main import main; main()"]


def names(path: Path) -> list[str]:
    return sorted(Index.open(path).collection.snapshot.images.names)


def committed(path: Path) -> bool:
    """Whether photos are in the index; their files are there a little before."""
    with contextlib.suppress(ResightError):
        return bool(names(path))
    return False


def test_folders_are_indexed_and_a_second_run_finds_nothing_to_do(run: Run, own_photos: Path, tmp_path: Path) -> None:
    path = tmp_path / "x.resight"
    answer = run("index", own_photos, "-o", path)
    assert (answer.exit_code, answer.stderr) == (0, "")
    assert answer.stdout.startswith(f"{path}: 4 added, 0 changed, 0 unchanged, 0 unreadable in ")
    assert answer.stdout.rstrip().endswith(" photos/s)")
    again = run("index", own_photos, "-o", path)
    assert again.stdout.startswith(f"{path}: 0 added, 0 changed, 4 unchanged, 0 unreadable in ")
    assert names(path) == ["facade-00_1.jpg", "other-000.jpg", "poster-02_1.jpg", "poster-02_2.jpg"]


def test_a_new_index_is_asked_once_so_that_the_first_search_has_nothing_to_compile(
    run: Run, own_photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    monkeypatch.setattr(Index, "search", lambda self, query, **options: asked.append(query))
    (tmp_path / "empty").mkdir()
    assert run("index", tmp_path / "empty", "-o", tmp_path / "empty.resight").exit_code == 0
    assert asked == []
    for _ in range(2):
        assert run("index", own_photos, "-o", tmp_path / "x.resight").exit_code == 0
    assert asked == ["facade-00_1.jpg"]


def test_another_recipe_does_not_take_an_index_over(run: Run, own_index: Path, own_photos: Path) -> None:
    answer = run("index", own_photos, "-o", own_index, "--recipe", "sift-match")
    assert answer.exit_code == 2
    assert "choose another path" in answer.stderr


def test_photos_to_fit_on_are_told_about_beside_the_results(run: Run, own_photos: Path, tmp_path: Path) -> None:
    path = tmp_path / "x.resight"
    answer = run("index", own_photos, "-o", path, "--recipe", "sift-bow", "--fit", own_photos, "--json")
    assert answer.exit_code == 0
    assert json.loads(answer.stdout)["added"] == 4
    assert f"fitting bow on 4 photos of {own_photos}" in answer.stderr


def test_a_prefix_keeps_the_names_of_two_folders_apart(run: Run, own_index: Path, own_photos: Path) -> None:
    other = own_photos.parent / "other"
    shutil.copytree(own_photos, other)
    refused = run("add", own_index, other)
    assert refused.exit_code == 2
    assert "--as PREFIX" in refused.stderr
    assert run("add", own_index, other, "--as", "old/").exit_code == 0
    assert "old/poster-02_1.jpg" in names(own_index)
    assert len(names(own_index)) == 8


def test_unreadable_photos_are_listed_and_fail_only_when_strict(run: Run, own_photos: Path, tmp_path: Path) -> None:
    bad = own_photos / "bad\x1b[2J\n.jpg"
    bad.write_bytes(b"\xff\xd8\xff\xe0 and no more")
    answer = run("index", own_photos, "-o", tmp_path / "x.resight")
    assert answer.exit_code == 0
    assert "4 added" in answer.stdout
    assert "1 unreadable" in answer.stdout
    assert answer.stderr.startswith("unreadable: bad\\x1b[2J\\n.jpg: ")
    assert run("index", own_photos, "-o", tmp_path / "strict.resight", "--strict").exit_code == 1
    listed = json.loads(run("index", own_photos, "-o", tmp_path / "json.resight", "--json").stdout)["unreadable"]
    assert [entry["name"] for entry in listed] == [bad.name]


def test_names_that_are_not_utf8_come_and_go(run: Run, own_photos: Path, own_index: Path) -> None:
    os.rename(os.fsencode(own_photos) + b"/other-000.jpg", os.fsencode(own_photos) + b"/caf\xe9.jpg")
    answer = run("update", own_index)
    assert answer.exit_code == 0
    assert "1 added, 0 changed, 3 unchanged, 1 removed" in answer.stdout
    assert "caf%E9.jpg" in names(own_index)
    found = run("search", own_index, "caf%E9.jpg", "--json")
    assert json.loads(found.stdout)["results"][0]["query"] == "caf%E9.jpg"
    assert run("remove", own_index, "caf%E9.jpg").stdout.startswith(f"{own_index}: 1 removed;")


def test_update_follows_the_folder(run: Run, own_photos: Path, own_index: Path) -> None:
    (own_photos / "facade-00_1.jpg").unlink()
    shutil.copy(own_photos / "other-000.jpg", own_photos / "poster-02_1.jpg")
    report = json.loads(run("update", own_index, "--json").stdout)
    assert {key: report[key] for key in ("added", "changed", "unchanged", "removed", "unreadable")} == {
        "added": 0,
        "changed": 1,
        "unchanged": 2,
        "removed": 1,
        "unreadable": [],
    }
    assert report["index"] == str(own_index)


def test_a_folder_that_vanished_is_told_and_fails_the_update(run: Run, own_photos: Path, own_index: Path) -> None:
    own_photos.rename(own_photos.parent / "away")
    answer = run("update", own_index)
    assert answer.exit_code == 1
    assert answer.stderr.startswith(
        f"held back: the folder {own_photos} of 4 photos is gone: nothing was removed from it. Bring it back, or say "
        f"where it is now, `resight update {own_index} --root {own_photos}=NEW`, or that its photos were removed on "
        f"purpose, `resight update {own_index} --removed {own_photos}`"
    )
    held = json.loads(run("update", own_index, "--json").stdout)["held"]
    counts, flags = {"photos": 4, "known": 4}, {"is_root": True, "removable": True, "of_masks": False}
    assert held == [{"folder": str(own_photos), **counts, "why": "is gone", **flags}]
    moved = run("update", own_index, "--root", f"{own_photos}={own_photos.parent / 'away'}")
    assert moved.exit_code == 0
    assert f"{own_index}: 0 added, 0 changed, 4 unchanged, 0 unreadable" in moved.stdout
    shutil.rmtree(own_photos.parent / "away")
    assert run("update", own_index, "--removed", own_photos.parent / "away").exit_code == 0
    assert names(own_index) == []


def test_a_folder_of_masks_that_vanished_is_told_and_fails_the_update(
    run: Run, own_photos: Path, own_index: Path, tmp_path: Path
) -> None:
    masks = tmp_path / "masks"
    masks.mkdir()
    assert run("add", own_index, own_photos, "--mask", masks).exit_code == 0
    masks.rmdir()
    answer = run("update", own_index)
    assert answer.exit_code == 1
    assert answer.stderr.startswith(
        f"held back: the folder of masks {masks}, of 4 photos, is gone: the photos stay as they are. Bring it back, or "
        "name another, or do without: `resight add` has --mask and --no-mask"
    )
    assert run("add", own_index, own_photos, "--no-mask").exit_code == 0
    assert run("update", own_index).exit_code == 0


@pytest.mark.parametrize("text", ["x", "=x", "x=", ""])
def test_a_move_has_two_folders(run: Run, own_index: Path, text: str) -> None:
    answer = run("update", own_index, "--root", text)
    assert (answer.exit_code, "--root OLD=NEW" in answer.stderr) == (2, True)


def test_names_of_folders_may_have_an_equals_sign(run: Run, own_photos: Path, own_index: Path) -> None:
    own_photos.rename(own_photos.parent / "a=b")
    assert run("update", own_index, "--root", f"{own_photos}={own_photos.parent}/a=b").exit_code == 0
    (own_photos.parent / "a=b").rename(own_photos)
    assert run("update", own_index, "--root", f"{own_photos.parent}/a=b={own_photos}").exit_code == 0


def test_links_that_lead_out_are_told_once_and_followed_where_asked(
    run: Run, own_photos: Path, photos_of_world: Path, tmp_path: Path
) -> None:
    (own_photos / "link.jpg").symlink_to(photos_of_world / "other-001.jpg")
    (own_photos / "system").symlink_to("/proc")
    path = tmp_path / "x.resight"
    answer = run("index", own_photos, "-o", path)
    assert (answer.exit_code, answer.stderr.count("--follow-links follows them")) == (0, 1)
    assert answer.stderr.startswith("2 links lead out of ")
    followed = json.loads(run("add", path, own_photos, "--follow-links", "--json").stdout)
    assert (followed["added"], followed["unreadable"], followed["notes"]) == (1, [], [])
    assert "with the links that lead out of it" in run("info", path).stdout


def test_a_prefix_that_leads_elsewhere_is_refused(run: Run, own_photos: Path, tmp_path: Path) -> None:
    answer = run("index", own_photos, "-o", tmp_path / "x.resight", "--as", "../../x")
    assert (answer.exit_code, "a prefix of names" in answer.stderr) == (2, True)
    assert not (tmp_path / "x.resight").exists()


def test_photos_are_removed_by_name_and_all_or_none(run: Run, own_index: Path) -> None:
    answer = run("remove", own_index, "other-000.jpg", "poster-02_9.jpg")
    assert answer.exit_code == 2
    assert 'the nearest name is "poster-02_' in answer.stderr
    assert run("remove", own_index, "other-000.jpg", "facade-00_1.jpg").stdout == (
        f"{own_index}: 2 removed; `resight remove --undo` lets them come back\n"
    )
    assert names(own_index) == ["poster-02_1.jpg", "poster-02_2.jpg"]


def test_a_part_of_the_names_is_shown_removed_and_comes_back(run: Run, own_index: Path) -> None:
    shown = run("remove", own_index, "poster*", "--dry-run")
    assert (shown.exit_code, shown.stdout) == (0, "poster-02_1.jpg\nposter-02_2.jpg\n")
    assert len(names(own_index)) == 4
    answer = json.loads(run("remove", own_index, "poster*", "--json").stdout)
    assert (answer["removed"], answer["names"]) == (2, ["poster-02_1.jpg", "poster-02_2.jpg"])
    assert "removed before, so not taken: 2; `resight add --again` takes them\n" in run("update", own_index).stdout
    assert json.loads(run("info", own_index, "--json").stdout)["stay_away"] == 2
    back = run("remove", own_index, "poster-02_1.jpg", "--undo")
    assert back.stdout == f"{own_index}: 1 may come back; `resight update` reads them\n"
    assert json.loads(run("update", own_index, "--json").stdout)["added"] == 1
    refused = run("remove", own_index, "poster-02_1.jpg", "--undo")
    assert refused.exit_code == 2
    assert "not among the photos that were removed" in refused.stderr
    photos = own_index.parent / "photos"
    assert run("add", own_index, photos, "--again").stdout.startswith(f"{own_index}: 1 added, 0 changed, 3 unchanged")


def test_what_is_left_out_is_told_and_the_index_keeps_the_patterns(run: Run, own_photos: Path, tmp_path: Path) -> None:
    path = tmp_path / "x.resight"
    for name in ("a.mp3", "b.MP3", "notes.txt", "README"):
        (own_photos / name).write_bytes(b"no image")
    answer = run("index", own_photos, "-o", path, "--exclude", "other-*", "--exclude", "#recycle")
    assert answer.stdout.splitlines()[0].startswith(f"{path}: 3 added, ")
    assert answer.stdout.splitlines()[1:] == ["left out: 2 .mp3, 1 .txt, 1 without an ending"]
    shutil.copytree(own_photos, own_photos / "#recycle")
    update = json.loads(run("update", path, "--exclude", "facade*", "--json").stdout)
    assert (update["added"], update["removed"], update["excluded"], update["unchanged"]) == (0, 0, 1, 2)
    assert update["left_out"] == {".mp3": 2, ".txt": 1, "": 1}
    lines = run("info", path).stdout.splitlines()
    assert [line.split()[1] for line in lines if line.startswith("excluded")] == ["other-*", "#recycle", "facade*"]
    assert "taken out by a pattern: 2\n" in run("update", path, "--exclude", "*.jpg").stdout
    back = run("update", path, "--include", "*.jpg", "--include", "other-*")
    assert back.stdout.startswith(f"{path}: 3 added, ")
    wrong = run("update", path, "--include", "other-*")
    assert wrong.exit_code == 2
    assert 'the index has no such pattern; it has "#recycle", "facade*"' in wrong.stderr


def test_a_person_says_how_vectors_are_searched(run: Run, own_photos: Path, tmp_path: Path) -> None:
    words = run("index", own_photos, "-o", tmp_path / "words.resight", "--recipe", "sift-asmk", "--search", "ivf")
    assert words.exit_code == 2
    assert "no channel of sift-asmk keeps one vector an image: leave --search out" in words.stderr
    path = tmp_path / "x.resight"
    assert run("index", own_photos, "-o", path, "--search", "ivf", "--memory", "2").exit_code == 0
    assert (path / "recipe.toml").read_text().endswith('[channel.cnn.search]\nkind = "ivf"\nmemory = 2\n')
    assert run("index", own_photos, "-o", path).exit_code == 0
    other = run("index", own_photos, "-o", path, "--search", "hnsw")
    assert other.exit_code == 2
    assert "leave search and memory out" in other.stderr
    table = run("info", path).stdout
    assert "cnn/vectors" in table
    assert "words/words" in table


def test_many_endings_are_not_all_told(run: Run, own_photos: Path, tmp_path: Path) -> None:
    for number in range(20):
        (own_photos / f"x.e{number:02d}").touch()
    (own_photos / "y.e19").touch()
    out = run("index", own_photos, "-o", tmp_path / "x.resight").stdout
    assert "left out: 2 .e19, 1 .e00, " in out
    assert out.endswith(", 1 .e10, 8 others\n")


def test_compact_frees_the_space_of_removed_photos(run: Run, own_index: Path) -> None:
    run("remove", own_index, "other-000.jpg", "facade-00_1.jpg")
    before = json.loads(run("info", own_index, "--json").stdout)
    assert run("compact", own_index).stdout == f"{own_index}: compacted\n"
    after = json.loads(run("info", own_index, "--json").stdout)
    assert after["bytes"] < before["bytes"]
    assert (after["images"], after["features"]) == (before["images"], before["features"])


def test_info_tells_what_is_held(run: Run, own_index: Path, own_photos: Path) -> None:
    document = json.loads(run("info", own_index, "--json").stdout)
    assert document["index"] == str(own_index)
    assert document["recipe"] == "sift-lite0-links"
    assert (document["images"], document["unreadable"]) == (4, 0)
    assert document["roots"] == [{"path": str(own_photos), "prefix": "", "follow_links": False}]
    assert document["bytes_per_image"] == document["bytes"] / 4
    table = run("info", own_index).stdout.split("\n")
    assert any(line.split() == ["images", "4"] for line in table)


def test_verify_finds_a_changed_byte(run: Run, own_index: Path) -> None:
    whole = run("verify", own_index)
    assert (whole.exit_code, whole.stdout) == (0, f"{own_index}: everything is as it was written\n")
    array = max((own_index / "segments").rglob("*.npy"), key=lambda path: path.stat().st_size)
    data = bytearray(array.read_bytes())
    data[-1] ^= 1
    array.write_bytes(data)
    damaged = run("verify", own_index)
    assert damaged.exit_code == 1
    assert array.name in damaged.stdout
    assert json.loads(run("verify", own_index, "--json").stdout)["problems"]


def test_what_an_interrupted_write_left_is_a_remark_and_no_failure(run: Run, own_index: Path) -> None:
    left = own_index / "segments" / "00000099"
    left.mkdir()
    said = run("verify", own_index)
    assert said.exit_code == 0
    assert said.stdout.startswith(f"remark: {left}: was left by an interrupted write")
    document = json.loads(run("verify", own_index, "--json").stdout)
    assert document["problems"] == []
    assert len(document["remarks"]) == 1


def test_an_index_that_cannot_be_opened_is_mended(run: Run, own_index: Path) -> None:
    (own_index / "catalog.sqlite").unlink()
    assert run("info", own_index).exit_code == 1
    assert run("verify", own_index).exit_code == 1
    mended = run("verify", own_index, "--repair")
    assert mended.exit_code == 0
    assert "repaired: " in mended.stdout
    assert len(names(own_index)) == 4


@pytest.mark.parametrize(
    "arguments",
    [("search", "a.jpg"), ("info",), ("verify",), ("compact",), ("update",), ("remove", "a.jpg"), ("add", ".")],
    ids=lambda arguments: arguments[0],
)
def test_a_missing_index_is_wrong_usage(run: Run, tmp_path: Path, arguments: tuple[str, ...]) -> None:
    verb, *rest = arguments
    answer = run(verb, tmp_path / "none.resight", *rest)
    assert answer.exit_code == 2
    assert "there is no index here" in answer.stderr


def test_wrong_usage_leaves_nothing_behind(run: Run, own_photos: Path, tmp_path: Path) -> None:
    path = tmp_path / "x.resight"
    nearest = run("index", own_photos, "-o", path, "--recipe", "sift-bwo")
    assert (nearest.exit_code, "sift-bow" in nearest.stderr) == (2, True)
    (tmp_path / "r.toml").write_text('name = "r"\n[features]\nkind = "sift"\nmax_feature = 9\n[words]\nkind = "bow"\n')
    wrong_key = run("index", own_photos, "-o", path, "--recipe", tmp_path / "r.toml")
    assert (wrong_key.exit_code, "max_features" in wrong_key.stderr) == (2, True)
    assert run("index", own_photos, own_photos / "gone", "-o", path).exit_code == 2
    assert not path.exists()


def test_recipes_are_listed_with_their_aliases(run: Run) -> None:
    assert any(line.split()[:2] == ["sift-lite0-links", "default"] for line in run("recipes").stdout.splitlines())
    listed = json.loads(run("recipes", "--json").stdout)["recipes"]
    assert {one["alias"] for one in listed} == {"", "fast", "default"}
    assert {"name", "summary", "paper", "needs", "checked_by", "alias"} == set(listed[0])
    assert [one["name"] for one in listed] == sorted(one["name"] for one in listed)


@pytest.mark.slow
def test_an_interrupted_run_leaves_a_usable_index(photos_of_world: Path, tmp_path: Path) -> None:
    many, small = tmp_path / "many", tmp_path / "small"
    small.mkdir()
    for path in photos_of_world.iterdir():
        with Image.open(path) as photo:
            # Those of the world would take a minute.
            photo.thumbnail((160, 160))
            photo.save(small / path.name)
    # Several batches, so that much is left to do when the first is committed.
    for i in range(30):
        shutil.copytree(small, many / str(i))
    path = tmp_path / "x.resight"
    arguments = [*COMMAND, "index", many, "-o", path]
    running = subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        # Long, because kernels may have to be compiled first, on a machine that is busy.
        deadline = time.monotonic() + 300
        while not committed(path):
            assert running.poll() is None, running.communicate()[1]
            assert time.monotonic() < deadline, "no photo was committed in time"
            time.sleep(0.05)
        running.send_signal(signal.SIGINT)
        _, err = running.communicate(timeout=60)
    finally:
        running.kill()
    assert running.returncode == 130
    assert err.endswith("Interrupted. The index keeps finished photos; run the same command again to continue.\n")
    assert "Traceback" not in err
    kept = len(names(path))
    assert 0 < kept < 600
    subprocess.run(arguments, check=True, capture_output=True)
    assert len(names(path)) == 600


def test_memory_that_does_not_suffice_is_said_in_a_line(
    run: Run, own_index: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def starving(*_: object, **__: object) -> None:
        raise MemoryError

    monkeypatch.setattr(Index, "open", starving)
    result = run("info", own_index)
    assert result.exit_code == 1
    assert result.stderr.startswith("Error: not enough memory")


def test_a_report_tells_what_was_recalled_and_which_masks_went_out(
    run: Run, own_photos: Path, own_index: Path, photos_of_world: Path
) -> None:
    shutil.copy(own_photos / "other-000.jpg", own_photos / "copy.jpg")
    assert "not decoded, because the index knew their bytes: 1\n" in run("update", own_index).stdout
    assert "not decoded" not in run("update", own_index).stdout
    masks = own_photos / "masks"
    masks.mkdir()
    with Image.open(own_photos / "other-000.jpg") as photo:
        Image.new("L", photo.size, 255).save(masks / "other-000.jpg.png")
    assert run("update", own_index).exit_code == 0
    assert run("add", own_index, own_photos, "--mask", masks).exit_code == 0
    answer = run("update", own_index).stdout
    assert "taken out as masks, which are no photos: 1\n" in answer
    assert "taken out by a pattern" not in answer


def test_what_was_taken_for_a_pattern_is_said(run: Run, own_index: Path) -> None:
    answer = run("remove", own_index, "other-[0-9]*.jpg", "facade-00_1.jpg", "--dry-run")
    assert answer.stdout == "facade-00_1.jpg\nother-000.jpg\n"
    assert answer.stderr == '"other-[0-9]*.jpg" was taken for a pattern, which 1 photo matches\n'
    document = json.loads(run("remove", own_index, "other-[0-9]*.jpg", "facade-00_1.jpg", "--json").stdout)
    assert (document["removed"], document["patterns"]) == (2, {"other-[0-9]*.jpg": 1})


def test_masks_that_vanished_in_part_are_told_with_what_to_do(run: Run, own_photos: Path, own_index: Path) -> None:
    masks = own_photos.parent / "masks"
    masks.mkdir()
    for name in ("other-000.jpg", "facade-00_1.jpg"):
        with Image.open(own_photos / name) as photo:
            Image.new("L", photo.size, 255).save(masks / f"{name}.png")
    assert run("add", own_index, own_photos, "--mask", masks).exit_code == 0
    for mask in list(masks.iterdir()):
        mask.rename(masks / f"x{mask.name}")
    answer = run("update", own_index)
    assert answer.exit_code == 1
    assert answer.stderr.startswith(f"held back: the folder of masks {masks}, of 2 photos, has no mask of any of them")
    command = f"resight update {own_index} --removed {masks}"
    assert f"or say that these masks were removed on purpose, `{command}`" in answer.stderr
    assert run(*command.split()[1:]).exit_code == 0
