"""Runs the notebook of the practical session, keeps what its cells print and draw, and writes the page that shows it.

python tools/practical.py --run     runs docs/practical.ipynb and keeps its outputs, and writes docs/practical.md
python tools/practical.py           writes docs/practical.md from the notebook as it is

A cell is run as a notebook runs it: what it prints is kept, and the value of its last line, a picture as an array being
shown. Nothing of Jupyter is needed.
"""

from __future__ import annotations

import argparse
import ast
import base64
import contextlib
import io
import json
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import cv2
import numpy as np

DOCS = Path(__file__).resolve().parent.parent / "docs"
NOTEBOOK, PAGE = DOCS / "practical.ipynb", DOCS / "practical.md"
PARAMETERS = "parameters"
"""Tag of the cell with the numbers that a shorter run changes."""


def cells(notebook: Mapping[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Kind, text and the cell itself, in their order."""
    for cell in notebook["cells"]:
        yield cell["cell_type"], "".join(cell["source"]), cell


def run(notebook: Mapping[str, Any], changes: Mapping[str, Any] | None = None) -> tuple[dict[str, Any], float]:
    """Runs all cells of code in one namespace, and returns it with the seconds; outputs are put into the cells.

    changes: values that are set after the cell of parameters.
    """
    names: dict[str, Any] = {"__name__": "__practical__"}
    start = time.perf_counter()
    for number, (kind, text, cell) in enumerate(cells(notebook)):
        if kind != "code":
            continue
        printed, value = io.StringIO(), None
        tree = ast.parse(text)
        last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
        with contextlib.redirect_stdout(printed):
            exec(compile(tree, f"<cell {number}>", "exec"), names)
            if isinstance(last, ast.Expr):
                value = eval(compile(ast.Expression(last.value), f"<cell {number}>", "eval"), names)
        if PARAMETERS in cell.get("metadata", {}).get("tags", ()):
            names |= changes or {}
        cell["outputs"] = outputs(printed.getvalue(), value)
    return names, time.perf_counter() - start


def outputs(printed: str, value: object) -> list[dict[str, Any]]:
    """What a cell shows, as a notebook keeps it."""
    found: list[dict[str, Any]] = []
    if printed:
        found.append({"output_type": "stream", "name": "stdout", "text": printed.splitlines(keepends=True)})
    if isinstance(value, np.ndarray) and value.dtype == np.uint8 and value.ndim == 3:
        coded = cv2.imencode(".jpg", cv2.cvtColor(value, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, 60])[1]
        data = {"image/jpeg": base64.b64encode(coded.tobytes()).decode()}
        found.append({"output_type": "display_data", "data": data, "metadata": {}})
    elif value is not None:
        data = {"text/plain": [repr(value)]}
        found.append({"output_type": "execute_result", "data": data, "metadata": {}, "execution_count": None})
    return found


def page(notebook: Mapping[str, Any]) -> Iterator[str]:
    """The lines of the page: texts, code, and what was printed; pictures are in the notebook alone."""
    for kind, text, cell in cells(notebook):
        if kind == "markdown":
            yield text
            yield ""
            continue
        yield from ("```py", text, "```", "")
        for one in cell.get("outputs", []):
            if one["output_type"] == "stream":
                yield from ("```text", "".join(one["text"]).rstrip(), "```", "")


def main() -> None:
    """Runs the notebook where asked, and writes the page."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--run", action="store_true", help="runs the cells first, and keeps their outputs")
    given = parser.parse_args()
    notebook = json.loads(NOTEBOOK.read_text(encoding="utf-8"))
    if given.run:
        _, seconds = run(notebook)
        print(f"{seconds:.0f} s")
        NOTEBOOK.write_text(json.dumps(notebook, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    PAGE.write_text("\n".join(page(notebook)).rstrip() + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
