"""Paris6k and Paris106k: 11 landmarks of Paris with five queries each, which are boxes of photos.

Source: Philbin et al., Lost in quantization, CVPR 2008; the page "The Paris Dataset" of the Visual Geometry Group,
University of Oxford.
"""

from __future__ import annotations

from pathlib import Path

from resight.datasets.benchmarks import flickr100k
from resight.datasets.benchmarks.benchmark import Benchmark
from resight.datasets.benchmarks.buildings import Buildings, read_buildings
from resight.datasets.dataset import Dataset

CORRUPT = frozenset(
    {
        "paris_louvre_000136",
        "paris_louvre_000146",
        "paris_moulinrouge_000422",
        "paris_museedorsay_001059",
        "paris_notredame_000188",
        "paris_pantheon_000284",
        "paris_pantheon_000960",
        "paris_pantheon_000974",
        "paris_pompidou_000195",
        "paris_pompidou_000196",
        "paris_pompidou_000201",
        "paris_pompidou_000467",
        "paris_pompidou_000640",
        "paris_sacrecoeur_000299",
        "paris_sacrecoeur_000330",
        "paris_sacrecoeur_000353",
        "paris_triomphe_000662",
        "paris_triomphe_000833",
        "paris_triomphe_000863",
        "paris_triomphe_000867",
    }
)
"""The 20 of the 6,412 published photos that cannot be read: corrupt.txt on the authors' page."""

PARIS = Buildings(
    name="paris6k",
    landmarks=(
        "defense",
        "eiffel",
        "invalides",
        "louvre",
        "moulinrouge",
        "museedorsay",
        "notredame",
        "pantheon",
        "pompidou",
        "sacrecoeur",
        "triomphe",
    ),
    photo_folders=("jpg", "paris"),
    corrupt=CORRUPT,
)


def read_paris6k(folder: Path) -> Dataset:
    """Reads Paris6k from a folder without the corrupt photos; good and ok are positives, a query finds itself.

    Raises UsageError.

    Notes: Of several files gnd_paris6k.pkl takes precedence over gnd_paris6k.json, and that over the authors' text
    files. The photos may be in folders by landmark, as in the authors' archives, or in one folder, as for programs that
    read the gnd files. Boxes as in `read_oxford5k`. The list of corrupt photos was read from `eval_retrieval.py` of
    facebookresearch/deepcluster and from facebookresearch/vissl, which name the authors' corrupt.txt.
    """
    return read_buildings(folder, PARIS)


def read_paris106k(folder: Path) -> Dataset:
    """Reads Paris6k from a folder, with Flickr100k beside it. Raises UsageError."""
    return flickr100k.with_flickr100k(read_paris6k(folder), folder, "paris106k")


_LAYOUT = """\
jpg/paris_defense_000000.jpg ...          6,392 photos, those 20 that cannot be read may be there too; or
jpg/defense/paris_defense_000000.jpg ...  the same in folders; or
paris/defense/paris_defense_000000.jpg    the same as the authors' archives unpack
gnd_paris6k.pkl                           ground truth in common use; or
gnd_paris6k.json                          the same as JSON; or
*/defense_1_query.txt ...                 the authors' 220 text files, in FOLDER or any folder in it
The first of these that exists is used."""
_SOURCE = "The Paris Dataset, https://www.robots.ox.ac.uk/~vgg/data/parisbuildings/"

BENCHMARKS = (
    Benchmark(
        name="paris6k",
        title="Paris",
        images=6392,
        queries=55,
        source=_SOURCE,
        layout=_LAYOUT,
        confirmed=True,
        read=read_paris6k,
    ),
    Benchmark(
        name="paris106k",
        title="Paris and Flickr100k",
        images=6392,
        queries=55,
        source=f"{_SOURCE} and Flickr 100k Dataset, https://www.robots.ox.ac.uk/~vgg/data/oxbuildings/flickr100k.html",
        layout=f"{_LAYOUT}\n{flickr100k.LAYOUT}",
        confirmed=True,
        read=read_paris106k,
        extra=flickr100k.IMAGES,
    ),
)
