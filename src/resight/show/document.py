"""The frame of a page: one self-contained HTML file."""

from __future__ import annotations

import os
from pathlib import Path

from resight.errors import StorageError
from resight.files import write_whole
from resight.markup import plain_text


def write_document(path: str | os.PathLike[str], *, title: str, note: str, style: str, body: str) -> Path:
    """Writes an HTML file, whole or not at all, and returns its path. title, note: plain text; body: HTML.

    style: CSS of this page, in addition to the CSS that all pages share. Raises StorageError where the disk refuses.
    """
    page = _PAGE.format(title=plain_text(title), note=plain_text(note), style=_STYLE + style, body=body)
    target = Path(path)
    try:
        write_whole(target, page.encode("utf-8", "replace"))
    except OSError as error:
        raise StorageError(
            f"{target}: the page could not be written ({error.strerror}); name a file where it can be written"
        ) from error
    return target


_STYLE = """
:root { color-scheme: light dark; --page: #f6f5f2; --card: #ffffff; --ink: #1d1d1f; --quiet: #66646a; --edge: #dddad3;
  --mat: #ebe9e4; }
@media (prefers-color-scheme: dark) {
  :root { --page: #17181a; --card: #222427; --ink: #ececec; --quiet: #a2a4a9; --edge: #36393d; --mat: #1b1d1f; }
}
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 1500px; padding: 1.5rem; background: var(--page); color: var(--ink);
  font: 15px/1.45 system-ui, -apple-system, "Segoe UI", sans-serif; }
h1 { font-size: 1.5rem; margin: 0; overflow-wrap: anywhere; }
h2 { font-size: 1.1rem; margin: 0; overflow-wrap: anywhere; }
p { margin: .2rem 0 0; }
section { border-top: 1px solid var(--edge); margin-top: 1.25rem; padding-top: 1.25rem; }
svg { display: block; width: 100%; height: auto; }
figure { margin: 0; }
.rank { font-weight: 700; }
.name { overflow-wrap: anywhere; unicode-bidi: isolate; }
.quiet { color: var(--quiet); font-size: .87rem; font-variant-numeric: tabular-nums; }
.mark { font-size: .8rem; padding: 0 .45rem; border-radius: 9px; color: #fff; }
.right { background: #1b7f4b; } .wrong { background: #b3322b; } .junk { background: #6b6b70; }
polygon { fill: none; stroke-linejoin: round; vector-effect: non-scaling-stroke; }
.halo { stroke: #000; stroke-opacity: .55; stroke-width: 4; } .box { stroke: #ffb000; stroke-width: 2; }
.dashed { stroke-dasharray: 6 4; }
"""

_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>{style}</style>
</head>
<body>
<h1>{title}</h1>
<p class="quiet">{note}</p>
<main>
{body}
</main>
</body>
</html>
"""
