"""Counts the seconds from `resight index` to the first match view in a browser, as a new user spends them.

python benchmarks/first_match.py PHOTOS --photos 200

The steps are those of docs/serve.md: index a folder, serve the index, open the page, click a photo of the collection,
click the best hit that is not the photo itself, and wait until its match view has drawn both photos. Beside the wall
clock stands the processor time of all processes, which other work on the machine lengthens less. Chromium is looked
for at RESIGHT_CHROMIUM, /usr/bin/chromium by default.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from itertools import pairwise
from pathlib import Path

from playwright.sync_api import sync_playwright

from resight.folders.walking import find_images

CHROMIUM = os.environ.get("RESIGHT_CHROMIUM", "/usr/bin/chromium")
PATIENCE = 300_000
"""Milliseconds that a step may take."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folder", type=Path, help="folder of photos, of which the first are taken")
    parser.add_argument("--photos", type=int, default=200)
    parser.add_argument("--recipe", default="default")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        print(json.dumps(counted(given.folder, given.photos, given.recipe, Path(folder)), indent=1))


def counted(source: Path, photos: int, recipe: str, folder: Path) -> dict[str, object]:
    """Returns the seconds of each step, by the wall clock and of the processor."""
    found = [one.path for one in find_images(source)][:photos]
    for number, path in enumerate(found):
        target = folder / "photos" / f"{number:03}-{path.name}"
        target.parent.mkdir(exist_ok=True)
        shutil.copy2(path, target)
    index = folder / "photos.resight"
    clock = [("", time.perf_counter())]
    command = [sys.executable, "-m", "resight"]
    making = [*command, "index", str(folder / "photos"), "-o", str(index), "--recipe", recipe]
    subprocess.run(making, check=True, stderr=subprocess.DEVNULL)
    clock.append(("index", time.perf_counter()))
    service = subprocess.Popen([*command, "serve", str(index), "--port", "0"], stderr=subprocess.PIPE, text=True)
    assert service.stderr is not None
    address = next(match[0] for line in service.stderr if (match := re.search(r"http://\S+/", line)))
    clock.append(("serve", time.perf_counter()))
    try:
        with sync_playwright() as driver:
            browser = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
            page = browser.new_page()
            page.set_default_timeout(PATIENCE)
            page.goto(address)
            page.locator(".sample").first.click()
            page.locator(".part-head").first.wait_for()
            clock.append(("page and search", time.perf_counter()))
            page.locator(".answer a.mount").first.click()
            page.locator(".stage canvas").wait_for()
            clock.append(("match view", time.perf_counter()))
            browser.close()
    finally:
        service.send_signal(signal.SIGTERM)
        service.wait(60)
    steps = {name: round(at - before[1], 1) for before, (name, at) in pairwise(clock)}
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return {
        "photos": len(found),
        "recipe": recipe,
        "seconds": steps,
        "seconds in all": round(clock[-1][1] - clock[0][1], 1),
        "seconds of the processor": round(used.ru_utime + used.ru_stime, 1),
    }


if __name__ == "__main__":
    main()
