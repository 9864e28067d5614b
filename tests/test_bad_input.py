"""Files, folders and indexes that are not what they should be: each is named, and the rest of the work is done."""

from __future__ import annotations

import io
import os
import shutil
import sqlite3
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from index_samples import collection, names, rankings, texture, write
from resight.channels import extraction
from resight.errors import FitError, IndexCorruptError, IndexFormatError, UsageError
from resight.folders.walking import Found
from resight.index.index import Index

pytestmark = pytest.mark.usefixtures("unsynced")


@pytest.fixture
def index(tmp_path: Path, recipes: Path) -> Index:
    return Index.create(tmp_path / "x.resight", recipes / "verified.toml")


def empty_png(width: int, height: int, rows: int) -> bytes:
    """A black PNG of a size, in some kilobytes a megapixel, of which only the first rows are there."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    packer = zlib.compressobj(1)
    row = bytes(1 + 3 * width)
    body = b"".join(packer.compress(row) for _ in range(rows)) + packer.flush()
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", body) + chunk(b"IEND", b"")


def jpeg(pixels: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG", quality=95)
    return buffer.getvalue()


def tiled_jpeg(columns: int, rows: int) -> bytes:
    """A JPEG that repeats one picture, made of its compressed blocks: the coded stripe is written over and over.

    Each stripe is a restart interval, after which a decoder forgets everything, so that copies of it are valid.
    """
    block = texture(5, 512, 16)
    stripe = np.tile(block, (1, columns, 1))
    buffer = io.BytesIO()
    Image.fromarray(stripe).save(buffer, "JPEG", quality=75, subsampling=2, restart_marker_rows=1)
    data = buffer.getvalue()
    frame = data.index(b"\xff\xc0")
    scan = data.index(b"\xff\xda")
    start = scan + 2 + int.from_bytes(data[scan + 2 : scan + 4], "big")
    coded = data[start:-2]
    header = data[: frame + 5] + struct.pack(">H", 16 * rows) + data[frame + 7 : start]
    parts = [coded + bytes([0xFF, 0xD0 + row % 8]) for row in range(rows)]
    return header + b"".join(parts)[:-2] + b"\xff\xd9"


def test_unreadable_files_are_rows_with_their_reasons_and_the_rest_is_done(index: Index, tmp_path: Path) -> None:
    folder = write(tmp_path / "photos", {"good.png": texture(1), "one-pixel.png": np.zeros((1, 1, 3), np.uint8)})
    write(folder, {"blank.png": np.full((80, 90, 3), 7, np.uint8), "line.png": np.zeros((1, 3000, 3), np.uint8)})
    whole = jpeg(texture(2))
    files = {
        "empty.jpg": b"",
        "text.jpg": b"Dear all, the photo is attached.",
        "truncated.jpg": whole[: len(whole) // 2],
        "huge.png": empty_png(20_000, 15_000, 10),
        "header.png": whole[:4],
    }
    for name, data in files.items():
        (folder / name).write_bytes(data)
    report = index.add(folder)
    reasons = dict(report.unreadable)
    assert reasons["empty.jpg"] == "the file is empty"
    assert reasons["text.jpg"].startswith("not an image (JPEG, PNG")
    assert reasons["truncated.jpg"].startswith("truncated JPEG: 58 % of the picture is missing")
    assert reasons["huge.png"] == "300 megapixels, over the limit of 100; save it smaller"
    assert set(reasons) == set(files)
    assert (report.added, index.info().images, index.info().unreadable) == (4, 4, 5)
    assert names(index.search(texture(1), k=5)) == ["good.png"]
    assert index.search("blank.png").hits == []
    assert index.search("one-pixel.png").hits == []


@pytest.mark.slow
def test_a_photo_of_300_megapixels_is_decoded_reduced(index: Index, tmp_path: Path) -> None:
    folder = tmp_path / "photos"
    folder.mkdir()
    (folder / "large.jpg").write_bytes(tiled_jpeg(40, 920))
    (folder / "large.png").write_bytes(empty_png(20_000, 15_000, 15_000))
    report = index.add(folder)
    assert report.unreadable == [("large.png", "300 megapixels, over the limit of 100; save it smaller")]
    images = index.collection.snapshot.images
    at = images.by_name["large.jpg"]
    assert images.widths[at] * images.heights[at] == 40 * 512 * 920 * 16
    found = index.search(folder / "large.jpg", box=(5000, 4000, 9000, 7000), include_self=True)
    assert found.size == (40 * 512, 920 * 16)


@pytest.mark.parametrize(
    "name",
    [
        b"with space.png",
        b"quote'\".png",
        b"new\nline.png",
        b"caf\xe9.png",
        b"100%.png",
        b"%E9.png",
        b"\xf0\x9f\x98\x80.png",
    ],
)
def test_any_name_is_found_again_by_the_name_of_its_hit(index: Index, tmp_path: Path, name: bytes) -> None:
    folder = write(tmp_path / "photos", {"a.png": texture(1)})
    os.rename(folder / "a.png", os.path.join(os.fsencode(folder), name))
    index.add(folder)
    found = names(index.search(texture(1)))
    assert len(found) == 1
    found[0].encode()
    assert names(index.search(found[0], include_self=True)) == found
    assert index.add(folder).unchanged == 1
    assert index.remove(found) == 1


def test_a_folder_whose_name_is_not_utf8(index: Index, tmp_path: Path) -> None:
    folder = Path(os.fsdecode(os.fsencode(tmp_path) + b"/d\xe9p\xf4t"))
    write(folder, {"a.png": texture(1), "b.png": texture(1)})
    index.add(folder)
    assert names(index.search("a.png", include_self=True)) == ["a.png", "b.png"]
    assert index.update().unchanged == 2
    shutil.rmtree(folder)
    (held,) = index.update().held
    assert (held.folder, held.photos, held.why) == (f"{tmp_path}/d\\xe9p\\xf4t", 2, "is gone")
    assert index.update(removed=[held.folder]).removed == 2
    with pytest.raises(UsageError, match=r"d\\xe9p\\xf4t: there is no such folder"):
        index.add(folder)


def test_links_in_a_loop_are_walked_once(index: Index, tmp_path: Path) -> None:
    folder = write(tmp_path / "photos", {"a.png": texture(1), "sub/b.png": texture(2)})
    (folder / "sub" / "up").symlink_to(folder)
    (folder / "self.png").symlink_to(folder / "self.png")
    (folder / "nothing.png").symlink_to(folder / "none")
    report = index.add(folder)
    assert report.added == 2
    assert sorted(Path(path).name for path, _ in report.unreadable) == ["nothing.png", "self.png"]


def test_a_file_that_changes_while_it_is_read_is_read_again(
    index: Index, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = write(tmp_path / "photos", {"a.png": texture(1), "b.png": texture(2)})
    read = extraction.read_bytes
    grows = 1

    def growing(path: Path) -> bytes:
        nonlocal grows
        data = read(path)
        if Path(path).name == "a.png" and grows:
            grows -= 1
            with open(path, "ab") as file:
                file.write(b"more")
        return data

    monkeypatch.setattr(extraction, "read_bytes", growing)
    assert index.add(folder).unreadable == []
    images = index.collection.snapshot.images
    assert images.hashes[images.by_name["a.png"]] == extraction.content_hash((folder / "a.png").read_bytes())
    grows = 100
    extracted = extraction.extract_one(Found(folder / "a.png", "a.png", 1, 1), {})
    assert extracted.reason == "changes while it is read; index it again when it is complete"


def test_a_file_that_is_gone_before_it_is_read(index: Index, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = write(tmp_path / "photos", {"a.png": texture(1), "b.png": texture(2)})
    read = extraction.read_bytes

    def deleting(path: Path) -> bytes:
        (folder / "a.png").unlink(missing_ok=True)
        return read(path)

    monkeypatch.setattr(extraction, "read_bytes", deleting)
    assert [name for name, _ in index.add(folder).unreadable] == ["a.png"]
    assert index.update().removed == 1


def test_a_photo_for_which_memory_does_not_suffice(
    index: Index, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = write(tmp_path / "photos", {"a.png": texture(1), "b.png": texture(2)})
    decode = extraction.decode_bytes

    def starving(data: bytes, name: str, side: int) -> object:
        if name.endswith("a.png"):
            raise MemoryError
        return decode(data, name, side)

    monkeypatch.setattr(extraction, "decode_bytes", starving)
    assert index.add(folder).unreadable == [("a.png", "not enough memory to decode it; save it smaller")]
    assert names(index.search(texture(2), k=1)) == ["b.png"]


def test_folders_that_are_none(index: Index, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(UsageError, match=r"none: there is no such folder; name a folder of photos"):
        index.add(tmp_path / "none")
    (tmp_path / "file.png").write_bytes(b"x")
    with pytest.raises(UsageError, match=r"file\.png: not a folder; name the folder that the photos are in"):
        index.add(tmp_path / "file.png")
    (tmp_path / "empty").mkdir()
    assert index.add(tmp_path / "empty").added == 0
    assert f"{tmp_path / 'empty'}: there is no photo in it" in caplog.text
    assert index.update().added == 0


@pytest.mark.parametrize("method", ['[words]\nkind = "bow"\nsize = 64', '[descriptor]\nkind = "fisher"'])
def test_nothing_to_fit_on(tmp_path: Path, method: str) -> None:
    (tmp_path / "r.toml").write_text(f'name = "own"\n{method}\nfit = "collection"\n')
    index = Index.create(tmp_path / "x", tmp_path / "r.toml")
    folder = tmp_path / "photos"
    folder.mkdir()
    assert index.add(folder).added == 0
    write(folder, {"blank.png": np.full((80, 90, 3), 7, np.uint8)})
    (folder / "bad.jpg").write_bytes(b"text")
    with pytest.raises(FitError, match=r"photos: no photo here gives a single feature"):
        index.add(folder)
    with pytest.raises(FitError, match=r"photos: no photo here gives a single feature"):
        Index.create(tmp_path / "y", tmp_path / "r.toml", fit=folder)
    assert not (tmp_path / "y").exists()
    write(folder, collection(2))
    assert index.add(folder).added == 5
    assert names(index.search(texture(0), k=1)) == ["00-0.png"]


def test_a_fit_of_another_kind_or_other_features(tmp_path: Path, recipes: Path) -> None:
    from resight.learned.artefact import save

    (tmp_path / "r.toml").write_text('name = "own"\n[words]\nkind = "asmk"\nsize = 8\nfit = "other.npz"\n')
    save(tmp_path / "other.npz", {"mean": np.zeros(128, np.float32)}, {})
    with pytest.raises(FitError, match=r'other\.npz: "asmk" needs centroids, and this fit holds mean'):
        Index.create(tmp_path / "x", tmp_path / "r.toml")
    save(tmp_path / "other.npz", {"centroids": np.zeros((8, 64), np.float32)}, {})
    with pytest.raises(FitError, match=r"centroids of shape \(8, 64\) were fitted on other features"):
        Index.create(tmp_path / "x", tmp_path / "r.toml")
    (tmp_path / "other.npz").write_bytes(b"PK not really")
    with pytest.raises(FitError, match=r"other\.npz: the fitted artefact is damaged"):
        Index.create(tmp_path / "x", tmp_path / "r.toml")
    assert not (tmp_path / "x").exists()


def test_a_fit_that_is_no_file_or_not_finite(tmp_path: Path) -> None:
    from resight.learned.artefact import load, save

    with pytest.raises(FitError, match=r"/dev/zero: not a regular file"):
        load(Path("/dev/zero"))
    save(tmp_path / "other.npz", {"centroids": np.full((8, 128), np.nan, np.float32)}, {})
    with pytest.raises(FitError, match=r"other\.npz: not all numbers of centroids are finite"):
        load(tmp_path / "other.npz")


def test_any_number_of_hits_may_be_asked_for(index: Index, tmp_path: Path) -> None:
    filled(index, tmp_path)
    assert names(index.search(texture(0), k=10**20)) == names(index.search(texture(0), k=100))


def filled(index: Index, tmp_path: Path) -> Path:
    folder = write(tmp_path / "photos", collection(3))
    index.add(folder)
    write(folder, {"late.png": texture(9)})
    index.add(folder)
    return folder


def flip(path: Path, at: int) -> None:
    data = bytearray(path.read_bytes())
    data[at] ^= 0x40
    path.write_bytes(bytes(data))


def test_an_index_of_another_version_is_refused(index: Index, tmp_path: Path) -> None:
    filled(index, tmp_path)
    connection = sqlite3.connect(index.path / "catalog.sqlite")
    with connection:
        connection.execute("UPDATE meta SET value = '99' WHERE key = 'format'")
    connection.close()
    with pytest.raises(IndexFormatError, match=r"format 99, .* reads 4: use the version that wrote it, or make a new"):
        Index.open(index.path)


def test_a_recipe_that_was_edited_is_refused(index: Index, tmp_path: Path) -> None:
    filled(index, tmp_path)
    with (index.path / "recipe.toml").open("a") as file:
        file.write("# note\n")
    with pytest.raises(IndexCorruptError, match=r"recipe\.toml was changed"):
        Index.open(index.path)


def test_a_flipped_byte_of_the_catalogue_is_mended(index: Index, tmp_path: Path) -> None:
    folder = filled(index, tmp_path)
    expected = rankings(index, collection(3))
    flip(index.path / "catalog.sqlite", 4096)
    assert any("catalog.sqlite" in line and "mends it" in line for line in Index.check(index.path).problems)
    report = Index.check(index.path, repair=True)
    assert report.problems == []
    assert any("rebuilt" in line for line in report.repaired)
    mended = Index.open(index.path)
    assert rankings(mended, collection(3)) == expected
    assert mended.add(folder).unchanged == 7


def test_a_lost_catalogue_is_mended(index: Index, tmp_path: Path) -> None:
    filled(index, tmp_path)
    expected = rankings(index, collection(3))
    (index.path / "catalog.sqlite").unlink()
    with pytest.raises(IndexCorruptError, match="verify --repair"):
        Index.open(index.path)
    assert Index.check(index.path, repair=True).problems == []
    assert rankings(Index.open(index.path), collection(3)) == expected


def test_a_flipped_byte_of_a_segment_is_found_and_its_photos_are_read_again(index: Index, tmp_path: Path) -> None:
    folder = filled(index, tmp_path)
    expected = rankings(index, collection(3))
    assert index.verify().problems == []
    segment = max(index.path.glob("segments/0*"), key=lambda path: (path / "rows.arrays").stat().st_size)
    for file in sorted(segment.rglob("*.npy"))[:2]:
        flip(file, file.stat().st_size - 1)
    problems = index.verify().problems
    assert len(problems) == 2
    assert all("the checksum is wrong" in line and "indexed again" in line for line in problems)
    report = index.verify(repair=True)
    assert report.problems == []
    assert sum("the next add or update reads it again" in line for line in report.repaired) == 6
    assert index.add(folder).added == 6
    assert rankings(index, collection(3)) == expected


def test_a_flipped_byte_of_what_was_fitted_is_found(index: Index, tmp_path: Path) -> None:
    filled(index, tmp_path)
    file = index.path / "fitted" / "main" / "fitted.npz"
    flip(file, file.stat().st_size // 2)
    problems = index.verify().problems
    assert len(problems) == 1
    assert "fitted.npz" in problems[0]
    assert "cannot be mended" in problems[0]
    with pytest.raises(IndexCorruptError, match=r"fitted\.npz: the checksum is wrong.*put a copy of the former"):
        Index.open(index.path).search(texture(0))


def test_an_unreadable_photo_is_told_of_at_every_add(tmp_path: Path, recipes: Path) -> None:
    photos = tmp_path / "photos"
    photos.mkdir()
    (photos / "a.jpg").write_bytes(b"text")
    index = Index.create(tmp_path / "x.resight", "sift-asmk")
    for _ in range(2):
        report = index.add(photos)
        assert (report.added, report.changed, report.unchanged) == (0, 0, 0)
        assert [name for name, _ in report.unreadable] == ["a.jpg"]
