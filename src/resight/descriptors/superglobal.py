"""The poolings of SuperGlobal: Shao, Chen, Karpur, Cui, Araujo & Cao, "Global features are all you need for image
retrieval and reranking", ICCV 2023, section 3.2 and authors' code. Maps are (B, C, H, W).
"""

from __future__ import annotations

from torch import Tensor, nn

from resight.descriptors.pooling import l2_normalise

P = 4.6
REGIONAL_P = 2.5
WINDOW = 5
RELUP_FLOOR = 0.014


def gem_plus(maps: Tensor, p: float = P) -> Tensor:
    """GeM with a fixed p, and a floor of 1e-8 under the activations, (B, C)."""
    return maps.clamp(min=1e-8).pow(p).mean(dim=(2, 3)).pow(1.0 / p)


def regional_gem(maps: Tensor, p: float = REGIONAL_P, window: int = WINDOW) -> Tensor:
    """The mean of the map and of its generalised mean in a window around each position, (B, C, H, W).

    The border is reflected. window: odd, and less than twice the map's shorter side.
    """
    edge = (window - 1) // 2
    padded = nn.functional.pad(maps, (edge, edge, edge, edge), mode="reflect")
    pooled = nn.functional.avg_pool2d(padded.clamp(min=0.0).pow(p), window, stride=1).pow(1.0 / p)
    return 0.5 * (pooled + maps)


def relup(maps: Tensor, floor: float = RELUP_FLOOR) -> Tensor:
    """Activations raised to at least `floor`: small ones rise to it, they do not vanish."""
    return maps.clamp(min=floor)


def scale_gem(descriptors: Tensor) -> Tensor:
    """The largest of each component over L2-normalised descriptors of several scales, (B, C); not L2-normalised.

    descriptors: (S, B, C). The generalised mean over scales for p without bound.
    """
    return l2_normalise(descriptors).amax(dim=0)
