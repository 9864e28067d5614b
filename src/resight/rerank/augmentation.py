"""Database images with the words of the images that they are verified with."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from resight.arrays import Int64
from resight.rerank.backprojection import back_projected
from resight.rerank.kinds import Augmentation
from resight.search.looks import BagCollection
from resight.words.evidence import ImageWords


def joined(images: Sequence[ImageWords]) -> ImageWords:
    """Returns all words of several images as one image of the size of the first.

    Each word has a feature of its own.
    """
    words = np.concatenate([image.words for image in images])
    order = np.argsort(words, kind="stable").astype(np.int32)
    each = [np.ones(len(image), np.float32) if image.weights is None else image.weights for image in images]
    weighted = any(image.weights is not None for image in images)
    return ImageWords(
        words=words[order],
        features=order,
        xy=np.concatenate([image.xy[image.features] for image in images]),
        scale=np.concatenate([image.scale[image.features] for image in images]),
        angle=np.concatenate([image.angle[image.features] for image in images]),
        size=images[0].size,
        weights=np.concatenate(each)[order] if weighted else None,
    )


def augmented_words(image: int, collection: BagCollection, params: Augmentation) -> ImageWords:
    """Returns an image's words and the words that images verified with it have inside its frame.

    Its first look is verified as the recipe says; the `neighbours` with the most inliers, from `min_inliers` on, give
    the words of their features that project into this image, each as often as it occurs there.
    Arandjelovic & Zisserman, CVPR 2012, section 4 (after Turcot & Lowe, ICCV Workshops 2009, who take all words).
    """
    own = collection.words(image)
    near: Int64 = collection.search(own, collection.reach + 1).ids
    others = near[near != image][: collection.reach].tolist()
    verified = collection.verify(own, others)
    sure = [other for other in others if other in verified and verified[other].inliers >= params.min_inliers]
    frame = (0.0, 0.0, float(own.size[0]), float(own.size[1]))
    best = sorted(sure, key=lambda other: -verified[other].inliers)[: params.neighbours]
    seen = [back_projected(collection.words(other), verified[other].transform, frame) for other in best]
    return joined([own, *seen])
