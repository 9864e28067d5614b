"""Diffusion on points in the plane, step by step: a page that plays it and lets a person choose the query."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from scipy.sparse import coo_array, csr_array, triu

from resight.arrays import Float64, Int64, UInt8
from resight.errors import UsageError
from resight.manifold.bananas import banana_manifolds, lifted
from resight.manifold.graph import mutual_affinity, nearest_neighbours, normalised
from resight.manifold.iterations import iterations
from resight.show.document import write_document
from resight.show.palette import rgb
from resight.show.scripts import data_element, script_element

WIDTH = 960
"""Width of the drawing in pixels; its height follows from the points."""
DECADES = 5
"""The colours span this many powers of ten below the largest value."""
STOPS = ("#f3e3a6", "#f5a742", "#dd4a3c", "#8c1d5f", "#2b1055")
"""Colours of values from the least shown to the largest."""
UNREACHED = "#cfcfd4"
PAPER, EDGE, INK = "#fbfaf7", "#e0ddd6", "#1d1d1f"

_MARGIN = 30
_DIGITS = 8


@dataclass(frozen=True)
class Toy:
    """Points in the plane and a graph on them, for diffusion.

    points: (n, 2); labels: (n,) manifolds, -1 is background; s: (n, n) symmetrically normalised affinities; queries:
    rows of points; alpha, count: parameter and number of the iterations shown.
    """

    points: Float64
    labels: Int64
    s: csr_array
    queries: Sequence[int]
    alpha: float = 0.99
    count: int = 30

    def __post_init__(self) -> None:
        """Raises UsageError where there is no query, a repeated one, or one that is not a point."""
        asked = list(self.queries)
        if not asked or len(set(asked)) < len(asked) or min(asked) < 0 or max(asked) >= len(self.points):
            raise UsageError(
                f"queries {', '.join(map(str, asked)) or '(none)'}: different points from 0 to {len(self.points) - 1}"
            )

    @cached_property
    def states(self) -> Float64:
        """Values f (count + 1, n) after each iteration, from y: 1 at each query."""
        y = np.zeros(len(self.points))
        y[list(self.queries)] = 1.0
        return iterations(self.s, y, self.alpha, self.count)

    @cached_property
    def edges(self) -> coo_array:
        """Each edge once, with its normalised affinity."""
        return coo_array(triu(self.s, k=1))

    @property
    def height(self) -> int:
        """Height of the drawing in pixels."""
        low, high = self.points.min(axis=0), self.points.max(axis=0)
        span = np.maximum(high - low, 1e-9)
        return round((WIDTH - 2 * _MARGIN) * float(min(span[1] / span[0], 1.0))) + 2 * _MARGIN

    @cached_property
    def drawn(self) -> Float64:
        """Pixels (n, 2) of the points in the drawing, y down."""
        low, high = self.points.min(axis=0), self.points.max(axis=0)
        span = np.maximum(high - low, 1e-9)
        scale = min((WIDTH - 2 * _MARGIN) / span[0], (self.height - 2 * _MARGIN) / span[1])
        centred = (self.points - (low + high) / 2) * scale * (1.0, -1.0)
        return np.asarray(centred + np.array([WIDTH / 2, self.height / 2]), np.float64)


def colours(state: Float64) -> UInt8:
    """Returns (n, 3) RGB of values, logarithmic from the largest to `DECADES` below it; grey where they are 0."""
    largest = max(float(state.max(initial=0.0)), float(np.finfo(np.float64).tiny))
    level = 1.0 + np.log10(np.maximum(state / largest, 1e-300)) / DECADES
    stops = np.array([rgb(one) for one in STOPS], np.float64)
    at = np.linspace(0.0, 1.0, len(stops))
    mixed = np.column_stack([np.interp(level, at, stops[:, channel]) for channel in range(3)])
    mixed[state <= 0] = rgb(UNREACHED)
    return np.asarray(np.round(mixed), np.uint8)


def banana_toy(
    seed: int, *, queries: int | Sequence[int] = 1, neighbours: int = 10, alpha: float = 0.99, count: int = 30
) -> Toy:
    """Makes three curved manifolds and background, with the graph of mutual `neighbours` on them.

    queries: rows of points, or how many to draw by seed, from one manifold after the other. The affinity is that of
    descriptors, similarity ** 3, with a similarity that falls with the distance (`lifted`). Raises UsageError in the
    cases of `Toy` and the graph, and for more queries than there are points on manifolds.
    """
    rng = np.random.default_rng(seed)
    points, labels = banana_manifolds(rng)
    k = min(neighbours, len(points) - 1)
    s = normalised(mutual_affinity(nearest_neighbours(lifted(points), k), k)).astype(np.float64)
    if isinstance(queries, int):
        turns = [rng.permutation(np.flatnonzero(labels == label)).tolist() for label in range(3)]
        order = [row for turn in zip(*turns, strict=True) for row in turn]
        if not 1 <= queries <= len(order):
            raise UsageError(f"{queries} queries: from 1 to {len(order)}, the points that are on manifolds")
        queries = order[:queries]
    return Toy(points, labels, csr_array(s), tuple(queries), alpha, count)


def write_diffusion_page(path: str | os.PathLike[str], toy: Toy) -> Path:
    """Writes one self-contained HTML file that plays the iterations, whole or not at all, and returns its path.

    A click on a point makes it the query: the page itself runs the diffusion, on the edges that it contains. Without
    scripts it shows the last state. Raises StorageError where the disk refuses.
    """
    body = "\n".join([_CONTROLS.format(count=toy.count), _drawing(toy), data_element(_data(toy))])
    note = (
        f"f ← {toy.alpha:g} S f + {1 - toy.alpha:g} y on {len(toy.points)} points and {toy.edges.nnz} edges, f = y at "
        "first. A click on a point makes it the query; with Shift it is one more query, or no longer one."
    )
    body += script_element("diffusion.js")
    return write_document(path, title="Diffusion on manifolds", note=note, style=_STYLE, body=body)


def _data(toy: Toy) -> dict[str, Any]:
    """Returns the data of the page: S with eight digits, positions in the drawing to a tenth of a pixel."""
    edges = zip(toy.edges.row.tolist(), toy.edges.col.tolist(), toy.edges.data.tolist(), strict=True)
    return {
        "width": WIDTH,
        "height": toy.height,
        "points": np.round(toy.drawn, 1).tolist(),
        "labels": toy.labels.tolist(),
        "edges": [[row, column, float(f"{value:.{_DIGITS}g}")] for row, column, value in edges],
        "queries": [int(query) for query in toy.queries],
        "alpha": toy.alpha,
        "count": toy.count,
        "stops": [rgb(one) for one in STOPS],
        "unreached": UNREACHED,
        "decades": DECADES,
    }


def _drawing(toy: Toy) -> str:
    xy = toy.drawn
    lines = "".join(
        f"M{xy[i, 0]:.1f} {xy[i, 1]:.1f}L{xy[j, 0]:.1f} {xy[j, 1]:.1f}"
        for i, j in zip(toy.edges.row.tolist(), toy.edges.col.tolist(), strict=True)
    )
    points = "".join(
        f'<circle cx="{x:.1f}" cy="{y:.1f}" r="5.5" fill="#{r:02x}{g:02x}{b:02x}">'
        f"<title>point {number}</title></circle>"
        for number, ((x, y), (r, g, b)) in enumerate(zip(xy.tolist(), colours(toy.states[-1]).tolist(), strict=True))
    )
    queries = "".join(f'<circle class="query" cx="{xy[q, 0]:.1f}" cy="{xy[q, 1]:.1f}" r="11"/>' for q in toy.queries)
    return (
        f'<figure><svg id="drawing" class="plane" role="img" aria-label="Points, their graph, and f as colour" '
        f'viewBox="0 0 {WIDTH} {toy.height}"><rect width="{WIDTH}" height="{toy.height}" fill="{PAPER}"/>'
        f'<path class="edges" d="{lines}"/><g id="contours"></g><g id="points">{points}</g>'
        f'<g id="queries">{queries}</g></svg></figure>{_legend()}'
    )


def _legend() -> str:
    ramp = ", ".join(STOPS)
    return (
        '<ul class="legend quiet"><li><span class="ring"></span>query</li>'
        f"<li>f, of the largest: 10<sup>-{DECADES}</sup> "
        f'<span class="ramp" style="background: linear-gradient(90deg, {ramp})"></span> 1</li>'
        f'<li><span class="dot" style="background: {UNREACHED}"></span>not reached yet</li>'
        '<li id="contour-key" hidden></li></ul>'
        '<p id="told" aria-live="polite"></p>'
    )


_CONTROLS = """<div class="controls">
<button id="play" type="button">Play</button>
<label>iteration <input id="step" type="range" min="0" max="{count}" value="{count}">
<output id="shown">{count}</output></label>
<fieldset><legend>ranking contours</legend>
<label><input type="radio" name="contours" value="none" checked> none</label>
<label><input type="radio" name="contours" value="euclidean"> Euclidean</label>
<label><input type="radio" name="contours" value="manifold"> manifold</label>
</fieldset>
</div>
<noscript><p>Scripts are off: this is the last iteration.</p></noscript>"""

_STYLE = f"""
.controls {{ display: flex; flex-wrap: wrap; gap: .6rem 1.4rem; align-items: center; margin: 1rem 0 .6rem; }}
.controls label {{ display: inline-flex; gap: .4rem; align-items: center; }} #step {{ width: 16rem; max-width: 50vw; }}
#shown {{ min-width: 2ch; font-variant-numeric: tabular-nums; }}
button {{ min-width: 5rem; padding: .3rem .8rem; font: inherit; }}
fieldset {{ border: 1px solid var(--edge); border-radius: 6px; display: flex; gap: .8rem; margin: 0;
  padding: .1rem .7rem .35rem; }}
legend {{ font-size: .8rem; color: var(--quiet); padding: 0 .3rem; }}
figure {{ border: 1px solid var(--edge); border-radius: 8px; overflow: hidden; }}
.plane {{ max-height: 74vh; background: {PAPER}; }}
.edges {{ fill: none; stroke: {EDGE}; stroke-width: 1; }}
#points circle {{ stroke: {INK}; stroke-opacity: .35; stroke-width: .6; cursor: pointer; }}
#points circle:hover {{ stroke-opacity: 1; stroke-width: 2; }}
.query {{ fill: none; stroke: {INK}; stroke-width: 2.5; pointer-events: none; }}
#contours path {{ fill: none; stroke-width: 1.6; pointer-events: none; }}
#contours .euclidean {{ stroke: #0072b2; stroke-dasharray: 7 4; }} #contours .manifold {{ stroke: #00694d; }}
.legend {{ display: flex; flex-wrap: wrap; gap: .3rem 1.4rem; list-style: none; margin: .6rem 0 0; padding: 0; }}
.ring, .dot {{ display: inline-block; width: .8em; height: .8em; border-radius: 50%; margin-right: .4em; }}
.ring {{ border: 2.5px solid currentColor; }}
.ramp {{ display: inline-block; width: 8rem; height: .8em; border-radius: 3px; vertical-align: middle; }}
"""
