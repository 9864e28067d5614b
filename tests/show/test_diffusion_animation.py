"""Diffusion on a toy, step by step: what the page computes with, and what the animation shows."""

from __future__ import annotations

import io
import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from scipy.sparse import csr_array

from resight.errors import StorageError, UsageError
from resight.show.diffusion import DECADES, STOPS, UNREACHED, WIDTH, Toy, banana_toy, colours, write_diffusion_page
from resight.show.diffusion_picture import FRAME, LAST_FRAME, draw_state, write_animation
from resight.show.palette import rgb


@pytest.fixture(scope="module")
def toy() -> Toy:
    return banana_toy(0, queries=2)


def chain(queries: tuple[int, ...] = (0,), count: int = 4) -> Toy:
    """Five points in a row, each joined to the next; and one alone."""
    points = np.array([[0, 0], [1, 0], [2, 0], [3, 0], [4, 0], [4, 2]], float)
    joined = np.zeros((6, 6))
    for i in range(4):
        joined[i, i + 1] = joined[i + 1, i] = 0.5
    return Toy(points, np.array([0, 0, 0, 0, 0, -1]), csr_array(joined), queries, count=count)


def embedded(page: Path) -> dict[str, Any]:
    """What a page gives its script."""
    (text,) = re.findall(r'<script id="data" type="application/json">(.*?)</script>', page.read_text(), re.DOTALL)
    return dict(json.loads(text))


def test_the_edges_of_the_page_diffuse_as_the_library_does(toy: Toy, tmp_path: Path) -> None:
    data = embedded(write_diffusion_page(tmp_path / "page.html", toy))
    # As the script of the page does it.
    n = len(data["points"])
    y = np.zeros(n)
    y[data["queries"]] = 1
    states = [y]
    for _ in range(data["count"]):
        after = (1 - data["alpha"]) * y
        for i, j, s in data["edges"]:
            after[i] += data["alpha"] * s * states[-1][j]
            after[j] += data["alpha"] * s * states[-1][i]
        states.append(after)
    assert np.array(states) == pytest.approx(toy.states, abs=1e-7)
    first, expected = (np.argsort(-state, kind="stable")[:100] for state in (states[-1], toy.states[-1]))
    assert np.array_equal(first, expected)
    assert data["labels"] == toy.labels.tolist()
    assert all(i < j for i, j, _ in data["edges"])


def test_the_page_stands_alone_and_shows_the_last_state_without_scripts(toy: Toy, tmp_path: Path) -> None:
    text = write_diffusion_page(tmp_path / "page.html", toy).read_text(encoding="utf-8")
    assert not re.findall(r'(?:src|href)="', text)
    fills = re.findall(r'<circle cx="[\d.]+" cy="[\d.]+" r="5.5" fill="(#[0-9a-f]{6})"', text)
    assert fills == [f"#{r:02x}{g:02x}{b:02x}" for r, g, b in colours(toy.states[-1]).tolist()]
    assert text.count('<circle class="query"') == 2
    assert f'max="{toy.count}"' in text
    for control in ('id="play"', 'id="step"', 'value="euclidean"', 'value="manifold"'):
        assert control in text


def test_the_toy_tells_manifolds_apart_that_distance_does_not() -> None:
    found = {"euclidean": 0.0, "manifold": 0.0}
    drawn = banana_toy(1, count=60)
    for query in range(0, 300, 25):
        toy = replace(drawn, queries=(query,))
        same = toy.labels == toy.labels[query]
        distance = np.linalg.norm(toy.points - toy.points[query], axis=1)
        found["euclidean"] += same[np.argsort(distance)[1:100]].mean() / 12
        found["manifold"] += same[np.argsort(-toy.states[-1])[1:100]].mean() / 12
    assert found["manifold"] > found["euclidean"] + 0.2


def test_queries_are_drawn_by_seed_of_one_manifold_after_the_other(toy: Toy) -> None:
    assert toy.labels[list(toy.queries)].tolist() == [0, 1]
    assert list(banana_toy(0, queries=2).queries) == list(toy.queries)
    assert toy.labels[list(banana_toy(3, queries=4).queries)].tolist() == [0, 1, 2, 0]
    assert banana_toy(0, queries=[5, 310]).queries == (5, 310)


def test_the_first_state_is_the_query_and_each_step_reaches_one_edge_further() -> None:
    states = chain().states
    assert np.array_equal(states[0], np.eye(6)[0])
    for step, state in enumerate(states):
        assert np.count_nonzero(state[:5]) == step + 1
        assert state[5] == 0


def test_colours_fall_with_the_logarithm() -> None:
    found = colours(np.array([2.0, 2.0 * 10**-DECADES, 2e-30, 0.0]))
    expected = [rgb(one) for one in (STOPS[-1], STOPS[0], STOPS[0], UNREACHED)]
    assert [tuple(colour) for colour in found.tolist()] == expected
    middle = colours(np.array([1.0, 10 ** (-DECADES / 2)]))[1]
    assert tuple(middle.tolist()) == rgb(STOPS[2])
    assert tuple(colours(np.zeros(1))[0].tolist()) == rgb(UNREACHED)


def test_a_picture_shows_each_point_in_the_colour_of_its_value() -> None:
    toy = chain()
    for iteration in (0, 3):
        picture = draw_state(toy, iteration)
        assert picture.shape[1] == WIDTH
        wanted = colours(toy.states[iteration])
        for point, (x, y) in enumerate(np.round(toy.drawn).astype(int).tolist()):
            assert picture[y, x].tolist() == wanted[point].tolist()
    assert not np.array_equal(draw_state(toy, 0), draw_state(toy, 1))


def test_the_animation_has_a_frame_an_iteration_and_goes_round(tmp_path: Path) -> None:
    toy = chain()
    told: list[tuple[str, int, int]] = []
    path = write_animation(tmp_path / "x.gif", toy, lambda *step: told.append(step))
    assert [step[1:] for step in told] == [(step, 5) for step in range(5)]
    with Image.open(io.BytesIO(path.read_bytes())) as animation:
        assert (animation.n_frames, animation.info["loop"]) == (5, 0)
        for iteration in range(5):
            animation.seek(iteration)
            assert animation.info["duration"] == (LAST_FRAME if iteration == 4 else FRAME)
            frame = np.asarray(animation.convert("RGB"), int)
            assert np.abs(frame - draw_state(toy, iteration)).mean() < 2
            x, y = np.round(toy.drawn[1]).astype(int).tolist()
            assert np.abs(frame[y, x] - draw_state(toy, iteration)[y, x].astype(int)).max() < 25


def test_nonsense_is_refused(tmp_path: Path) -> None:
    for queries in ((), (0, 0), (-1,), (6,)):
        with pytest.raises(UsageError, match="different points from 0 to 5"):
            chain(queries)
    for wrong in (0, 301):
        with pytest.raises(UsageError, match="from 1 to 300"):
            banana_toy(0, queries=wrong)
    with pytest.raises(UsageError, match="alpha"):
        _ = banana_toy(0, alpha=1.0).states
    with pytest.raises(UsageError):
        banana_toy(0, neighbours=0)
    with pytest.raises(StorageError, match="animation could not be written"):
        write_animation(tmp_path / "none" / "x.gif", chain())
    assert list(tmp_path.iterdir()) == []
