"""Masks: which parts count, that nothing of what lies beneath matters, and that a mask that cannot be is no mask."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from index_samples import texture
from resight.errors import ImageError, UsageError
from resight.features.kinds import Sift
from resight.features.sift_extractor import SiftExtractor
from resight.images import Decoded, decode_bytes, part_of
from resight.images.masks import PhotoMask, decode_masked, mask_of_query, masked, reduced

BAR = np.ones((90, 120), np.bool_)
BAR[70:] = False


def encoded(values: NDArray[np.generic], kind: str = "PNG", **options: object) -> bytes:
    out = io.BytesIO()
    Image.fromarray(values).save(out, kind, **options)
    return out.getvalue()


def photo(beneath: int, size: tuple[int, int] = (120, 90)) -> Decoded:
    """A photo with a texture of its own beneath the bar."""
    pixels = texture(1, *size)
    height = -(-pixels.shape[0] * 70 // 90)
    pixels[height:] = texture(beneath, *size)[height:]
    return Decoded(pixels, size)


@pytest.mark.parametrize(
    "values",
    [
        np.where(BAR, 255, 0).astype(np.uint8),
        np.where(BAR, 1, 0).astype(np.uint8),
        np.where(BAR, 1, 0).astype(np.uint16),
        BAR,
        np.dstack([np.zeros_like(BAR), np.zeros_like(BAR), BAR]).astype(np.uint8),
        np.dstack([BAR, BAR, BAR, np.ones_like(BAR)]).astype(np.uint8) * 255,
    ],
    ids=["white", "one", "16 bits", "1 bit", "blue", "alpha"],
)
def test_black_is_left_out_and_anything_else_counts(values: NDArray[np.generic]) -> None:
    mask = PhotoMask("mask.png", "", encoded(values))
    np.testing.assert_array_equal(mask.counts(), BAR)


def test_a_palette_is_read_by_its_colours() -> None:
    image = Image.fromarray(np.where(BAR, 0, 1).astype(np.uint8), "P")
    image.putpalette([200, 0, 0, 0, 0, 0])
    out = io.BytesIO()
    image.save(out, "PNG")
    np.testing.assert_array_equal(PhotoMask("m", "", out.getvalue()).counts(), BAR)


def test_what_does_not_count_has_one_colour_and_the_rest_is_as_it_was() -> None:
    found = masked(photo(2), PhotoMask("m", "", encoded(BAR)))
    assert found.counts is not None
    np.testing.assert_array_equal(found.counts, BAR)
    np.testing.assert_array_equal(found.pixels[BAR], photo(2).pixels[BAR])
    assert len(np.unique(found.pixels[~BAR], axis=0)) == 1


def test_nothing_beneath_a_mask_gets_into_pixels_beside_it_when_a_photo_is_reduced() -> None:
    mask = PhotoMask("m", "", encoded(BAR))
    one, other = (decode_masked(encoded(photo(n, (480, 360)).pixels), "p.png", mask, 100) for n in (2, 3))
    assert one.pixels.shape == (75, 100, 3)
    np.testing.assert_array_equal(one.pixels, other.pixels)
    assert one.counts is not None
    assert (int(one.counts.sum()), one.size) == (58 * 100, (480, 360))


def test_a_mask_of_the_same_proportions_is_scaled_and_another_is_refused_with_both_sizes() -> None:
    smaller = PhotoMask("m.png", "", encoded(BAR[::2, ::2]))
    found = masked(photo(2), smaller).counts
    assert found is not None
    np.testing.assert_array_equal(found, BAR)
    turned = PhotoMask("m.png", "", encoded(np.ascontiguousarray(BAR.T)))
    with pytest.raises(UsageError, match=r"m\.png: the mask has 90 x 120 pixels and the upright photo 120 x 90"):
        masked(photo(2), turned)
    assert masked(photo(2), PhotoMask("m.png", "", encoded(BAR.T), fits_all=True)).counts is not None
    # Sides that were rounded are the same proportions.
    assert (
        masked(
            Decoded(texture(1, 101, 67), (101, 67)), PhotoMask("m", "", encoded(np.eye(133, 200)[..., :] > 0))
        ).counts
        is not None
    )


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (encoded(BAR.astype(np.uint8), "JPEG"), "is not a PNG, TIFF, GIF or BMP"),
        (b"", "is not a PNG"),
        (encoded(np.zeros((4, 4), np.uint8)), "is black everywhere"),
        (encoded(np.random.default_rng(0).integers(0, 255, (50, 50), np.uint8))[:-900], "PNG"),
    ],
    ids=["jpeg", "empty", "black", "cut"],
)
def test_a_mask_that_cannot_be_one_is_refused(tmp_path: Path, data: bytes, reason: str) -> None:
    path = tmp_path / "m.png"
    path.write_bytes(data)
    with pytest.raises(ImageError, match=reason):
        PhotoMask("m.png", "", path).counts()
    with pytest.raises(UsageError, match=rf"the mask \S*m\.png: .*{reason}"):
        mask_of_query(path)


def test_masks_of_a_query_are_files_or_arrays(tmp_path: Path) -> None:
    (tmp_path / "m.png").write_bytes(encoded(BAR))
    for given in (tmp_path / "m.png", str(tmp_path / "m.png"), BAR, BAR.astype(np.float32), BAR * 255):
        np.testing.assert_array_equal(mask_of_query(given).counts(), BAR)
    for wrong in (np.ones((3, 3, 3)), np.ones(3), np.ones((0, 3))):
        with pytest.raises(UsageError, match=r"it must be \(H, W\)"):
            mask_of_query(wrong)
    with pytest.raises(UsageError, match="no such file"):
        mask_of_query(tmp_path / "none.png")


def test_a_mask_is_upright_as_its_photo_is() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    turned = np.ascontiguousarray(np.rot90(BAR)).astype(np.uint8) * 255
    data = encoded(turned, "PNG", exif=exif)
    np.testing.assert_array_equal(PhotoMask("m", "", data).counts(), BAR)
    assert decode_bytes(data, "m").size == (120, 90)


def test_a_part_takes_its_part_of_the_mask_and_one_that_is_left_out_is_refused() -> None:
    found = masked(photo(2), PhotoMask("m", "", encoded(BAR)))
    part = part_of(found, (10, 50, 60, 90))
    assert part.counts is not None
    np.testing.assert_array_equal(part.counts, BAR[50:90, 10:60])
    with pytest.raises(UsageError, match="box 0,75,20,90: the mask excludes all of it"):
        part_of(found, (0, 75, 20, 90))


@pytest.mark.parametrize("upright", [False, True])
@pytest.mark.parametrize("box", [None, (0.0, 20.0, 320.0, 240.0)])
def test_sift_has_no_feature_beneath_a_mask_and_the_strongest_of_the_rest(
    upright: bool, box: tuple[float, float, float, float] | None
) -> None:
    mask = PhotoMask("m", "", encoded(BAR))
    extractor = SiftExtractor(Sift(max_features=40, upright=upright))
    one, other = (extractor.prepare_query(masked(photo(beneath, (320, 240)), mask), box) for beneath in (2, 3))
    for name in ("xy", "scale", "angle", "descriptors"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name))
    assert len(one) == 40
    assert one.xy[:, 1].max() < 240 * 70 / 90
    # Without the mask some of the strongest lie beneath it.
    plain = extractor.prepare_query(photo(2, (320, 240)), box)
    assert plain.xy[:, 1].max() > 240 * 70 / 90


@pytest.mark.parametrize("upright", [False, True])
def test_the_strongest_features_are_chosen_among_those_that_count(upright: bool) -> None:
    counts = np.zeros((240, 320), np.bool_)
    counts[:60] = True  # few of the strongest features of the whole photo are here
    photo = Decoded(texture(1, 320, 240), (320, 240), counts=counts)
    some, every = (SiftExtractor(Sift(max_features=n, upright=upright)).prepare(photo) for n in (10, 1000))
    assert len(every) > 15
    np.testing.assert_array_equal(some.xy, every.xy[:10])
    np.testing.assert_array_equal(some.descriptors, every.descriptors[:10])


def test_a_mask_that_leaves_nothing_out_changes_nothing() -> None:
    whole = photo(2, (320, 240))
    extractor = SiftExtractor(Sift(max_features=100))
    one = extractor.prepare(masked(whole, PhotoMask("m", "", encoded(np.ones((6, 8), np.uint8)))))
    counted = extractor.prepare(Decoded(whole.pixels, whole.size, counts=np.ones((240, 320), np.bool_)))
    for found in (one, counted):
        np.testing.assert_array_equal(found.descriptors, extractor.prepare(whole).descriptors)


def test_reduced_keeps_a_photo_without_a_mask_one() -> None:
    assert reduced(photo(1), 60).counts is None
    assert reduced(photo(1), 60).pixels.shape == (45, 60, 3)
    assert reduced(photo(1), None) is not None
