"""PACS: seven classes of things as photos, art paintings, cartoons and sketches."""

from __future__ import annotations

from pathlib import Path

from resight.datasets.benchmarks.benchmark import Benchmark
from resight.datasets.dataset import ALL, Dataset, JudgedQuery, Rules
from resight.errors import ImageError, UsageError
from resight.folders.walking import find_images

DOMAINS = ("art_painting", "cartoon", "photo", "sketch")


def read_pacs(folder: Path) -> Dataset:
    """Reads the images, each a query for its class in the three other domains; images of its own domain are junk.

    acc@1 is then how often the nearest image of the other domains is of the right class, and the figures by group are
    those of the domains held out in turn.

    Source: Li et al., Deeper, Broader and Artier Domain Generalization, ICCV 2017; the folders from the archive as
    facebookresearch/DomainBed, domainbed/datasets.py, reads it. Raises UsageError that names the missing folder, or the
    image outside of all.

    Notes: the authors publish no retrieval protocol. They train a classifier on three domains and give its accuracy on
    the fourth; holding out a domain is kept, but the figures here are not comparable with theirs.
    """
    kinds: dict[str, tuple[str, str]] = {}
    for domain in DOMAINS:
        for found in find_images(folder / domain, _refuse):
            kind, slash, _ = found.name.partition("/")
            if not slash:
                raise UsageError(f"{found.path}: is not in the folder of a class, as in {folder / domain / 'dog'}")
            kinds[f"{domain}/{found.name}"] = domain, kind
    if not kinds:
        raise UsageError(f"{folder}: there is no image in {', '.join(DOMAINS)}")
    in_domain = {domain: frozenset(name for name, (own, _) in kinds.items() if own == domain) for domain in DOMAINS}
    of_class: dict[str, frozenset[str]] = {
        kind: frozenset(name for name, (_, own) in kinds.items() if own == kind)
        for kind in {kind for _, kind in kinds.values()}
    }
    # Each set is made once and shared by its thousands of queries.
    elsewhere = {(domain, kind): of_class[kind] - in_domain[domain] for domain, kind in {*kinds.values()}}
    queries = tuple(
        JudgedQuery(id=name, image=name, positives=elsewhere[domain, kind], junk=in_domain[domain], group=domain)
        for name, (domain, kind) in kinds.items()
    )
    return Dataset("pacs", folder, tuple(kinds), {ALL: queries}, rules=Rules(measure="acc@1"))


def _refuse(error: ImageError) -> None:
    raise error


BENCHMARKS = (
    Benchmark(
        name="pacs",
        title="PACS: photos, art paintings, cartoons and sketches, each found in the other three",
        images=9991,
        queries=9991,
        source="Li et al., Deeper, Broader and Artier Domain Generalization: "
        "http://www.eecs.qmul.ac.uk/~dl307/project_iccv2017",
        layout=(
            "art_painting/CLASS/NAME.jpg\ncartoon/CLASS/NAME.jpg\nphoto/CLASS/NAME.jpg\nsketch/CLASS/NAME.png\n"
            "the folders are as published; the retrieval protocol is this program's own"
        ),
        confirmed=False,
        read=read_pacs,
    ),
)
