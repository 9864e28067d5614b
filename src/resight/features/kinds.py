"""Parameters of the kinds of features; importing them imports no implementation."""

from __future__ import annotations

from pathlib import PurePath
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from resight.features.edges.kinds import EdgeOrientations, Edges
from resight.features.naming import JOINED, settings
from resight.features.networks.kinds import Checkpoint, NetworkName
from resight.features.saliency.kinds import SaliencyName

_NAMED_BY_ITSELF = {"kind", "max_side", "network", "checkpoint", "layer"}
_HOW_IT_IS_RUN = {
    "precision",
    "runtime",
    "box",
    "boxes_file",
    "enlarge_to",
    "saliency_folder",
    "context",
    "views",
}
"""Fields of a network's features that are no part of the names of its fits; maps and boxes are whatever files have."""
_USED_BY_REGIONS: dict[str, set[str]] = {
    "grid": {"levels"},
    "rigid": {"cells"},
    "pyramid": {"levels"},
    "dense": {"side", "step"},
    "proposals": {"most"},
    "files": {"boxes_file"},
}
"""The parameters of each kind of parts of a photo; others have none."""


class Sift(BaseModel):
    """Difference-of-Gaussians keypoints with SIFT descriptors (Lowe, IJCV 2004).

    Source: "Distinctive image features from scale-invariant keypoints".
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Literal["sift"] = "sift"
    # The strongest that are kept of an image. Ours: 32 kB of index for 1000 features; a 1024-pixel photo has 1 to 4
    # thousand.
    max_features: int = Field(default=1000, ge=1, le=1_000_000)
    # Long side in pixels to which an image is reduced first: the 1024 of Radenovic et al., TPAMI 2019, section 5.
    max_side: int = Field(default=1024, ge=16, le=65_535)
    # A query whose long side is shorter is enlarged to it, because small photos and boxes have too few keypoints to
    # match; 0 leaves queries as they are. Ours.
    enlarge_to: int = Field(default=0, ge=0, le=65_535)
    # Least contrast of a keypoint and greatest ratio of its principal curvatures: Lowe 2004, sections 4 and 4.1, the
    # contrast in OpenCV's scaling (Lowe's 0.03 is 0.09 there, 0.04 is OpenCV's own default and finds more).
    contrast_threshold: float = Field(default=0.04, ge=0.0, le=1e6)
    edge_threshold: float = Field(
        default=10.0, gt=0.0, le=1e6, description="Greatest ratio of a keypoint's principal curvatures: Lowe 2004."
    )
    # Whether descriptors are taken upright instead of along the dominant gradient: Perdoch, Chum and Matas, "Efficient
    # representation of local geometry for large scale object retrieval", CVPR 2009 (the "gravity vector").
    upright: bool = False
    # RootSIFT: Arandjelovic and Zisserman, "Three things everyone should know to improve object retrieval", CVPR 2012,
    # section 2. Of SIFT, it alone makes other vectors.
    root: bool = True

    @property
    def shipped_as(self) -> str:
        """The name of the features in what ships."""
        return "sift" if self.root else "sift-without-root"

    def seen(self, what: str = "") -> str:
        """Returns the name of the sample of a fit."""
        return "RootSIFT" if self.root else "SIFT"


class NetworkFeatures(BaseModel):
    """The parameters of all features that a network gives."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    network: NetworkName = Field(
        description='The architecture; layers are called as torchvision calls them. "onnx": that of an ONNX file.'
    )
    checkpoint: Checkpoint = Field(description="Its weights, and the input that they were trained on.")
    # As the field names layers: "conv5_3", "pool5", "layer4", "features.14.expand", "fc6".
    # Of an ONNX file an output; empty: the one that its metadata calls "layer", or the only one.
    layer: str = Field(default="", description="Whose maps are taken.")
    precision: Literal["float32", "bfloat16"] = Field(default="float32", description="Of the network's arithmetic.")
    # "auto" measures at first use those that are installed and can run the network. "onnxruntime" runs mobilenet_v2 and
    # efficientnet_lite0 from .safetensors, and ONNX files.
    runtime: Literal["auto", "torch", "onnxruntime", "openvino"] = "auto"

    @model_validator(mode="after")
    def _named(self) -> Self:
        if not self.layer and self.network != "onnx":
            raise ValueError(f"which layer of {self.network} is meant? name it by layer")
        return self

    @property
    def shipped_as(self) -> str:
        """The name of the features in what ships: the weights, the layer, and what changes their vectors."""
        return "-".join([self.checkpoint.source, self.layer, *self._details()])

    def seen(self, what: str = "") -> str:
        """Returns the name of the sample of a fit: `what` of the layer, or else the features themselves."""
        return " ".join([f"{what or getattr(self, 'kind', '')} of {self.network} {self.layer}", *self._details()])

    def _details(self) -> list[str]:
        """Returns the fields of the features and of the input that are no name of their own."""
        own = settings(self, self._unnamed())
        return [*own, *settings(self.checkpoint, {"source", "sha256", "seed"})]

    def _unnamed(self) -> set[str]:
        """Returns the fields that are no part of the names of fits."""
        return _NAMED_BY_ITSELF | _HOW_IT_IS_RUN


class ScaledFeatures(NetworkFeatures):
    """Of the whole photo, its aspect kept."""

    # Long side in pixels to which an image is reduced first; a smaller one stays as it is. A box of a query is cropped
    # and reduced by the factor of the whole photo: Radenovic et al., TPAMI 2019, section 5.
    max_side: int = Field(default=1024, ge=16, le=65_535)
    # Of the reduced image, bilinear without antialiasing: 1, 1/sqrt(2), 1/2 in Radenovic et al., TPAMI 2019, section 5.
    scales: tuple[Annotated[float, Field(gt=0.0, le=4.0)], ...] = Field(default=(1.0,), min_length=1, max_length=16)
    # A query whose long side is shorter, or a box that is shown by fewer pixels, is enlarged to it: things on small
    # photos are too small for a network that was trained on larger ones. 0 leaves queries as they are. Ours.
    enlarge_to: int = Field(default=0, ge=0, le=65_535)
    # What becomes of the box of a query: the photo is cropped to it, or run whole and its map masked.
    box: Literal["crop", "mask"] = "crop"
    # Mohedano et al., CBMI 2018, weigh the photos of the collection, and no query. Left out: all positions count alike.
    saliency: SaliencyName | None = Field(
        default=None, description='How much positions of indexed photos count: a weighting by name, "files" or "onnx".'
    )
    saliency_folder: str | None = Field(
        default=None,
        min_length=1,
        max_length=4096,
        description='Of saliency = "files": whole path of PNG maps.',
    )

    saliency_model: Checkpoint | None = Field(
        default=None, description='Of saliency = "onnx": the file, which gives one map of a photo, and its input.'
    )
    # The file's own where it takes one size alone, else that of its metadata, else that of the photo.
    saliency_size: tuple[Annotated[int, Field(ge=1, le=8192)], Annotated[int, Field(ge=1, le=8192)]] | None = Field(
        default=None, description="Width and height to which photos are warped for the model of saliency."
    )

    @model_validator(mode="after")
    def _model_is_named(self) -> Self:
        if (self.saliency == "onnx") != (self.saliency_model is not None):
            raise ValueError('saliency = "onnx" and saliency_model go together: give both, or leave both out')
        if self.saliency_model is not None and not self.saliency_model.source.endswith(".onnx"):
            raise ValueError(f"saliency_model is {self.saliency_model.source}: name an ONNX file, FILE.onnx")
        if self.saliency_size is not None and self.saliency_model is None:
            raise ValueError("saliency_size is of saliency_model: give both, or leave it out")
        return self

    @model_validator(mode="after")
    def _files_have_a_folder(self) -> Self:
        if (self.saliency == "files") != (self.saliency_folder is not None):
            raise ValueError('saliency = "files" and saliency_folder go together: give both, or leave both out')
        # An index carries its recipe with it: from there a relative path would lead elsewhere.
        if self.saliency_folder is not None and not PurePath(self.saliency_folder).is_absolute():
            raise ValueError(f"saliency_folder is {self.saliency_folder}: write the whole path, from the root")
        return self

    @field_validator("scales")
    @classmethod
    def _differ(cls, value: tuple[float, ...]) -> tuple[float, ...]:
        if len(set(value)) != len(value):
            raise ValueError("scales differ from each other")
        return value


class Maps(ScaledFeatures):
    """Feature maps of one layer of a convolutional network, at one scale of the image or several."""

    kind: Literal["maps"] = "maps"


class ClassMaps(ScaledFeatures):
    """Feature maps of one layer, and where classes are seen on them.

    The classes are seen by the maps of the last layer and the classifier right after it (Zhou et al., "Learning deep
    features for discriminative localization", CVPR 2016).
    """

    kind: Literal["class-maps"] = "class-maps"


class EdgeMaps(NetworkFeatures, Edges):
    """Feature maps of a network that sees the edges of a photo, or the lines of a drawing, and no colours.

    Source: Radenovic, Tolias & Chum, "Deep shape matching", ECCV 2018.

    Notes: the three channels of the network's input are the same edges, which gives what a first layer summed over RGB
    gives of one channel. The mean of the checkpoint is to be 0.
    """

    kind: Literal["edges"] = "edges"
    # ECCV 2018, section 3.3: five scales, and each mirrored.
    scales: tuple[Annotated[float, Field(gt=0.0, le=4.0)], ...] = Field(default=(1.0,), min_length=1, max_length=16)
    mirror: bool = Field(default=False, description="Whether the mirrored edges count as well.")

    @property
    def max_side(self) -> int:
        """Long side in pixels of a photo whose edges fill the frame of the largest scale."""
        return self.detail(max(self.scales))


class JoinedMaps(BaseModel):
    """Feature maps of several layers, or of several networks, of the same photo.

    Those of one network at the same sizes come from one pass.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Literal["joined"] = "joined"
    parts: tuple[Maps, ...] = Field(
        min_length=2, max_length=16, description="One table for each layer: keys of `maps`."
    )

    @property
    def shipped_as(self) -> str:
        """The names of the parts in what ships."""
        return JOINED.join(part.shipped_as for part in self.parts)

    def seen(self, what: str = "") -> str:
        """Returns the names of the samples of the parts."""
        return JOINED.join(part.seen(what) for part in self.parts)


class Convolutional(ScaledFeatures):
    """Every position of a feature map as a local feature (Ng, Yang & Davis, CVPR 2015 workshops).

    Source: "Exploiting local features from deep networks for image retrieval".
    """

    kind: Literal["convolutional"] = "convolutional"
    # How many times as many positions along each side, interpolated between those of the map; Mohedano et al., "Bags of
    # local convolutional features for scalable instance search", ICMR 2016, section 3, take 2.
    upsampling: int = Field(default=1, ge=1, le=8)
    # Mohedano et al., ICMR 2016, section 5: "whole" is their global search, "fading" their weighting of the background.
    context: Literal["none", "fading", "whole"] = Field(
        default="none",
        description="What of a query counts outside of its box: nothing, less with the distance, or all of it alike.",
    )
    # Mohedano et al., ICMR 2016, section 5: the words of all views are one bag.
    views: Literal["plain", "mirror", "zoom", "both"] = Field(
        default="plain", description="A query is also seen mirrored, or its middle half enlarged, or both."
    )

    @model_validator(mode="after")
    def _context_is_seen(self) -> Self:
        if self.context != "none" and self.box != "mask":
            raise ValueError(f'context = "{self.context}" counts what is outside of a box: set box = "mask"')
        return self


RegionsName = Literal["whole", "grid", "rigid", "pyramid", "dense", "patches", "proposals", "files"]
"""The parts of a photo: `features.regions.sources`."""


class RegionFeatures(NetworkFeatures):
    """Of parts of the photo, and of the whole photo before them."""

    # Long side in pixels to which a photo is reduced first; parts are those of the reduced photo.
    max_side: int = Field(default=1024, ge=16, le=65_535)
    # "grid": the squares of R-MAC's grid over the pixels. "rigid": `cells` x `cells` boxes that divide the photo.
    # "pyramid": 2 x 2, 4 x 4, ... of them (Lazebnik, Schmid & Ponce, CVPR 2006). "dense": squares of a part of the
    # short side, at equal steps. "patches": squares of a half and a quarter of the side of the photo, warped to a
    # square, every eighth of it (Gong et al., "Multi-scale orderless pooling of deep convolutional activation
    # features", ECCV 2014, section 3). "proposals": selective search (Uijlings et al., IJCV 2013). "files": boxes of
    # `boxes_file`, such as a detector's. "whole": none but the photo.
    regions: RegionsName = "whole"
    levels: int = Field(default=3, ge=1, le=8, description="Of the grid, and of the pyramid with the photo.")
    cells: int = Field(default=3, ge=1, le=64, description="Of the rigid grid along each side.")
    side: float = Field(default=0.5, gt=0.0, le=1.0, description="Of dense squares, as a part of the short side.")
    step: float = Field(default=0.25, gt=0.0, le=1.0, description="Between them, as a part of the short side.")
    most: int = Field(default=100, ge=1, le=10_000, description="Proposals of a photo, of all sizes.")
    # Names of photos as in the index, boxes as x0, y0, x1, y1 in pixels of the upright original, in JSON or CSV.
    boxes_file: str | None = Field(
        default=None,
        min_length=1,
        max_length=4096,
        description='Of regions = "files": a whole path, or the name of a file in the folder of RESIGHT_WEIGHTS.',
    )

    @model_validator(mode="after")
    def _regions_use_what_is_given(self) -> Self:
        used = _USED_BY_REGIONS.get(self.regions, set())
        given = set().union(*_USED_BY_REGIONS.values()) & self.model_fields_set
        if unused := sorted(given - used):
            raise ValueError(f'regions = "{self.regions}" do not use {", ".join(unused)}: leave it out')
        if self.regions == "files" and self.boxes_file is None:
            raise ValueError('regions = "files" are those of a file: name it by boxes_file')
        return self

    def _unnamed(self) -> set[str]:
        unused = set().union(*_USED_BY_REGIONS.values()) - _USED_BY_REGIONS.get(self.regions, set())
        # Names of all regions have the levels.
        return super()._unnamed() | (unused - {"levels"})


class Codes(RegionFeatures):
    """Activations of a layer, often a fully connected one, for the photo or parts of it: multiple passes.

    Each part is warped to the size that the network was trained on, and the network is run on it: Babenko et al.,
    "Neural codes for image retrieval", ECCV 2014, section 2; of the squares of a grid Razavian et al., ITE Transactions
    on Media Technology and Applications 2016, section 3.
    """

    kind: Literal["codes"] = "codes"


class RegionMaps(RegionFeatures):
    """The largest activation of each channel in parts of the photo, on one feature map of it: a single pass.

    Source: Tolias, Sicre & Jegou, ICLR 2016, of the squares of a grid; of boxes of a detector Salvador et al., "Faster
    R-CNN features for instance search", CVPR 2016 workshops.
    """

    kind: Literal["region-maps"] = "region-maps"

    @model_validator(mode="after")
    def _is_not_warped(self) -> Self:
        if self.regions == "patches":
            raise ValueError('regions = "patches" are those of a photo that is warped to a square: take kind = "codes"')
        return self


FeaturesKind = Annotated[
    Sift | Maps | EdgeMaps | EdgeOrientations | ClassMaps | JoinedMaps | Convolutional | Codes | RegionMaps,
    Field(discriminator="kind"),
]


def saliency_model_of(features: NetworkFeatures) -> Checkpoint | None:
    """The file of the model that weighs the positions of these features, if one does."""
    return features.saliency_model if isinstance(features, ScaledFeatures) else None


def networks_of(features: FeaturesKind) -> tuple[NetworkFeatures, ...]:
    """The features that one network each gives, of which these are made; none for local features of pixels."""
    if isinstance(features, JoinedMaps):
        return features.parts
    return (features,) if isinstance(features, NetworkFeatures) else ()
