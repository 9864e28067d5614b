"""Fitted arrays on disk: the same bytes for the same contents, and a clear refusal of everything else."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from resight.errors import FitError, StorageError
from resight.learned.artefact import dequantise, hash_arrays, load, quantise, save

ARRAYS = {
    "centroids": np.arange(12, dtype=np.float32).reshape(3, 4),
    "bits": np.array([1, 2**63], np.uint64),
    "empty": np.zeros((0, 5), np.float16),
    "names": np.array(["a", "bü"]),
}
PROVENANCE = {"kind": "codebook", "seed": 3, "error": 0.25}


def test_round_trip(tmp_path: Path) -> None:
    path = tmp_path / "codebook.npz"
    sha256 = save(path, ARRAYS, PROVENANCE)
    loaded = load(path, needs=["centroids"])
    assert loaded.provenance == PROVENANCE
    assert loaded.sha256 == sha256 == hash_arrays(ARRAYS)
    assert loaded.arrays.keys() == ARRAYS.keys()
    for name, array in ARRAYS.items():
        assert loaded.arrays[name].dtype == array.dtype
        np.testing.assert_array_equal(loaded.arrays[name], array)


def test_numpy_reads_it(tmp_path: Path) -> None:
    save(tmp_path / "x.npz", ARRAYS, PROVENANCE)
    with np.load(tmp_path / "x.npz", allow_pickle=False) as values:
        np.testing.assert_array_equal(values["centroids"], ARRAYS["centroids"])


def test_equal_contents_are_equal_bytes(tmp_path: Path) -> None:
    save(tmp_path / "a.npz", ARRAYS, PROVENANCE)
    backwards = {name: np.asfortranarray(ARRAYS[name]) for name in reversed(ARRAYS)}
    save(tmp_path / "b.npz", backwards, dict(reversed(PROVENANCE.items())))
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()


@pytest.mark.parametrize(
    "other",
    [
        {**ARRAYS, "centroids": ARRAYS["centroids"].reshape(4, 3)},
        {**ARRAYS, "centroids": ARRAYS["centroids"].view(np.int32)},
        {**ARRAYS, "centroids": ARRAYS["centroids"] + 1},
        {("centres" if name == "centroids" else name): array for name, array in ARRAYS.items()},
    ],
)
def test_the_hash_sees_names_types_shapes_and_values(other: dict[str, np.ndarray]) -> None:
    assert hash_arrays(other) != hash_arrays(ARRAYS)


def test_the_hash_does_not_see_provenance_or_byte_order(tmp_path: Path) -> None:
    assert save(tmp_path / "x.npz", ARRAYS, {}) == hash_arrays(ARRAYS)
    swapped = {name: array.astype(array.dtype.newbyteorder(">")) for name, array in ARRAYS.items()}
    assert hash_arrays(swapped) == hash_arrays(ARRAYS)


def test_an_interrupted_save_leaves_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "x.npz"
    save(path, ARRAYS, PROVENANCE)
    before = path.read_bytes()

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(StorageError, match=r"x\.npz: cannot be written: No space left"):
        save(path, {"other": np.zeros(3)}, {})
    assert path.read_bytes() == before
    assert [one.name for one in tmp_path.iterdir()] == ["x.npz"]


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(StorageError):
        save(tmp_path / "no" / "x.npz", ARRAYS, PROVENANCE)


def test_missing_and_wrong_kinds(tmp_path: Path) -> None:
    with pytest.raises(FitError, match="no such file"):
        load(tmp_path / "x.npz")
    np.savez(tmp_path / "plain.npz", a=np.zeros(3))
    with pytest.raises(FitError, match="is not a fitted artefact"):
        load(tmp_path / "plain.npz")
    save(tmp_path / "x.npz", ARRAYS, PROVENANCE)
    with pytest.raises(FitError, match="lacks medians, projection and holds bits, centroids"):
        load(tmp_path / "x.npz", needs=["projection", "medians", "centroids"])
    (tmp_path / "text.npz").write_text("hello")
    with pytest.raises(FitError, match="damaged"):
        load(tmp_path / "text.npz")
    with pytest.raises(FitError, match="damaged"):
        load(tmp_path)


def test_no_pickles(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="pickle"):
        save(tmp_path / "x.npz", {"a": np.array([object()])}, {})
    assert list(tmp_path.iterdir()) == []


def test_damage_never_goes_unnoticed(tmp_path: Path) -> None:
    path = tmp_path / "x.npz"
    sha256 = save(path, ARRAYS, PROVENANCE)
    data = path.read_bytes()
    rng = np.random.default_rng(0)
    noticed = 0
    for at in rng.integers(0, len(data), 300):
        broken = bytearray(data)
        broken[at] ^= 1 << int(rng.integers(8))
        path.write_bytes(broken)
        try:
            assert load(path, needs=ARRAYS).sha256 == sha256
        except FitError:
            noticed += 1
    assert noticed > 150
    for cut in range(0, len(data), 97):
        path.write_bytes(data[:cut])
        with pytest.raises(FitError):
            load(path)


@given(
    hnp.arrays(
        np.float32, hnp.array_shapes(min_dims=1, max_dims=2), elements=st.floats(-1000, 1000, width=32, allow_nan=False)
    )
)
def test_quantised_values_are_off_by_half_a_step(values: np.ndarray) -> None:
    stored = quantise({"x": values})
    assert stored["x"].dtype == np.uint8
    restored = dequantise(stored)
    assert restored.keys() == {"x"}
    assert restored["x"].dtype == np.float32
    span = float(values.max()) - float(values.min())
    assert np.abs(restored["x"] - values).max() <= span / 510 * 1.001 + 1e-4


def test_dequantise_leaves_other_arrays(tmp_path: Path) -> None:
    stored = {**quantise({"centroids": ARRAYS["centroids"]}), "projection": np.eye(2, dtype=np.float32)}
    save(tmp_path / "x.npz", stored, {})
    restored = dequantise(load(tmp_path / "x.npz").arrays)
    assert restored.keys() == {"centroids", "projection"}
    np.testing.assert_allclose(restored["centroids"], ARRAYS["centroids"], atol=11 / 510)
    np.testing.assert_array_equal(restored["projection"], np.eye(2))
    assert dequantise(quantise({"x": np.zeros((0, 3), np.float32)}))["x"].shape == (0, 3)
