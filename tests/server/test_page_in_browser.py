"""The page in Debian's Chromium, over a real index of rendered photos, as a person uses it."""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import threading
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest

from resight.index import Index

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Page

CHROMIUM = Path(os.environ.get("RESIGHT_CHROMIUM", "/usr/bin/chromium"))
AXE = Path(os.environ.get("RESIGHT_AXE", "node_modules/axe-core/axe.min.js"))
FLAGS = [
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"),
    *("--disable-component-update", "--disable-sync"),
]
PATIENCE = 60_000
"""Milliseconds that a step may take: a busy machine is slow, and a step that is done is not waited for."""
HOSTILE = "posters/100% <img src=x onerror=alert(1)> é“ #1 & more?.jpg"
QUERY = "poster-02_1.jpg"
NAMES = {
    HOSTILE: "poster-02_2.jpg",
    "posters/again.jpg": "poster-02_occlusion_1.jpg",
    "facade-00_1.jpg": "facade-00_1.jpg",
    "facade-00_2.jpg": "facade-00_2.jpg",
    "other-000.jpg": "other-000.jpg",
    "other-001.jpg": "other-001.jpg",
}
TOKEN = "a token of the tests"
MARKUP = "50 % <img src=x onerror=alert(1)> #2"


@pytest.fixture(scope="module")
def service(world_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a service of six photos, two of which show what `QUERY` shows."""
    pytest.importorskip("playwright.sync_api", reason="the page is tested with playwright: pip install 'resight[test]'")
    if not CHROMIUM.is_file():
        pytest.skip(f"no Chromium at {CHROMIUM}: apt-get install chromium, or set RESIGHT_CHROMIUM")
    import uvicorn

    from resight.server.app import create_app
    from resight.server.photo_folders import PhotoFolders
    from resight.server.service import Service
    from resight.server.settings import Settings
    from resight.server.shelf import plan_shelf

    folder = tmp_path_factory.mktemp("page")
    for name, source in NAMES.items():
        target = folder / "photos" / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(world_folder / "images" / source, target)
    Index.create(folder / "Old Town.resight").add(folder / "photos")
    Index.create(folder / "Words.resight", "sift-bow").add(folder / "photos")
    (folder / "table.csv").write_text(f'name,title\n"{HOSTILE}","<b>A poster</b>, 50 %"\n', encoding="utf-8")
    settings = Settings(cache=folder / "cache", token=TOKEN, per_client=64, seconds=600)
    indexes = [folder / "Old Town.resight", folder / "Words.resight"]
    *made, new = plan_shelf([*indexes, folder / "New.resight"], [folder / "table.csv"])
    (folder / MARKUP).mkdir()
    shutil.copy2(folder / "photos" / "other-000.jpg", folder / MARKUP / "whole.jpg")
    (folder / MARKUP / "torn.jpg").write_bytes((folder / "photos" / "other-001.jpg").read_bytes()[:300])
    folders = PhotoFolders([folder / "photos", folder / MARKUP])
    app = create_app(Service({one.id: one.open() for one in made}, settings, planned=[new], folders=folders))
    server = uvicorn.Server(uvicorn.Config(app, log_level="error", lifespan="on"))
    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}/"
        server.should_exit = True
        thread.join(30)


@pytest.fixture(scope="module")
def browser(service: str) -> Iterator[Browser]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as driver:
        chromium = driver.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield chromium
        chromium.close()


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    """A window of a person who asked for reduced motion; it fails on what goes wrong unseen."""
    context = browser.new_context(viewport={"width": 1440, "height": 900}, reduced_motion="reduce")
    context.set_default_timeout(PATIENCE)
    yield context
    context.close()


@pytest.fixture
def page(context: BrowserContext, service: str) -> Iterator[Page]:
    """The page; afterwards: no error was logged, no dialog opened, and no other host was asked for anything."""
    wrong: list[str] = []
    page = context.new_page()
    page.on("console", lambda told: wrong.append(told.text) if told.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("dialog", lambda dialog: (wrong.append(f"dialog: {dialog.message}"), dialog.dismiss()))
    page.on("request", lambda asked: wrong.append(asked.url) if not asked.url.startswith((service, "blob:")) else None)
    page.goto(service)
    yield page
    assert wrong == []


def sent(page: Page, photo: Path) -> None:
    """Searches with a photo of a person's own."""
    with page.expect_file_chooser() as choice:
        page.get_by_role("button", name="Choose a photo").click()
    choice.value.set_files(photo)
    answered(page)


def answered(page: Page) -> None:
    """Waits for the verified answer."""
    page.locator(".answer-head").get_by_text(re.compile(r"sure photos? in")).wait_for()


def hits(page: Page, part: str = "sure") -> list[str]:
    """The names of the hits that are shown as sure, as possible."""
    block = page.locator(".part", has=page.locator(f".part-head.{part}"))
    return [str(card.get_attribute("data-name")) for card in block.locator(".card").all()]


def link(service: str, **state: str) -> str:
    from urllib.parse import urlencode

    view = state.pop("view", "search")
    return f"{service}#/{view}?{urlencode(state)}"


def test_a_photo_that_is_sent_finds_its_thing_and_shows_why(page: Page, world_folder: Path) -> None:
    sent(page, world_folder / "images" / QUERY)
    assert HOSTILE in hits(page)
    assert "other-000.jpg" not in hits(page)
    page.get_by_role("button", name=re.compile("unlikely")).click()
    assert hits(page, "filler")

    page.locator(f'.card[data-name="{HOSTILE}"] a').click()
    stage = page.locator(".stage canvas")
    verified, putative = map(int, re.findall(r"\d+", str(stage.get_attribute("aria-label")))[:2])
    assert 8 < verified <= putative
    region = page.get_by_role("link", name=re.compile(r"^\d+,\d+,\d+,\d+$"))
    assert f"region={quote(region.inner_text(), safe='')}" in str(region.get_attribute("href"))
    assert page.request.get(str(region.get_attribute("href"))).headers["content-type"] == "image/jpeg"
    before = stage.screenshot()
    page.get_by_text(f"Putative {putative}").click()
    page.get_by_role("switch", name="Features").check()
    assert stage.screenshot() != before
    stage.press("+")
    for mode, told in {"Toggle": "The hit", "Slide": "laid on the hit", "Blend": "laid on the hit"}.items():
        page.get_by_text(mode, exact=True).click()
        page.get_by_role("img", name=re.compile(told)).first.wait_for()
    page.get_by_text("Difference", exact=True).click()
    page.get_by_role("img", name=re.compile("^Difference")).wait_for()
    light = "(sheet) => { const all = sheet.getContext('2d').getImageData(0, 0, sheet.width, sheet.height).data;"
    share = page.locator(".laid canvas").evaluate(
        light + " return all.filter((value, place) => place % 4 < 3 && value > 120).length / all.length; }"
    )
    assert share < 0.2, "a photo that lies on the hit is nearly black against it"
    page.keyboard.press("Escape")
    answered(page)
    assert HOSTILE in hits(page), "the hits are there at once, without another search"


def test_a_box_is_drawn_moved_and_resized(page: Page, service: str) -> None:
    page.goto(link(service, photo=HOSTILE))
    answered(page)
    photo = page.locator(".plate-fit img").bounding_box()
    assert photo is not None
    x, y, width, height = photo["x"], photo["y"], photo["width"], photo["height"]
    original = page.evaluate(
        "async (name) => (await (await fetch(`v1/indexes/old-town/images?text=${encodeURIComponent(name)}`)).json())"
        ".images[0]",
        HOSTILE,
    )
    scale = original["width"] / width

    def drag(start: tuple[float, float], end: tuple[float, float]) -> list[float]:
        page.mouse.move(*start)
        page.mouse.down()
        page.mouse.move(*end, steps=3)
        with page.expect_response(re.compile("/searches$")):
            page.mouse.up()
        answered(page)
        return box_of(page)

    corner = (x + 0.2 * width, y + 0.2 * height)
    drawn = drag(corner, (x + 0.6 * width, y + 0.7 * height))
    assert drawn == pytest.approx(
        [0.2 * width * scale, 0.2 * height * scale, 0.6 * width * scale, 0.7 * height * scale], abs=3
    )
    moved = drag((x + 0.4 * width, y + 0.4 * height), (x + 0.5 * width, y + 0.4 * height))
    assert moved == pytest.approx(
        [drawn[0] + 0.1 * width * scale, drawn[1], drawn[2] + 0.1 * width * scale, drawn[3]], abs=3
    )
    wider = drag((x + 0.7 * width, y + 0.7 * height), (x + 2 * width, y + 0.8 * height))
    assert wider[:2] == pytest.approx(moved[:2], abs=1)
    assert wider[2] == original["width"], "the edge of the photo stops it"
    with page.expect_response(re.compile("/searches$")):
        page.locator(".drawn-box").press("ArrowUp")
    assert box_of(page)[1] < wider[1]
    page.locator(".drawn-box").press("Delete")
    page.wait_for_url(lambda url: "box" not in url)


def box_of(page: Page) -> list[float]:
    """The box in the link."""
    found = re.search(r"box=([\d.%C]+)", page.url)
    assert found, page.url
    return [float(side) for side in found[1].split("%2C")]


def test_marks_are_asked_again_and_a_link_repeats_the_search(page: Page, service: str, browser: Browser) -> None:
    page.goto(link(service, photo=HOSTILE))
    answered(page)
    page.locator('.card[data-name="posters/again.jpg"] a').press("r")
    page.get_by_role("button", name="Ask again with these").click()
    page.get_by_text("(counted in these hits)").wait_for()
    answered(page)
    assert "right=posters%2Fagain.jpg" in page.url
    found = hits(page), hits(page, "possible")
    elsewhere = browser.new_context()
    other = elsewhere.new_page()
    other.set_default_timeout(PATIENCE)
    other.goto(page.url)
    answered(other)
    assert (hits(other), hits(other, "possible")) == found
    marked = other.locator(".part", has_text="Marked by you").locator('[data-name="posters/again.jpg"]')
    assert marked.get_by_role("button", name=re.compile("^Right")).get_attribute("aria-pressed") == "true"
    elsewhere.close()


def test_two_recipes_answer_side_by_side(page: Page, service: str) -> None:
    page.goto(link(service, index="old-town", photo=HOSTILE))
    answered(page)
    page.get_by_text("Limits and comparison").click()
    page.get_by_label("Compare with the index").select_option("words")
    columns = page.locator(".two > .answer")
    for column, recipe in enumerate(("sift-lite0-links", "sift-bow")):
        told = columns.nth(column).locator(".answer-head").get_by_text(re.compile(rf"^{recipe}: .* in "))
        told.wait_for()
    assert "with=words" in page.url
    first, second = (
        [str(one.get_attribute("data-name")) for one in columns.nth(column).locator(".card").all()] for column in (0, 1)
    )
    ranks = columns.nth(1).locator(".card .facts").all_inner_texts()
    for place, (name, told) in enumerate(zip(second, ranks, strict=True)):
        before = first.index(name) if name in first else None
        said = "not on the left" if before is None else "same rank" if before == place else f"{before + 1} on the left"
        assert said in told


def test_names_and_metadata_are_text_wherever_they_stand(page: Page, service: str) -> None:
    page.goto(link(service, view="browse", text="poster</b>, 50 %"))
    card = page.locator(".card")
    card.locator("a").wait_for()
    assert card.count() == 1
    assert HOSTILE.split("/")[1][-8:] in card.inner_text()
    assert "<b>A poster</b>, 50 %" in card.inner_text()
    card.locator("a").press("Enter")
    page.get_by_role("heading", name=HOSTILE).wait_for()
    assert page.get_by_role("dialog").get_by_text("<b>A poster</b>, 50 %").count() == 1
    page.get_by_role("button", name="Search with this photo").last.click()
    answered(page)
    assert "posters/again.jpg" in hits(page)


def test_photos_are_pasted_and_dropped(page: Page, world_folder: Path) -> None:
    data = list((world_folder / "images" / QUERY).read_bytes())
    give = """(bytes) => { const carried = new DataTransfer();
        carried.items.add(new File([new Uint8Array(bytes)], 'photo.jpg', { type: 'image/jpeg' })); """
    page.evaluate(give + "window.dispatchEvent(new ClipboardEvent('paste', { clipboardData: carried })); }", data)
    answered(page)
    assert HOSTILE in hits(page)
    page.get_by_role("button", name="Start anew").click()
    page.get_by_role("heading", name="Drop a photo here").wait_for()
    page.evaluate(give + "window.dispatchEvent(new DragEvent('drop', { dataTransfer: carried })); }", data)
    answered(page)
    assert HOSTILE in hits(page)


def test_the_tray_is_kept_and_taken_away(page: Page, service: str) -> None:
    page.goto(link(service, view="browse"))
    page.locator('.card[data-name="other-000.jpg"] a').press("t")
    page.goto(link(service, photo="posters/again.jpg"))
    answered(page)
    page.locator(f'.card[data-name="{HOSTILE}"] a').press("t")
    page.get_by_role("link", name="Tray 2").click()
    page.reload()
    page.locator(".card").nth(1).wait_for()
    taken: dict[str, Path] = {}
    for name in ("CSV", "JSON", "Photos as zip"):
        with page.expect_download() as download:
            page.get_by_role("button", name=name, exact=True).click()
        taken[name] = download.value.path()
    table = taken["CSV"].read_text(encoding="utf-8")
    assert HOSTILE in table
    assert len(re.findall(r"\b\d+,\d+,\d+,\d+\b", table)) == 1, "one photo was found, with its region"
    assert HOSTILE in json.dumps(json.loads(taken["JSON"].read_text(encoding="utf-8")), ensure_ascii=False)
    with zipfile.ZipFile(taken["Photos as zip"]) as archive:
        assert sum(name.endswith(".jpg") for name in archive.namelist()) == 2
    page.get_by_role("button", name="Empty the tray").click()
    page.get_by_role("heading", name="The tray is empty").wait_for()


def test_everything_is_reached_by_keys(page: Page) -> None:
    page.get_by_role("button", name="Search with facade-00_1.jpg").focus()
    page.keyboard.press("Enter")
    answered(page)
    first = page.locator(".part a.mount").first
    first.focus()
    page.keyboard.press("r")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.getAttribute('aria-pressed')") == "true"
    first.focus()
    page.keyboard.press("Enter")
    page.locator(".stage canvas").wait_for()
    page.keyboard.press("ArrowRight")
    page.get_by_text(re.compile("^2 of ")).wait_for()
    page.keyboard.press("Escape")
    answered(page)
    page.keyboard.press("/")
    assert page.evaluate("document.activeElement.id") == "words"
    page.keyboard.type("no photo has these words")
    page.get_by_role("button", name="Search without limits").press("Enter")
    answered(page)
    page.locator("body").press("?")
    page.get_by_role("dialog", name="Keys").wait_for()
    page.keyboard.press("Escape")
    assert page.get_by_role("dialog").count() == 0


def test_a_drawing_is_made_by_pen_and_by_keys(page: Page) -> None:
    page.evaluate(
        """async () => { const { openSketch } = await import('/page/sketch.js');
        openSketch(async (file) => { const sheet = await createImageBitmap(file);
            const seen = new OffscreenCanvas(sheet.width, sheet.height).getContext('2d', { willReadFrequently: true });
            seen.drawImage(sheet, 0, 0);
            const at = (x, y) => seen.getImageData(x * sheet.width, y * sheet.height, 1, 1).data[0];
            document.body.dataset.drawn = [file.type, at(0.25, 0.1), at(0.5, 0.53), at(0.9, 0.9)]; }); }"""
    )
    sheet = page.get_by_role("img", name=re.compile("^Sheet to draw on"))
    place = sheet.bounding_box()
    assert place is not None
    page.mouse.move(place["x"] + 0.1 * place["width"], place["y"] + 0.1 * place["height"])
    page.mouse.down()
    page.mouse.move(place["x"] + 0.4 * place["width"], place["y"] + 0.1 * place["height"], steps=4)
    page.mouse.up()
    for key in (" ", "ArrowDown", "ArrowDown", "ArrowDown", " "):
        sheet.press(key)
    page.get_by_role("button", name="Search with this drawing").click()
    drawn = page.locator("body[data-drawn]")
    drawn.wait_for()
    assert drawn.get_attribute("data-drawn") == "image/png,0,0,255"


def test_errors_say_what_to_do(context: BrowserContext, service: str, tmp_path: Path) -> None:
    page = context.new_page()
    page.goto(link(service, upload="gone.0"))
    page.get_by_role("button", name="Search with another photo").click()
    (tmp_path / "no photo.jpg").write_bytes(b"\xff\xd8 this is no photo")
    with page.expect_file_chooser() as choice:
        page.get_by_role("button", name="Choose a photo").click()
    choice.value.set_files(tmp_path / "no photo.jpg")
    told = page.get_by_role("alert")
    told.get_by_role("button", name="Try again").wait_for()
    assert len(told.locator("p").inner_text()) > 10
    page.goto(link(service, index="nothing"))
    page.get_by_role("heading", name="No index is called nothing here.").wait_for()


@pytest.mark.slow
def test_a_wrong_token_leaves_the_dialog_open(context: BrowserContext, service: str) -> None:
    page = context.new_page()
    page.goto(link(service, view="browse"))
    page.get_by_role("button", name="Unlock changes").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Token").fill("wrong")
    dialog.get_by_role("button", name="Go on").click()
    dialog.get_by_role("alert").get_by_text("not the token").wait_for()
    dialog.get_by_label("Token").fill(TOKEN)
    dialog.get_by_role("button", name="Go on").click()
    page.get_by_role("button", name="Change", exact=True).wait_for()
    assert dialog.count() == 0


def test_photos_are_added_removed_and_brought_back_by_clicks(
    page: Page, service: str, world_folder: Path, tmp_path: Path
) -> None:
    sound = world_folder / "images" / QUERY
    (tmp_path / "cut.jpg").write_bytes(sound.read_bytes()[:20_000])
    added = f"uploads/{QUERY}"
    page.goto(link(service, view="browse"))
    page.get_by_role("button", name="Unlock changes").click()
    page.get_by_role("textbox", name="Token").fill(TOKEN)
    page.get_by_role("button", name="Go on").click()
    page.get_by_role("button", name="Change", exact=True).click()
    dialog = page.get_by_role("dialog")
    with page.expect_file_chooser() as choice:
        dialog.get_by_role("button", name="Choose photos").click()
    choice.value.set_files([sound, tmp_path / "cut.jpg"])
    dialog.get_by_text("1 photo in the index, 1 of them new; 1 not taken, see the log").wait_for()
    log = dialog.get_by_role("log").inner_text()
    for line in ("Sending 2 photos", "cut.jpg is not taken: ", "Indexing 1 photo", "Searches see it: "):
        assert line in log
    dialog.get_by_role("button", name="Show them").click()
    page.locator(f'.card[data-name="{added}"]').wait_for()

    page.goto(link(service, photo=HOSTILE))
    answered(page)
    assert added in hits(page)
    page.locator(f'.card[data-name="{added}"] a').press("w")
    page.get_by_role("button", name="Remove 1 wrong photo").click()
    page.get_by_text("1 photo out of the index").wait_for()
    page.locator(f'.card[data-name="{added}"]').wait_for(state="detached")
    answered(page)
    assert added not in hits(page)
    page.get_by_role("button", name="Undo").click()
    page.locator(f'.card[data-name="{added}"]').wait_for()
    answered(page)
    assert added in hits(page)

    page.goto(link(service, view="browse", folder="uploads"))
    page.locator(f'.card[data-name="{added}"] a').click()
    page.get_by_role("dialog").get_by_role("button", name="Remove").click()
    page.locator(f'.card[data-name="{added}"]').wait_for(state="detached")
    page.get_by_role("button", name="Change", exact=True).click()
    page.get_by_role("dialog").get_by_role("button", name="Update").click()
    page.get_by_text("0 added, 0 changed, 0 removed, 0 unreadable").wait_for()
    page.get_by_role("dialog").get_by_role("button", name="Lock again").click()
    page.get_by_role("button", name="Unlock changes").wait_for()


@pytest.mark.parametrize(("width", "scheme"), [(390, "light"), (1440, "dark")])
def test_every_view_fits_and_is_accessible(browser: Browser, service: str, width: int, scheme: Any) -> None:
    if not AXE.is_file():
        pytest.skip(f"no axe-core at {AXE}: `npm install axe-core`, or set RESIGHT_AXE to its axe.min.js")
    context = browser.new_context(
        viewport={"width": width, "height": 844}, color_scheme=scheme, reduced_motion="reduce", bypass_csp=True
    )
    page = context.new_page()
    page.set_default_timeout(PATIENCE)
    views = {
        "start": (service, ".sample"),
        "search": (link(service, photo=HOSTILE, box="20,20,200,200"), ".part .card"),
        "match": (link(service, view="match", photo=HOSTILE, hit="posters/again.jpg"), ".stage canvas"),
        "browse": (link(service, view="browse"), ".card"),
        "map": (link(service, view="browse", tab="map"), ".plane canvas"),
        "groups": (link(service, view="groups", kind="same"), ".group"),
        "tray": (link(service, view="tray"), ".state"),
        "indexing": (link(service, view="index"), ".state .button"),
    }
    for view, (address, ready) in views.items():
        page.goto(address)
        page.locator(ready).first.wait_for()
        assert page.evaluate("document.documentElement.scrollWidth") <= width, f"{view} is wider than the window"
        assert faults(page) == [], view
    context.close()


def faults(page: Page) -> list[str]:
    """Returns the faults that axe-core calls serious or critical."""
    page.add_script_tag(path=AXE)
    found = page.evaluate("axe.run({ resultTypes: ['violations'] })")["violations"]
    return [
        f"{one['id']}: {node['html'][:120]} {node['failureSummary'][:300]}"
        for one in found
        if one["impact"] in ("serious", "critical")
        for node in one["nodes"]
    ]


def test_a_folder_becomes_an_index_on_the_page(page: Page) -> None:
    page.get_by_label("Index", exact=True).select_option("New")
    page.get_by_role("button", name="Enter the token").click()
    page.get_by_label("Token", exact=True).fill(TOKEN)
    page.get_by_role("button", name="Go on").click()
    page.get_by_text("2 folders may be indexed").wait_for()
    assert page.get_by_role("button", name="Index this folder").is_disabled()
    page.get_by_role("button", name=MARKUP).click()
    page.get_by_text("2 photos in it").wait_for()
    page.get_by_label("By another recipe").check()
    page.get_by_label("Recipe", exact=True).select_option("sift-bow")
    page.get_by_role("button", name="Index this folder").click()
    page.get_by_text("1 new photo; 1 could not be read, see the log").wait_for()
    log = page.get_by_role("log").inner_text()
    assert re.search(r"Making the index New by the recipe sift-bow.*torn.jpg is not taken.*Ready: 1 photo ", log, re.S)
    page.get_by_role("button", name="Search", exact=True).click()
    page.get_by_text("among 1 photo of New").wait_for()
