"""Parameters of training, as a training recipe states them; importing them imports no implementation."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from resight.learned.kinds import FitName as FileName


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Contrastive(_Table):
    """Pairs: half the squared distance of a match, and of what is left of the margin otherwise, summed over a tuple.

    Source: Radenovic, Tolias & Chum, ECCV 2016, eq. 4, and TPAMI 2019, eq. 5.
    """

    kind: Literal["contrastive"] = "contrastive"
    # 0.7 for AlexNet and MAC of VGG, 0.75 for GeM of VGG, 0.85 for ResNet-101: TPAMI 2019, section 5.1 and code.
    margin: float = Field(default=0.7, gt=0.0, le=2.0)


class Triplet(_Table):
    """Triplets: the positive is nearer than each negative by a margin, in squared distances.

    Source: Gordo, Almazan, Revaud & Larlus, IJCV 2017, eq. 2; the margin of the code of Radenovic et al., TPAMI 2019.
    """

    kind: Literal["triplet"] = "triplet"
    margin: float = Field(default=0.1, gt=0.0, le=4.0)


class WeakTriplet(_Table):
    """Triplets with the best of several potential positives (Arandjelovic et al., CVPR 2016, eq. 7)."""

    kind: Literal["weak-triplet"] = "weak-triplet"
    margin: float = Field(default=0.1, gt=0.0, le=4.0)
    positives: int = Field(default=5, ge=1, le=100, description="Potential positives of an anchor at most in a step.")


class InfoNce(_Table):
    """Softmax over the similarities of all pairs of a step, in both directions (van den Oord et al., 2018, eq. 4)."""

    kind: Literal["info-nce"] = "info-nce"
    temperature: float = Field(default=0.07, gt=0.0, le=10.0)


class MultiSimilarity(_Table):
    """Weighted pairs of a step (Wang et al., "Multi-similarity loss", CVPR 2019, eq. 7 and 8)."""

    kind: Literal["multi-similarity"] = "multi-similarity"
    # Section 4.1.
    alpha: float = Field(default=2.0, gt=0.0, le=1000.0, description="Of pairs that match.")
    beta: float = Field(default=50.0, gt=0.0, le=1000.0, description="Of pairs that do not.")
    base: float = Field(default=0.5, ge=-1.0, le=1.0, description="Similarity that both are compared with.")
    epsilon: float = Field(default=0.1, ge=0.0, le=2.0, description="Of the choice of informative pairs.")


class SmoothAp(_Table):
    """A smoothed average precision of every photo of a step (Brown et al., ECCV 2020, eq. 7)."""

    kind: Literal["smooth-ap"] = "smooth-ap"
    temperature: float = Field(default=0.01, gt=0.0, le=10.0)


class Classification(_Table):
    """Cross entropy of a linear classifier of the clusters (Babenko et al., ECCV 2014, section 3)."""

    kind: Literal["classification"] = "classification"
    # A classifier starts at random: it learns faster than the network does.
    rate: float = Field(
        default=10.0, gt=0.0, le=1e4, description="Learning rate of the classifier, relative to others."
    )


LossKind = Annotated[
    Contrastive | Triplet | WeakTriplet | InfoNce | MultiSimilarity | SmoothAp | Classification,
    Field(discriminator="kind"),
]


class PhotoSizes(_Table):
    """The form in which photos are kept for training, and in which the network sees them."""

    # Decoded once, to this long side.
    decoded: int = Field(default=400, ge=32, le=4096, description="Long side of the photos that are kept, in pixels.")
    side: int = Field(default=192, ge=32, le=4096, description="Long side of what the network sees, in pixels.")
    # So that photos of a step run together by shape; their aspect changes by half of it at most.
    multiple: int = Field(default=32, ge=1, le=512, description="Short sides are rounded to a multiple of it.")
    memory: int = Field(default=2048, ge=1, le=1 << 20, description="MiB of photos above which they are kept on disk.")


class Drawing(_Table):
    """The photos of a step."""

    anchors: int = Field(default=24, ge=1, le=4096, description="Anchors of a step.")
    # The study that the shares come from: rendered views give most of the gain on products, real pairs on covers.
    views: float = Field(default=0.5, ge=0.0, le=1.0, description="Share of anchors whose positive is rendered.")
    # Of real pairs too: a photo is never seen twice as it is.
    strength: float = Field(
        default=1.0, ge=0.0, le=2.0, description="Of rendered views, 1 as they are made by default."
    )
    render_all: bool = Field(default=True, description="Anchors and real positives are rendered anew too, mildly.")
    positive: Literal["random", "first", "nearest"] = Field(
        default="random", description="Which of the positives: any, the best in the tuples, or that of the network."
    )
    negatives: int = Field(default=0, ge=0, le=1000, description="Hard negatives of an anchor.")
    one_a_cluster: bool = Field(default=True, description="At most one hard negative of a cluster.")
    # Anchors drawn for an epoch; 0: all of them.
    pool: int = Field(default=22_000, ge=1, description="Photos drawn from the pool of negatives when they are mined.")
    mine_every: int = Field(default=0, ge=0, description="Anchors after which negatives are mined anew; 0: an epoch.")


class Frozen(_Table):
    """Means that keep the network near its start."""

    until: str = Field(default="", description="The last layer that does not learn; empty: all learn.")
    start: float = Field(default=0.0, ge=0.0, le=1.0, description="Share of the start in the weights of the product.")
    # Polyak averaging; the average and not the last weights are validated and kept.
    average: float = Field(default=0.0, ge=0.0, lt=1.0, description="Decay of the running average of weights; 0: none.")
    distil: float = Field(default=0.0, ge=0.0, le=1e4, description="Weight of the start's similarities in the loss.")


class Sgd(_Table):
    """Stochastic gradient descent with momentum."""

    kind: Literal["sgd"] = "sgd"
    rate: float = Field(default=1e-3, gt=0.0, le=10.0)
    momentum: float = Field(default=0.9, ge=0.0, lt=1.0)
    decay: float = Field(default=5e-4, ge=0.0, le=1.0, description="Weight decay.")


class Adam(_Table):
    """Kingma & Ba, ICLR 2015."""

    kind: Literal["adam"] = "adam"
    rate: float = Field(default=1e-6, gt=0.0, le=10.0)
    decay: float = Field(default=1e-6, ge=0.0, le=1.0, description="Weight decay, added to the gradient.")


class AdamW(_Table):
    """Loshchilov & Hutter, ICLR 2019."""

    kind: Literal["adamw"] = "adamw"
    rate: float = Field(default=3e-4, gt=0.0, le=10.0)
    decay: float = Field(default=0.01, ge=0.0, le=1.0, description="Weight decay, apart from the gradient.")


OptimiserKind = Annotated[Sgd | Adam | AdamW, Field(discriminator="kind")]


class Schedule(_Table):
    """The learning rate, relative to that of the optimiser."""

    warm_up: int = Field(default=0, ge=0, description="Steps in which it rises from 0.")
    # exponential: exp(-rate * epoch). steps: times `factor` every `every` epochs. cosine: down to `factor` at the end.
    kind: Literal["constant", "exponential", "steps", "cosine"] = "constant"
    rate: float = Field(default=0.1, ge=0.0, le=100.0, description="Of the exponential.")
    factor: float = Field(default=0.1, gt=0.0, le=1.0, description="Of steps, and at the end of a cosine.")
    every: int = Field(default=10, ge=1, description="Epochs between steps.")


class Lasting(_Table):
    """The length of training."""

    epochs: int = Field(default=10, ge=0)
    steps: int = Field(default=0, ge=0, description="Steps of an epoch; 0: as many as show every anchor once.")
    anchors: int = Field(default=0, ge=0, description="Anchors of an epoch at most; 0: all.")
    patience: int = Field(default=0, ge=0, description="Epochs without a better validation that end it; 0: never.")


class HeldOut(_Table):
    """Validation on clusters that are held out of the tuples."""

    share: float = Field(default=0.12, ge=0.0, le=0.5, description="Of the anchors that are held out, at most.")
    queries: int = Field(default=200, ge=1, le=100_000, description="At most, of each kind.")
    database: int = Field(default=2000, ge=1, le=1_000_000, description="Photos searched at most.")


class Product(_Table):
    """The whitening of the product.

    pca: by principal components. learned: on pairs that match, after training. start: the one that the descriptor comes
    with, fitted on other photos. best: learned or start, or, where the descriptor comes with none, learned or pca;
    `choosing` has the rule. trained: the one that learned with the network.
    """

    whitening: Literal["pca", "learned", "start", "best", "trained"] = "best"
    views: int = Field(
        default=1, ge=0, le=16, description="Rendered pairs of each photo that a whitening is learned on."
    )
    photos: int = Field(default=1500, ge=2, le=1_000_000, description="Photos that it is fitted on at most.")


class TrainingRecipe(_Table):
    """A checked training recipe: what is trained, on what, by which loss, for how long."""

    name: str = Field(min_length=1, description="What products call it.")
    summary: str = Field(default="", description="The method in a line.")
    paper: str = Field(default="", description="Where the method is from.")
    descriptor: FileName = Field(description="The index recipe of the descriptor that is trained: a name or a file.")
    channel: str = Field(default="", description="Which channel of it; empty: the only one that has a network.")
    weights: str = Field(
        default="",
        description="What training starts from: a published name, a file, or a folder of a former training; empty: "
        "the descriptor's own.",
    )
    seed: int = Field(default=0, ge=0, le=(1 << 63) - 1, description="Of everything that is drawn at random.")
    # "frozen": by principal components, fitted on the photos with the network that training starts from. "learned":
    # the same, but it learns, as in Gordo et al., IJCV 2017. "random": a projection that learns from random weights.
    whitening: Literal["none", "frozen", "learned", "random"] = Field(
        default="none", description="Between pooling and loss."
    )
    projected: int = Field(default=0, ge=0, le=65_536, description="Dimensions of a random projection.")
    # Of several layers: each has a loss of its own, or their joined vector has one.
    parts: Literal["each", "joined"] = Field(
        default="each", description="What the loss is of, where layers are joined."
    )
    # TPAMI 2019, section 3.2.
    exponent_rate: float = Field(default=10.0, ge=0.0, le=1e6, description="Learning rate of GeM's p; 0: fixed.")
    # ECCV 2018, code: the threshold learns at a tenth of it, and neither has weight decay.
    filter_rate: float = Field(
        default=1.0, ge=0.0, le=1e6, description="Learning rate of the power of an edge filter; 0: it stays as it is."
    )
    assignment_rate: float = Field(default=1.0, ge=0.0, le=1e6, description="Learning rate of NetVLAD's layer.")
    second_order: float = Field(default=0.0, ge=0.0, le=1e4, description="Weight of SOLAR's second-order similarity.")
    precision: Literal["auto", "float32", "bfloat16"] = "auto"
    loss: LossKind = Field(default_factory=InfoNce)
    photos: PhotoSizes = Field(default_factory=PhotoSizes)
    drawing: Drawing = Field(default_factory=Drawing)
    frozen: Frozen = Field(default_factory=Frozen)
    optimiser: OptimiserKind = Field(default_factory=AdamW)
    schedule: Schedule = Field(default_factory=Schedule)
    lasting: Lasting = Field(default_factory=Lasting)
    validation: HeldOut = Field(default_factory=HeldOut)
    product: Product = Field(default_factory=Product)

    @model_validator(mode="after")
    def _suits(self) -> Self:
        if (self.whitening == "random") != bool(self.projected):
            raise ValueError('projected is for whitening = "random", which needs it')
        if (self.product.whitening == "trained") != (self.whitening in ("learned", "random")):
            raise ValueError(
                'what learns between pooling and loss is in the product: set product.whitening = "trained"'
            )
        tuples = isinstance(self.loss, Contrastive | Triplet | WeakTriplet)
        if tuples and not self.drawing.negatives:
            raise ValueError(f'loss "{self.loss.kind}" needs negatives: set drawing.negatives')
        if not tuples and self.drawing.negatives:
            raise ValueError(
                f'loss "{self.loss.kind}" takes the photos of a step as negatives: leave drawing.negatives out'
            )
        several = isinstance(self.loss, WeakTriplet) and self.loss.positives > 1
        if self.second_order and several:
            raise ValueError("second_order takes one positive of each anchor: set loss.positives = 1, or leave it out")
        if isinstance(self.loss, Classification) and (self.second_order or self.frozen.distil):
            raise ValueError(
                'loss "classification" is of scores, and second_order and frozen.distil are of descriptors: leave '
                "them out"
            )
        return self
