"""The poolings of SuperGlobal (Shao, Chen, Karpur, Cui, Araujo & Cao).

"Global features are all you need for image retrieval and reranking", ICCV 2023, section 3.2 and authors' code. Maps are
(B, C, H, W), in numpy or torch.
"""

from __future__ import annotations

from resight.descriptors.pooling import l2_normalise
from resight.errors import UsageError
from resight.libraries import AnyArray, beside, library

P = 4.6
REGIONAL_P = 2.5
WINDOW = 5
RELUP_FLOOR = 0.014


def gem_plus(maps: AnyArray, p: float = P) -> AnyArray:
    """GeM with a fixed p, and a floor of 1e-8 under the activations, (B, C). UsageError: p <= 0."""
    _check_exponent(p)
    xp = library(maps)
    return xp.mean(xp.maximum(maps, beside(1e-8, maps)) ** p, axis=(2, 3)) ** (1.0 / p)


def regional_gem(maps: AnyArray, p: float = REGIONAL_P, window: int = WINDOW) -> AnyArray:
    """Returns the mean of the map and of its generalised mean in a window around each position, (B, C, H, W).

    The border is reflected. window: odd, and less than twice the map's shorter side. UsageError: another, or p <= 0.
    """
    _check_exponent(p)
    edge = (window - 1) // 2
    if window < 1 or window % 2 == 0 or edge >= min(maps.shape[2:]):
        raise UsageError(
            f"a window of {window} on a map of {maps.shape[3]} x {maps.shape[2]} positions: it must be odd, and at "
            f"most {2 * min(maps.shape[2:]) - 1}"
        )
    xp = library(maps)
    raised = xp.maximum(maps, beside(0.0, maps)) ** p
    height, width = maps.shape[2:]
    down = sum(raised[:, :, _reflected(height, shift)] for shift in range(-edge, edge + 1))
    across = sum(down[..., _reflected(width, shift)] for shift in range(-edge, edge + 1))
    return 0.5 * ((across / window**2) ** (1.0 / p) + maps)


def relup(maps: AnyArray, floor: float = RELUP_FLOOR) -> AnyArray:
    """Activations raised to at least `floor`: small ones rise to it, they do not vanish.

    Notes: the authors have it in place of the ReLU that ends a block of ResNet, of all but the last stage.
    """
    return library(maps).maximum(maps, beside(floor, maps))


def scale_gem(descriptors: AnyArray) -> AnyArray:
    """Returns the largest of each component over L2-normalised descriptors of several scales, (B, C).

    Not L2-normalised.

    descriptors: (S, B, C), S > 0. The generalised mean over scales for p without bound. UsageError: S = 0.
    """
    if not len(descriptors):
        raise UsageError("there is no scale to join: give descriptors of at least one")
    return library(descriptors).amax(l2_normalise(descriptors), axis=0)


def superglobal_vector(maps: AnyArray, mask: AnyArray | None = None, p: float = P) -> AnyArray:
    """L2-normalised GeM+ of the regional GeM of one map, (C,): what is whitened, and joined by `scale_gem`.

    maps: (C, h, w). mask: (h, w), the positions that count; zeros where there are none. UsageError: p <= 0.

    Notes: where a map has fewer than 3 positions a side the window is as large as it can be. What is masked is cut off,
    and counts as 0 in the rectangle around the rest. RELUP belongs into the network, and is not in ours.
    """
    seen = maps
    if mask is not None:
        counted = mask > 0
        xp = library(maps)
        rows, columns = (xp.argwhere(xp.any(counted, axis=along))[:, 0] for along in (1, 0))
        if not len(rows):
            return maps[:, 0, 0] * 0
        seen = (maps * counted)[:, rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    window = min(WINDOW, 2 * min(seen.shape[1:]) - 1)
    return l2_normalise(gem_plus(regional_gem(seen[None], window=window), p))[0]


def _reflected(length: int, shift: int) -> list[int]:
    """Returns the places `shift` after each of an axis, reflected at its ends without repeating them."""
    last = length - 1
    return [last - abs(last - abs(place + shift)) for place in range(length)]


def _check_exponent(p: float) -> None:
    if not p > 0:
        raise UsageError(f"GeM needs p > 0, not {p}")
