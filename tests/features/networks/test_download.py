"""Downloads from a server of our own that can break off, ignore ranges and answer wrongly."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar

import pytest

from resight.errors import StorageError, UsageError, WeightsError
from resight.features.networks.download import download, downloads_folder, file_name, find, hash_in_name, sha256_of

DATA = bytes(range(256)) * 9000
SHA256 = hashlib.sha256(DATA).hexdigest()


class Handler(BaseHTTPRequestHandler):
    breaks_after: ClassVar[int | None] = None
    ranges: ClassVar[bool] = True
    lengths: ClassVar[bool] = True
    asked: ClassVar[list[str | None]] = []

    def do_GET(self) -> None:
        asked = self.headers.get("Range")
        self.asked.append(asked)
        if self.path != "/weights/net-1.pth":
            self.send_error(404)
            return
        start = int(asked.removeprefix("bytes=").removesuffix("-")) if asked and self.ranges else 0
        if start >= len(DATA):
            self.send_error(416)
            return
        body = DATA[start:]
        self.send_response(206 if asked and self.ranges else 200)
        if self.lengths:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body if self.breaks_after is None else body[: self.breaks_after])

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setattr(Handler, "asked", [])
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    running = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=running.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{running.server_port}/weights/net-1.pth"
    running.shutdown()
    thread.join()
    running.server_close()


def contents(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("known", [SHA256, SHA256[:8], ""])
def test_a_file_is_fetched_whole_and_progress_told(server: str, tmp_path: Path, known: str) -> None:
    told: list[tuple[int, int | None]] = []
    path = download(server, tmp_path / "new" / "folder", known, lambda done, total: told.append((done, total)))
    assert path == tmp_path / "new" / "folder" / "net-1.pth"
    assert path.read_bytes() == DATA
    assert sha256_of(path) == SHA256
    assert contents(path.parent) == ["net-1.pth"]
    assert told == sorted(told)
    assert told[-1] == (len(DATA), len(DATA))
    assert len(told) > 1


def test_a_broken_download_is_an_error_and_is_gone_on_with(
    server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Handler, "breaks_after", 1_000_000)
    with pytest.raises(WeightsError, match=f"broke after 1000000 of {len(DATA)} bytes; run it again"):
        download(server, tmp_path, SHA256)
    assert contents(tmp_path) == ["net-1.pth.part"]
    monkeypatch.setattr(Handler, "breaks_after", None)
    assert download(server, tmp_path, SHA256).read_bytes() == DATA
    assert Handler.asked == ["bytes=0-", "bytes=1000000-"]
    assert contents(tmp_path) == ["net-1.pth"]


def test_a_server_without_ranges_sends_it_all_again(
    server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "net-1.pth.part").write_bytes(DATA[:1234])
    monkeypatch.setattr(Handler, "ranges", False)
    assert download(server, tmp_path, SHA256).read_bytes() == DATA


def test_a_server_that_states_no_length_is_believed_by_the_hash_alone(
    server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Handler, "lengths", False)
    totals: set[int | None] = set()
    assert download(server, tmp_path, SHA256, lambda _, total: totals.add(total)).read_bytes() == DATA
    assert totals == {None}
    monkeypatch.setattr(Handler, "breaks_after", 1000)
    with pytest.raises(WeightsError, match="SHA-256"):
        download(server, tmp_path / "other", SHA256)


def test_remains_of_another_file_are_thrown_away(server: str, tmp_path: Path) -> None:
    (tmp_path / "net-1.pth.part").write_bytes(b"x" * 5000)
    assert download(server, tmp_path, SHA256).read_bytes() == DATA
    assert Handler.asked == ["bytes=5000-", "bytes=0-"]


@pytest.mark.parametrize("length", [len(DATA), len(DATA) + 10])
def test_whole_and_longer_remains(server: str, tmp_path: Path, length: int) -> None:
    (tmp_path / "net-1.pth.part").write_bytes((DATA * 2)[:length])
    assert download(server, tmp_path, SHA256).read_bytes() == DATA


def test_a_wrong_hash_is_an_error_and_leaves_nothing(server: str, tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=rf"SHA-256 is {SHA256}, not 0123456…: it was removed") as raised:
        download(server, tmp_path, "0123456")
    assert str(tmp_path / "net-1.pth") in str(raised.value)
    assert contents(tmp_path) == []


def test_a_missing_file_says_what_to_fetch_and_where_to_put_it(server: str, tmp_path: Path) -> None:
    url = server.replace("net-1", "net-2")
    with pytest.raises(WeightsError, match="the server answers 404") as raised:
        download(url, tmp_path, SHA256)
    assert contents(tmp_path) == []
    for part in (url, str(tmp_path / "net-2.pth"), "RESIGHT_WEIGHTS"):
        assert part in str(raised.value)


def test_no_network_says_what_to_fetch_and_where_to_put_it(server: str, tmp_path: Path) -> None:
    # Nobody listens at port 1.
    url = "http://127.0.0.1:1/net-1.pth"
    with pytest.raises(WeightsError, match="cannot be reached") as raised:
        download(url, tmp_path, SHA256)
    for part in (url, str(tmp_path / "net-1.pth"), "RESIGHT_WEIGHTS"):
        assert part in str(raised.value)


def test_two_at_once_are_kept_apart(server: str, tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="another process is fetching"):
        download(server, tmp_path, SHA256, lambda *_: download(server, tmp_path, SHA256) and None)


def test_a_folder_that_cannot_be_made_is_a_storage_error(server: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StorageError, match=r"net-1\.pth: cannot be written"):
        download(server, tmp_path / "file", SHA256)


@pytest.mark.parametrize("url", ["file:///etc/net-1.pth", "ftp://host/net-1.pth", "net-1.pth"])
def test_only_http_is_fetched(url: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="http and https only"):
        download(url, tmp_path)


def test_names_of_addresses() -> None:
    assert file_name("https://host/a/net-12.pth?x=1#y") == "net-12.pth"
    for url in ("https://host/", "https://host", "https://host/a/..", "https://host/a%2F"):
        with pytest.raises(UsageError, match="ends in the name of a file"):
            file_name(url)


def test_hashes_in_names() -> None:
    assert hash_in_name("resnet50-0676ba61.pth") == "0676ba61"
    assert hash_in_name("rSfM120k-tl-resnet101-gem-w-a155e54.pth") == "a155e54"
    assert hash_in_name("alexnet.pth") == ""
    assert hash_in_name("net-1.pth") == ""
    assert hash_in_name("my-network-final.pth") == ""


def test_folders_come_from_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("RESIGHT_CACHE", raising=False)
    monkeypatch.delenv("RESIGHT_WEIGHTS", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert downloads_folder() == tmp_path / "resight" / "weights"
    monkeypatch.setenv("RESIGHT_CACHE", str(tmp_path / "cache"))
    assert downloads_folder() == tmp_path / "cache" / "weights"
    assert find("a.pth") is None
    downloads_folder().mkdir(parents=True)
    (downloads_folder() / "a.pth").touch()
    assert find("a.pth") == downloads_folder() / "a.pth"
    monkeypatch.setenv("RESIGHT_WEIGHTS", str(tmp_path))
    (tmp_path / "a.pth").touch()
    assert find("a.pth") == tmp_path / "a.pth"
