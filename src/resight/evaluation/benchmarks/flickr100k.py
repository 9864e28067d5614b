"""Flickr100k: the photos that turn Oxford5k into Oxford105k and Paris6k into Paris106k, where none of them is right.

Source: Philbin et al., Object retrieval with large vocabularies, CVPR 2007, section 2; the page "Flickr 100k Dataset"
of the Visual Geometry Group, University of Oxford, whose archive unpacks to oxc1_100k/TAG/*.jpg.
"""

from __future__ import annotations

import os
from pathlib import Path

IMAGES = 100_071
LAYOUT = """\
../oxc1_100k/TAG/*.jpg       100,071 photos of Flickr100k, beside FOLDER, as their archive unpacks"""


def flickr100k(folder: Path) -> Path:
    """Where the photos are: oxc1_100k beside the folder of the data set."""
    return beside(folder, "oxc1_100k")


def beside(folder: Path, name: str) -> Path:
    """A folder beside another one, also where that is called "."."""
    return Path(os.path.abspath(folder)).parent / name
