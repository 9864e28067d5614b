"""Nothing but the photos that were indexed is served, to those alone who may ask, and as much as there is room for."""

from __future__ import annotations

import io
import json
import os
import shutil
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
from PIL import Image
from starlette.testclient import TestClient

from resight.index import Index
from server_samples import TOKEN, Serve

SECRET = "secret.jpg"
PHOTO = "/v1/indexes/own/photo"
THUMBNAIL = "/v1/indexes/own/thumbnail"


def picture(path: Path, colour: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    image = Image.effect_noise((200, 160), 60).convert("RGB")
    image.paste(colour, (0, 0, 60, 60))
    image.save(path, quality=90)
    return path


def beside_a_secret(folder: Path) -> Path:
    """Puts an index of the photos in `photos` into a folder, and a secret beside it that is in no index."""
    picture(folder / SECRET, "red")
    picture(folder / "photos" / "one.jpg", "green")
    picture(folder / "photos" / "deep" / "two.jpg", "blue")
    Index.create(folder / "own.resight", "sift-asmk").add(folder / "photos")
    return folder


@pytest.fixture(scope="module")
def kept_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder as `beside_a_secret` makes it. Do not change it."""
    return beside_a_secret(tmp_path_factory.mktemp("kept"))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder as `beside_a_secret` makes it, that a test may change."""
    return beside_a_secret(tmp_path)


@pytest.fixture
def own(kept_folder: Path, serve: Serve) -> TestClient:
    return serve(kept_folder / "own.resight")


@pytest.fixture
def changing(folder: Path, serve: Serve) -> TestClient:
    return serve(folder / "own.resight")


def test_photos_of_the_index_are_served_as_pixels_alone(own: TestClient, kept_folder: Path) -> None:
    answer = own.get(PHOTO, params={"name": "deep/two.jpg"})
    assert answer.status_code == 200
    assert Image.open(io.BytesIO(answer.content)).size == (200, 160)
    assert answer.content != (kept_folder / "photos" / "deep" / "two.jpg").read_bytes()


@pytest.mark.parametrize("address", [PHOTO, THUMBNAIL])
@pytest.mark.parametrize(
    "name",
    [
        "../secret.jpg",
        "deep/../../secret.jpg",
        "..\\secret.jpg",
        "%2e%2e/secret.jpg",
        "..%2fsecret.jpg",
        "..%252fsecret.jpg",
        "....//secret.jpg",
        "/etc/passwd",
        "file:///etc/passwd",
        "one.jpg\0.png",
        "one.jpg/../../secret.jpg",
        "photos/one.jpg",
        ".",
        "",
        "*",
        "\udc80",
        "a" * 5000,
        "own.resight/recipe.toml",
        "../own.resight/recipe.toml",
    ],
)
def test_no_name_leads_out_of_the_index(own: TestClient, kept_folder: Path, address: str, name: str) -> None:
    encoded = quote(name, safe="", errors="surrogatepass")
    for query in (
        encoded,
        quote(encoded, safe=""),
        name.replace(" ", "%20") if name.isascii() and "\0" not in name else encoded,
    ):
        answer = own.get(f"{address}?name={query}")
        assert answer.status_code in (400, 404, 422), (query, answer.status_code)
        assert set(answer.json()["error"]) == {"kind", "message", "hint"}
    absolute = own.get(address, params={"name": str(kept_folder / "photos" / "one.jpg")})
    assert absolute.status_code == 404


@pytest.mark.parametrize(
    "path",
    [
        "/page/../../settings.py",
        "/page/..%2f..%2fsettings.py",
        "/page/%2e%2e/settings.py",
        "/page//etc/passwd",
        "/page/index.html/../../settings.py",
        "/v1/indexes/../../etc",
        "/v1/indexes/own%2f..%2fx/images",
        "/..%5c..%5csettings.py",
    ],
)
def test_no_path_leads_to_another_file(own: TestClient, path: str) -> None:
    answer = own.get(path)
    assert answer.status_code in (400, 404, 422)
    assert "import" not in answer.text


def test_a_photo_that_became_a_link_out_of_the_folder_is_not_served(changing: TestClient, folder: Path) -> None:
    one = folder / "photos" / "one.jpg"
    status = one.stat()
    secret = folder / SECRET
    # The very same content, size and time, so that nothing but where it lies tells it apart.
    secret.write_bytes(one.read_bytes())
    one.unlink()
    one.symlink_to(secret)
    os.utime(secret, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert changing.get(PHOTO, params={"name": "one.jpg"}).status_code == 404


def test_another_content_under_the_same_name_is_not_served(changing: TestClient, folder: Path) -> None:
    one = folder / "photos" / "one.jpg"
    status, data = one.stat(), one.read_bytes()
    one.write_bytes(data[:-3] + b"\0\0\0")
    os.utime(one, ns=(status.st_atime_ns, status.st_mtime_ns))
    answer = changing.get(PHOTO, params={"name": "one.jpg"})
    assert answer.status_code == 404
    assert "changed since it was indexed" in answer.json()["error"]["message"]


def test_names_of_one_index_are_not_those_of_another(folder: Path, serve: Serve) -> None:
    picture(folder / "others" / "three.jpg", "yellow")
    Index.create(folder / "other.resight", "sift-asmk").add(folder / "others")
    both = serve(folder / "own.resight", folder / "other.resight")
    assert both.get("/v1/indexes/other/photo", params={"name": "three.jpg"}).status_code == 200
    assert both.get(PHOTO, params={"name": "three.jpg"}).status_code == 404
    assert both.get("/v1/indexes/other/photo", params={"name": "one.jpg"}).status_code == 404


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("127.0.0.1:8480", 200),
        ("localhost", 200),
        ("[::1]:8480", 200),
        ("192.168.1.7:8480", 200),
        ("photos.example", 200),
        ("evil.example", 421),
        ("evil.example:8480", 421),
        ("127.0.0.1.evil.example", 421),
        ("localhost@evil.example", 421),
        ("evil.example/localhost", 421),
        ("", 421),
    ],
)
def test_the_service_is_called_by_an_address_or_a_name_it_was_given(
    served_index: Path, serve: Serve, host: str, status: int
) -> None:
    client = serve(served_index, hosts=frozenset({"Photos.example"}))
    assert client.get("/v1/indexes", headers={"Host": host}).status_code == status


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"Origin": "http://127.0.0.1:8480"}, 200),
        ({"Origin": "http://127.0.0.1:9999"}, 403),
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": "http://["}, 403),
        ({"Origin": "https://friend.example"}, 200),
        ({"Sec-Fetch-Site": "same-origin"}, 200),
        ({"Sec-Fetch-Site": "none"}, 200),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}, 403),
    ],
)
def test_pages_elsewhere_cannot_read(served_index: Path, serve: Serve, headers: dict[str, str], status: int) -> None:
    client = serve(served_index, origins=frozenset({"https://friend.example"}))
    answer = client.get("/v1/indexes", headers=headers)
    assert answer.status_code == status
    allowed = headers.get("Origin") if headers.get("Origin", "").endswith("friend.example") else None
    assert answer.headers.get("access-control-allow-origin") == allowed


def test_a_link_to_the_page_may_be_followed_from_anywhere(client: TestClient) -> None:
    visit = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}
    assert client.get("/", headers=visit).status_code == 200
    framed = {**visit, "Sec-Fetch-Dest": "iframe"}
    assert client.get("/", headers=framed).status_code == 403


def test_an_allowed_page_may_ask_first(served_index: Path, serve: Serve) -> None:
    # A browser sends no token with this question, so that none may be asked for.
    friends = frozenset({"https://friend.example"})
    client = serve(served_index, origins=friends, token=TOKEN, reads_need_token=True)
    asked = {"Access-Control-Request-Method": "POST", "Origin": "https://friend.example"}
    answer = client.options("/v1/indexes/old-town/searches", headers=asked)
    assert answer.status_code == 204
    assert "authorization" in answer.headers["access-control-allow-headers"]
    refused = client.options("/v1/indexes/old-town/searches", headers={**asked, "Origin": "http://evil.example"})
    assert refused.status_code == 403


def test_every_answer_has_the_headers_that_guard_a_browser(client: TestClient) -> None:
    for path in ("/", "/v1/indexes", "/nowhere", "/docs", "/v1/indexes/old-town/photo?name=other-000.jpg"):
        headers = client.get(path, follow_redirects=False).headers
        policy = headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert "http" not in policy
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["cross-origin-resource-policy"] == "same-origin"


def test_reads_need_the_token_when_asked_for(served_index: Path, serve: Serve) -> None:
    client = serve(served_index, token=TOKEN, reads_need_token=True)
    for path in ("/v1/indexes", "/v1/indexes/old-town/photo?name=other-000.jpg", "/metrics", "/openapi.json"):
        refused = client.get(path)
        assert refused.status_code == 401
        assert refused.json()["error"]["kind"] == "token"
        assert client.get(path, headers={"Authorization": f"Bearer {TOKEN}"}).status_code == 200
        assert client.get(path, headers={"Authorization": f"Bearer {TOKEN}x"}).status_code == 401
        assert client.get(path, headers={"Cookie": "resight_token=wrong; a"}).status_code == 401
    assert client.get("/health").json() == {"status": "ok"}, "names and sizes of indexes are for those who may look"
    assert client.post("/v1/session", json={"token": "wrong"}).status_code == 401
    session = client.post("/v1/session", json={"token": TOKEN})
    cookie = session.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=strict" in cookie
    assert client.get("/v1/indexes").json()[0]["writable"]
    client.delete("/v1/session")
    client.cookies.clear()
    assert client.get("/v1/indexes").status_code == 401


def test_writes_need_a_token_always(served_index: Path, serve: Serve) -> None:
    without, with_ = serve(served_index), serve(served_index, token=TOKEN)
    for client, status in ((without, 403), (with_, 401)):
        images = "/v1/indexes/old-town/images"
        assert client.post(images, files={"file": b"x"}).status_code == status
        assert client.request("DELETE", images, json={"names": ["other-000.jpg"]}).status_code == status
        assert client.post("/v1/indexes/old-town/update").status_code == status
        assert not client.get("/v1/indexes").json()[0]["writable"]


def bomb(width: int, height: int) -> bytes:
    """A PNG of a few hundred bytes that says it is very large."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(1000))) + chunk(b"IEND", b"")
    )


def search(client: TestClient, data: bytes, **request: object) -> object:
    form = {"request": json.dumps({"queries": [{"file": 0}], **request})}
    return client.post("/v1/indexes/old-town/searches", data=form, files={"file": ("x", data)})


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "empty"),
        (b"GIF89a", "GIF"),
        (b"<script>alert(1)</script>", "not an image"),
        (bomb(60_000, 60_000), "megapixels"),
        (bomb(9_000, 9_000), "megapixels"),
        (b"\xff\xd8\xff" + bytes(2000), "JPEG"),
        (b"%PDF-1.7", "PDF"),
    ],
)
def test_a_file_that_is_no_photo_is_told_why(client: TestClient, data: bytes, said: str) -> None:
    answer = search(client, data)
    assert answer.status_code == 422  # type: ignore[attr-defined]
    assert said in answer.json()["error"]["message"]  # type: ignore[attr-defined]


def test_a_body_that_is_too_large_is_refused_before_it_is_read(served_index: Path, serve: Serve) -> None:
    client = serve(served_index, upload_bytes=1 << 20)
    answer = search(client, bytes(6 << 20))
    assert answer.status_code == 413  # type: ignore[attr-defined]
    assert answer.json()["error"]["kind"] == "too-large"  # type: ignore[attr-defined]
    names = b'{"names": [' + b'"x",' * (3 << 19) + b'"x"]}'
    assert len(names) > 5 << 20
    tray = {"content": names, "headers": {"Content-Type": "application/json"}}
    roomy = serve(served_index, upload_bytes=64 << 20)
    assert roomy.post("/v1/indexes/old-town/tray", **tray).status_code == 413  # type: ignore[arg-type]
    told = client.post("/v1/session", content=b"{}", headers={"Content-Length": "9" * 30})
    assert told.status_code == 413

    def without_a_length() -> Iterator[bytes]:
        yield from [bytes(1 << 16)] * 100

    streamed = client.post(
        "/v1/indexes/old-town/searches",
        content=without_a_length(),
        headers={"Content-Type": "application/json"},
    )
    assert streamed.status_code == 413


def test_an_error_that_nobody_foresaw_tells_nothing(
    client: TestClient, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("/home/somebody/secret")

    monkeypatch.setattr("resight.server.api.searches.search", broken)
    answer = client.post("/v1/indexes/old-town/searches", json={"queries": [{"name": "other-000.jpg"}]})
    assert answer.status_code == 500
    assert answer.json()["error"]["kind"] == "internal"
    assert "somebody" not in answer.text
    assert "Traceback" not in answer.text
    assert "somebody" in caplog.text
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_a_name_with_markup_and_percent_is_a_name(folder: Path, serve: Serve) -> None:
    name = "<img src=x onerror=alert(1)> 100%41 #?&.jpg"
    shutil.copy2(folder / "photos" / "one.jpg", folder / "photos" / name)
    index = Index.open(folder / "own.resight")
    index.add(folder / "photos")
    client = serve(folder / "own.resight")
    listed = [one["name"] for one in client.get("/v1/indexes/own/images").json()["images"]]
    (kept,) = [one for one in listed if one.startswith("<img")]
    assert client.get(PHOTO, params={"name": kept}).status_code == 200
    assert client.get("/v1/indexes/own/images").headers["content-type"] == "application/json"
