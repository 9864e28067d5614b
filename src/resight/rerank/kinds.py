"""What a recipe may ask of a second look: parameters and their published defaults."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field


class Spatial(BaseModel):
    """Fast spatial matching of the top of a ranking (Philbin et al., CVPR 2007, section 4)."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Literal["spatial"] = "spatial"
    channel: str = Field(default="", description="The channel whose features are matched; may be left out if only one.")
    top: int = Field(default=400, ge=1, description="Images looked at; the paper has 200 to 1000.")
    # Sampling (MAGSAC++) instead of a hypothesis from every correspondence: it needs a good third of inliers.
    estimator: Literal["fast_spatial_matching", "usac_homography"] = "fast_spatial_matching"
    hypothesis: Literal["translation_scale", "similarity"] = "similarity"
    model: Literal["similarity", "affine", "homography"] = "affine"
    # Ours: an error is a fraction of the long side of its own image, so that a thumbnail and a large photo are held to
    # the same rule.
    tolerance: float = Field(default=0.02, gt=0.0, lt=1.0, description="Transfer error, as a part of the long side.")
    threshold: int = Field(default=64, ge=0, description="Largest Hamming distance of a correspondence, if it has one.")
    min_inliers: int = Field(default=4, ge=4, description="Verified from so many inliers: the paper's 4.")
    # "inliers" is the paper's: verified images first, by their number of inliers. "evidence" is ours: inliers times the
    # root of the similarity, so that neither many matches of common words nor one lucky transform wins alone.
    score: Literal["inliers", "evidence"] = "inliers"


class Expansion(BaseModel):
    """Average query expansion over verified images (Chum et al., ICCV 2007, section 4.2)."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Literal["expansion"] = "expansion"
    channel: str = ""
    top: int = Field(default=50, ge=1, description="Verified images that are averaged, the paper's 50.")
    min_inliers: int = Field(default=20, ge=4, description="An image joins the query from so many inliers: 20.")


class Chain(BaseModel):
    """Verified images are asked in turn, and what they verify is credited by how sure each step is.

    Ours; it grew out of the recursive expansion of Chum et al., ICCV 2007, section 4.3, which re-asks with regions of
    verified images. Evidence e of a pair becomes a confidence e / (e + half); an image found from the query with
    confidence p passes weight times p times its own confidence on.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Literal["chain"] = "chain"
    channel: str = ""
    top: int = Field(default=25, ge=1, description="Verified images that are asked.")
    reach: int = Field(default=200, ge=1, description="Images that each of them looks at.")
    # That of Philbin et al., CVPR 2007, for expansion.
    min_inliers: int = Field(default=20, ge=4, description="An image is asked from so many inliers.")
    half: float = Field(default=100.0, gt=0.0, description="Evidence that is believed by half.")
    weight: float = Field(default=5.0, gt=0.0, description="Of what is passed on, against the query's own evidence.")


class Discriminative(BaseModel):
    """Discriminative query expansion (Arandjelovic & Zisserman, CVPR 2012, section 3): a linear SVM on bags of words.

    Positive are the query and the verified images, negative the end of the ranking.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Literal["discriminative"] = "discriminative"
    channel: str = ""
    top: int = Field(default=50, ge=1, description="Verified images that may be positive.")
    min_inliers: int = Field(default=20, ge=4)
    negatives: int = Field(default=200, ge=1, description="Images from the end of the ranking: the paper's 200.")
    regularisation: float = Field(default=1.0, gt=0.0, description="C of the SVM.")


class Augmentation(BaseModel):
    """Database images take the words of the images that they are verified with (Arandjelovic & Zisserman, CVPR 2012,
    section 4: spatially verified database-side feature augmentation)."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Literal["verified"] = "verified"
    neighbours: int = Field(default=10, ge=1, description="Verified images that each image takes words from.")
    min_inliers: int = Field(default=20, ge=4)


StageKind = Annotated[Spatial | Expansion | Chain | Discriminative, Field(discriminator="kind")]
