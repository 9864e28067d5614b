"""Flickr100k: photos that turn Oxford5k into Oxford105k and Paris6k into Paris106k, all of them distractors.

Source: Philbin et al., Object retrieval with large vocabularies, CVPR 2007, section 2; the page "Flickr 100k Dataset"
of the Visual Geometry Group, University of Oxford, whose archive unpacks to oxc1_100k/TAG/*.jpg.
"""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

from resight.datasets.dataset import Dataset

IMAGES = 100_071
LAYOUT = """\
../oxc1_100k/TAG/*.jpg       100,071 photos of Flickr100k, beside FOLDER, as their archive unpacks"""


def with_flickr100k(dataset: Dataset, folder: Path, name: str) -> Dataset:
    """Returns the data set under the name `name`, with Flickr100k, oxc1_100k beside the folder, as distractors."""
    return replace(dataset, name=name, distractors=beside(folder, "oxc1_100k"), distractor_count=IMAGES)


def beside(folder: Path, name: str) -> Path:
    """Returns a folder beside another one, also where that is given as "."."""
    return Path(os.path.abspath(folder)).parent / name
