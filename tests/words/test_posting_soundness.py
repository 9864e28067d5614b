"""Postings that a file states are refused wherever a kernel could leave them or miss an entry."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from resight.words.evidence import ImageWords
from resight.words.postings import Kind, build_postings
from resight.words.soundness import postings_fault

Arrays = dict[str, NDArray[Any]]
SIZE, IMAGES, BITS = 50, 6, 100


def image(rng: np.random.Generator, kind: Kind) -> ImageWords:
    count = int(rng.integers(0, 30))
    words = np.sort(rng.integers(0, SIZE, count)).astype(np.int32)
    signatures = rng.integers(0, 1 << 36, (count, 2), dtype=np.uint64)
    first = np.flatnonzero(np.r_[True, words[1:] != words[:-1]]) if count else np.empty(0, np.int64)
    return ImageWords(
        words=words,
        features=np.arange(count, dtype=np.int32),
        xy=rng.uniform(0, 90, (count, 2)).astype(np.float32),
        scale=np.ones(count, np.float32),
        angle=np.zeros(count, np.float32),
        size=(100, 90),
        signatures=signatures if kind == "hamming" else None,
        aggregated=signatures[first] if kind == "asmk" else None,
    )


def postings(kind: Kind) -> Arrays:
    rng = np.random.default_rng(0)
    bits = 0 if kind == "bow" else BITS
    arrays = build_postings([image(rng, kind) for _ in range(IMAGES)], SIZE, kind, bits).to_arrays()
    return {name: np.array(array) for name, array in arrays.items()}


def fault(arrays: Arrays, kind: Kind) -> tuple[str, str] | None:
    return postings_fault(arrays, IMAGES, kind, SIZE, 0 if kind == "bow" else BITS)


@pytest.mark.parametrize("kind", ["bow", "hamming", "asmk"])
def test_what_was_built_is_sound(kind: Kind) -> None:
    assert fault(postings(kind), kind) is None
    assert postings_fault(postings(kind), IMAGES + 1, kind, SIZE, BITS) is not None


def test_positions_of_maps_have_a_form_of_their_own() -> None:
    rng = np.random.default_rng(3)
    images = [image(rng, "bow") for _ in range(IMAGES)]
    of_maps, others = (build_postings(images, SIZE, "bow", of_maps=way).to_arrays() for way in (True, False))
    assert postings_fault(of_maps, IMAGES, "bow", SIZE, 0, of_maps=True) is None
    without = {name: array for name, array in others.items() if name != "angle"}
    for arrays, way, name in ((of_maps, False, "xy"), (others, True, "angle"), (without, True, "xy")):
        found = postings_fault(arrays, IMAGES, "bow", SIZE, 0, of_maps=way)
        assert found is not None
        assert found[0] == name
    found = postings_fault({**of_maps, "scale": others["scale"]}, IMAGES, "bow", SIZE, 0, of_maps=True)
    assert found is not None
    assert found[0] == "scale"


def test_no_image_is_sound() -> None:
    empty = build_postings([], SIZE, "bow").to_arrays()
    assert postings_fault(empty, 0, "bow", SIZE, 0) is None


@pytest.mark.parametrize("kind", ["bow", "hamming", "asmk"])
def test_any_other_number_where_kernels_read_by_it_is_found(kind: Kind) -> None:
    sound = postings(kind)
    for name in ("layout", "offsets", "words", "list_words", "list_offsets", "list_images"):
        for at in range(sound[name].size):
            # A word more or less often in its image is in the same list, where that has one entry for all of them.
            inside = () if name == "words" and kind != "hamming" else (0, 1, SIZE - 1)
            for value in (*inside, SIZE, 2**31 - 1, -1):
                changed = {key: array.copy() for key, array in sound.items()}
                changed[name].reshape(-1)[at] = np.int64(value).astype(changed[name].dtype)
                if not np.array_equal(changed[name], sound[name]):
                    assert fault(changed, kind) is not None, (name, at, value)


def cut(array: NDArray[Any]) -> NDArray[Any]:
    return array[:-1]


def wider(array: NDArray[Any]) -> NDArray[Any]:
    return array.astype(np.float64)


def deeper(array: NDArray[Any]) -> NDArray[Any]:
    return array[..., None]


@pytest.mark.parametrize("change", [cut, wider, deeper])
@pytest.mark.parametrize("kind", ["bow", "hamming", "asmk"])
def test_another_shape_or_type_is_found_and_so_is_a_lost_array(
    kind: Kind, change: Callable[[NDArray[Any]], NDArray[Any]]
) -> None:
    sound = postings(kind)
    for name in sound:
        assert fault({**sound, name: change(sound[name])}, kind) is not None, name
        assert fault({key: array for key, array in sound.items() if key != name}, kind) is not None, name


def test_signatures_longer_than_they_say_are_found() -> None:
    arrays = postings("asmk")
    arrays["list_signatures"][3, 1] |= np.uint64(1 << 40)
    assert fault(arrays, "asmk") == ("list_signatures", f"has more than {BITS} bits")
