"""What a recipe may ask of visual words: parameters and their published defaults."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from resight.learned.kinds import FitSource


class Bow(BaseModel):
    """Bag of visual words: cosine of tf-idf vectors (Sivic & Zisserman, ICCV 2003)."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    score_meaning: ClassVar[str] = "cosine of visual words, 0 to 1"

    kind: Literal["bow"] = "bow"
    size: int = Field(default=65536, ge=2, le=1 << 26, description="Words in the codebook.")
    fit: FitSource = Field(default="builtin", description='"builtin", "collection" or a path.')
    # Philbin et al. (CVPR 2008) give a feature its 3 nearest words when assignment is soft; hard assignment is 1.
    query_assignment: int = Field(default=1, ge=1, le=1000, description="Nearest words of a query feature.")
    # Philbin et al. (CVPR 2008), section 3: sigma^2 = 6250 for SIFT of norm 512, that is 0.154 at norm 1.
    soft_sigma: float = Field(
        default=0.0, ge=0.0, le=1e6, description="Weights exp(-d^2 / 2 sigma^2) of the words; 0: off."
    )
    # "clipped" is min(tf, 1): whether, not how often (Jegou et al., CVPR 2009, removes multiple matches likewise).
    tf: Literal["raw", "clipped", "sqrt"] = "raw"
    idf: bool = True
    # Jegou et al. (CVPR 2009), section 4.2.
    burstiness: bool = Field(default=False, description="Divide a match by the root of its number in the image.")

    @model_validator(mode="after")
    def _one_remedy(self) -> Bow:
        if self.burstiness and self.tf != "raw":
            raise ValueError(f'burstiness already damps repeated words: it goes with tf = "raw", not "{self.tf}"')
        return self


class Hamming(BaseModel):
    """Hamming embedding with weak geometric consistency (Jegou et al., ECCV 2008)."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    score_meaning: ClassVar[str] = (
        "similarity of visual words whose signatures agree; it compares photos of one query alone"
    )

    kind: Literal["hamming"] = "hamming"
    # The paper's codebooks have 20,000 and 200,000 words; its threshold is 24 for the first and 22 for the second.
    size: int = Field(default=20000, ge=2, le=1 << 26, description="Words in the codebook.")
    fit: FitSource = Field(default="builtin", description='"builtin", "collection" or a path.')
    query_assignment: int = Field(default=1, ge=1, le=1000, description="Nearest words of a query feature.")
    bits: int = Field(default=64, ge=64, le=64, description="Bits of a signature.")
    threshold: int = Field(default=24, ge=0, le=64, description="Largest Hamming distance of a match.")
    # Jegou et al. (CVPR 2009), section 3, weigh a match by its distance; sigma = 16 there.
    sigma: float = Field(
        default=16.0, ge=0.0, le=1e6, description="A match weighs exp(-h^2 / sigma^2); 0: every match 1."
    )
    wgc: bool = Field(default=True, description="Keep only what agrees on one rotation and one change of scale.")
    idf: bool = True
    # Jegou et al. (CVPR 2009), section 4.2.
    burstiness: bool = Field(default=False, description="Divide a match by the root of its number in the image.")


class Asmk(BaseModel):
    """Aggregated selective match kernel, ASMK* (Tolias, Avrithis & Jegou, ICCV 2013)."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    score_meaning: ClassVar[str] = "similarity of visual words and their signatures, 0 to 1"

    kind: Literal["asmk"] = "asmk"
    size: int = Field(default=65536, ge=2, le=1 << 26, description="Words in the codebook.")
    fit: FitSource = Field(default="builtin", description='"builtin", "collection" or a path.')
    # Section 5: multiple assignment to 5 words, on the query side only; alpha = 3, tau = 0, 65k words.
    query_assignment: int = Field(default=5, ge=1, le=1000, description="Nearest words of a query feature.")
    alpha: float = Field(default=3.0, gt=0.0, le=1000.0, description="Exponent of the similarity.")
    threshold: float = Field(default=0.0, ge=0.0, le=1.0, description="Smallest similarity that counts.")
    idf: bool = False


WordsKind = Annotated[Bow | Hamming | Asmk, Field(discriminator="kind")]
