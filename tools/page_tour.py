"""Walks through the page over an index of photos, takes a picture of each view, and tells what axe-core finds.

python tools/page_tour.py X.resight QUERY.jpg --pictures FOLDER

Every view is seen at 390 and 1440 pixels of width, in light and in dark, with a token, so that what changes an index is
there too. The pictures are there to be looked at; what can be told without eyes is printed as JSON: views wider than
their window, what the browser's console says, and what axe-core calls serious or critical, by view. Chromium is looked
for at RESIGHT_CHROMIUM, axe-core at RESIGHT_AXE (axe.min.js).
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from playwright.sync_api import sync_playwright

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

CHROMIUM = os.environ.get("RESIGHT_CHROMIUM", "/usr/bin/chromium")
AXE = Path(os.environ.get("RESIGHT_AXE", "node_modules/axe-core/axe.min.js"))
TOKEN = "the-token-of-this-tour"
PATIENCE = 180_000
"""Milliseconds that a step may take."""
SETTLED = 600
"""Milliseconds in which pictures of a view are there."""

Scheme = Literal["light", "dark"]


def main() -> None:
    """Walks through every view and prints what is wrong."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("index", type=Path)
    parser.add_argument("query", type=Path, help="a photo to ask with, of which the index has another view")
    parser.add_argument("--pictures", type=Path, required=True, help="folder for the pictures")
    given = parser.parse_args()
    given.pictures.mkdir(parents=True, exist_ok=True)
    told: dict[str, dict[str, list[str]]] = {}
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as driver:
        photos = Path(folder) / "photos"
        photos.mkdir()
        paths = [str(given.index), str(Path(folder) / "new.resight"), "--photos", str(photos), "--port", "0"]
        service = subprocess.Popen(
            [sys.executable, "-m", "resight", "serve", *paths],
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "RESIGHT_TOKEN": TOKEN},
        )
        assert service.stderr is not None
        address = next(match[0] for line in service.stderr if (match := re.search(r"http://\S+/", line)))
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        schemes: tuple[Scheme, ...] = ("light", "dark")
        try:
            for width, height in ((1440, 900), (390, 844)):
                for scheme in schemes:
                    shown = f"{width}-{scheme}"
                    told[shown] = walked(browser, address, given.query, (width, height), scheme, given.pictures / shown)
        finally:
            browser.close()
            service.terminate()
            service.wait(60)
    print(json.dumps(told, indent=1))


def walked(
    browser: Browser, address: str, query: Path, size: tuple[int, int], scheme: Scheme, pictures: Path
) -> dict[str, list[str]]:
    """Goes through all views once; returns what is wrong, by view."""
    pictures.mkdir(exist_ok=True)
    context = browser.new_context(
        viewport={"width": size[0], "height": size[1]},
        color_scheme=scheme,
        reduced_motion="reduce",
        bypass_csp=True,
        has_touch=size[0] < 500,
    )
    context.set_default_timeout(PATIENCE)
    context.add_cookies([{"name": "resight_token", "value": TOKEN, "url": address}])
    page = context.new_page()
    wrong: dict[str, list[str]] = {}
    said: list[str] = []
    page.on("console", lambda one: said.append(one.text) if one.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: said.append(str(error)))

    def look(view: str) -> None:
        page.wait_for_timeout(SETTLED)
        page.screenshot(path=pictures / f"{view}.png")
        found = [*said, *faults(page)]
        said.clear()
        if page.evaluate("document.documentElement.scrollWidth > innerWidth"):
            found.append("wider than the window")
        if found:
            wrong[view] = found

    visit(page, address, query, look)
    context.close()
    return wrong


def visit(page: Page, address: str, query: Path, look: Callable[[str], None]) -> None:
    """Opens one view after the other as a person does, and calls `look` with the name of each."""
    page.goto(address)
    page.locator(".sample img").first.wait_for()
    look("start")
    with page.expect_file_chooser() as choice:
        page.get_by_role("button", name="Choose a photo").click()
    choice.value.set_files(query)
    page.locator(".part-head, .state h2").first.wait_for()
    look("hits")
    page.locator("details.limits summary").click()
    look("limits")
    page.locator(".answer a.mount").nth(1).click()
    page.locator(".stage canvas").wait_for()
    look("match")
    for mode in ("Toggle", "Slide", "Blend", "Difference", "Heat map"):
        chosen = page.get_by_label(mode, exact=True)
        if chosen.count() and chosen.is_enabled():
            chosen.check(force=True)
            page.locator(".laid img, .laid canvas").first.wait_for()
            look(mode.lower().replace(" ", "-"))
    page.get_by_role("button", name="Right", exact=True).click()
    page.get_by_role("button", name="Tray", exact=True).click()
    page.get_by_role("button", name="All hits").click()
    page.locator(".marks").wait_for()
    look("marks")
    page.get_by_role("link", name="Tray").click()
    look("tray")
    page.get_by_role("link", name="Browse").click()
    page.locator(".grid .card").first.wait_for()
    look("browse")
    page.locator(".grid .card a").first.click()
    page.locator("dialog[open] img").wait_for()
    look("photo")
    page.keyboard.press("Escape")
    if page.get_by_role("radio", name="By likeness").is_enabled():
        page.get_by_text("By likeness", exact=True).click()
        page.locator(".plane canvas").wait_for()
        look("map")
    page.get_by_role("button", name="Change", exact=True).click()
    page.locator("dialog[open]").wait_for()
    look("change")
    page.get_by_role("button", name="Update", exact=True).click()
    page.get_by_role("button", name="Done").wait_for()
    look("changed")
    page.get_by_role("button", name="Done").click()
    page.get_by_role("link", name="Groups").click()
    page.locator(".group, .state .icon").first.wait_for()
    look("groups")
    page.get_by_label("Index", exact=True).select_option("new")
    page.locator(".picker .trail").wait_for()
    look("new-index")
    page.keyboard.press("?")
    page.locator("dialog[open]").wait_for()
    look("keys")


def faults(page: Page) -> list[str]:
    """Returns what axe-core calls serious or critical; nothing where it is not there."""
    if not AXE.is_file():
        return []
    page.add_script_tag(path=AXE)
    found = page.evaluate("axe.run({ resultTypes: ['violations'] })")["violations"]
    return [
        f"{one['id']}: {node['html'][:120]}"
        for one in found
        if one["impact"] in ("serious", "critical")
        for node in one["nodes"]
    ]


if __name__ == "__main__":
    main()
