"""Oxford5k and Oxford105k: 11 buildings of Oxford with five queries each, which are boxes of photos.

Source: Philbin et al., Object retrieval with large vocabularies and fast spatial matching, CVPR 2007; the page "The
Oxford Buildings Dataset" of the Visual Geometry Group, University of Oxford.
"""

from __future__ import annotations

from pathlib import Path

from resight.datasets.benchmarks import flickr100k
from resight.datasets.benchmarks.benchmark import Benchmark
from resight.datasets.benchmarks.buildings import Buildings, read_buildings
from resight.datasets.dataset import Dataset

OXFORD = Buildings(
    name="oxford5k",
    landmarks=(
        "all_souls",
        "ashmolean",
        "balliol",
        "bodleian",
        "christ_church",
        "cornmarket",
        "hertford",
        "keble",
        "magdalen",
        "pitt_rivers",
        "radcliffe_camera",
    ),
)


def read_oxford5k(folder: Path) -> Dataset:
    """Reads Oxford5k from a folder; good and ok are positives, a query also finds itself. Raises UsageError.

    Notes: Of several files gnd_oxford5k.pkl takes precedence over gnd_oxford5k.json, and that over the authors' text
    files. Layout of the text files: the authors' page, and `eval_retrieval.py` of facebookresearch/deepcluster, which
    keeps them in lab/ beside jpg/. A box is used unchanged, x0, y0 and x1, y1 being corners of the pixel grid: the
    revisited benchmark's own programs count it from 0 and crop it half-open (filipradenovic/revisitop,
    python/example_process_images.py).
    """
    return read_buildings(folder, OXFORD)


def read_oxford105k(folder: Path) -> Dataset:
    """Reads Oxford5k from a folder, with Flickr100k beside it. Raises UsageError."""
    return flickr100k.with_flickr100k(read_oxford5k(folder), folder, "oxford105k")


_LAYOUT = """\
jpg/all_souls_000000.jpg ...  5,063 photos
gnd_oxford5k.pkl              ground truth in common use; or
gnd_oxford5k.json             the same as JSON; or
*/all_souls_1_query.txt ...   the authors' 220 text files, in FOLDER or any folder in it (_query, _good, _ok, _junk)
The first of these that exists is used."""
_SOURCE = "The Oxford Buildings Dataset, https://www.robots.ox.ac.uk/~vgg/data/oxbuildings/"

BENCHMARKS = (
    Benchmark(
        name="oxford5k",
        title="Oxford Buildings",
        images=5063,
        queries=55,
        source=_SOURCE,
        layout=_LAYOUT,
        confirmed=True,
        read=read_oxford5k,
    ),
    Benchmark(
        name="oxford105k",
        title="Oxford Buildings and Flickr100k",
        images=5063,
        queries=55,
        source=f"{_SOURCE} and its page Flickr 100k Dataset, flickr100k.html",
        layout=f"{_LAYOUT}\n{flickr100k.LAYOUT}",
        confirmed=True,
        read=read_oxford105k,
        extra=flickr100k.IMAGES,
    ),
)
