"""`resight show`: what is written, what is told, and what is refused."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from PIL import Image

from index_samples import collection, write
from resight.index.index import Index

if TYPE_CHECKING:
    from conftest import Run


@pytest.fixture(scope="module")
def vectors(tmp_path_factory: pytest.TempPathFactory, recipes: Path) -> Path:
    """An index of eight photos by one vector each."""
    folder = tmp_path_factory.mktemp("shown")
    index = Index.create(folder / "vlad.resight", recipes / "vlad.toml")
    index.add(write(folder / "photos", collection(4)))
    return folder / "vlad.resight"


def test_the_page_and_the_picture_are_written_where_asked(run: Run, vectors: Path, tmp_path: Path) -> None:
    for name in ("plane.html", "plane.PNG"):
        answer = run("show", "embedding", vectors, "-o", tmp_path / name, "--method", "mds", "--query", "01-0.png")
        assert (answer.exit_code, answer.stderr) == (0, "")
        assert answer.stdout == f"{tmp_path / name}: all 8 photos by multidimensional scaling\n"
    text = (tmp_path / "plane.html").read_text(encoding="utf-8")
    assert "<title>vlad.resight, by vlad</title>" in text
    assert '"name":"01-0.png"' in text
    with Image.open(tmp_path / "plane.PNG") as picture:
        assert picture.format == "PNG"


def test_the_default_names_are_told(run: Run, vectors: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    answer = run("show", "embedding", vectors, "--most", 5)
    assert answer.exit_code == 0
    assert answer.stdout == "embedding.html: 5 of 8 photos by Isomap\n"
    answer = run("show", "diffusion")
    assert answer.exit_code == 0
    assert answer.stdout.startswith("diffusion.html: 30 iterations on 330 points, query points ")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["diffusion.html", "embedding.html"]


def test_an_existing_file_wins_over_a_name_unless_the_name_is_forced(
    run: Run, vectors: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write(tmp_path, {"01-0.png": collection(3)["02-0.png"]})
    for forced, name in (((), "02-0.png"), (("--name",), "01-0.png")):
        answer = run("show", "embedding", vectors, "--method", "mds", "--query", "01-0.png", *forced)
        assert answer.exit_code == 0
        assert f'the query, <span class="name">{name}<' in (tmp_path / "embedding.html").read_text(encoding="utf-8")


def test_groups_come_from_a_file(run: Run, vectors: Path, tmp_path: Path) -> None:
    groups = tmp_path / "groups.json"
    groups.write_text(json.dumps({"00-0.png": "castle", "gone.png": "castle"}))
    answer = run("show", "embedding", vectors, "-o", tmp_path / "p.html", "--groups", groups)
    assert answer.exit_code == 0
    assert "1 names of" in answer.stderr
    assert ">castle</span> 1</button>" in (tmp_path / "p.html").read_text(encoding="utf-8")
    for text, message in (
        ('["a"]', "one JSON object"),
        ('{"00-0.png": 3}', "one JSON object"),
        ('{"gone.png": "castle"}', "none of its 1 names is in the index"),
        ("{", "not JSON"),
    ):
        groups.write_text(text)
        answer = run("show", "embedding", vectors, "-o", tmp_path / "q.html", "--groups", groups)
        assert answer.exit_code == 2
        assert message in answer.stderr
    assert not (tmp_path / "q.html").exists()


def test_diffusion_is_a_page_an_animation_or_a_picture(run: Run, tmp_path: Path) -> None:
    for suffix in ("html", "gif", "png"):
        path = tmp_path / f"toy.{suffix}"
        answer = run("show", "diffusion", "-o", path, "--point", 7, "--point", 120, "--iterations", 3, "-k", 8)
        assert (answer.exit_code, answer.stderr) == (0, "")
        assert answer.stdout == f"{path}: 3 iterations on 330 points, query points 7, 120\n"
    with Image.open(tmp_path / "toy.gif") as animation:
        assert animation.n_frames == 4  # type: ignore[attr-defined]
    answer = run("show", "diffusion", "-o", tmp_path / "toy.png", "--queries", 2, "--iterations", 1)
    assert len(answer.stdout.split("query points ")[1].split(", ")) == 2


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("diffusion", "-o", "toy.pdf"), "must end with one of .html, .htm, .gif, .png"),
        (("diffusion", "-o", "toy"), "must end with one of"),
        (("diffusion", "--point", "330"), "different points from 0 to 329"),
        (("diffusion", "--point", "3", "--point", "3"), "different points"),
        (("diffusion", "--queries", "301"), "from 1 to 300"),
        (("diffusion", "--alpha", "1"), "alpha is 1.0"),
        (("diffusion", "-k", "0"), "-k"),
        (("embedding", "INDEX", "-o", "plane.gif"), "must end with one of .html, .htm, .png"),
        (("embedding", "INDEX", "--method", "umap"), "one of isomap, mds, spectral, tsne"),
        (("embedding", "INDEX", "--query", "01-9.png"), 'the nearest name is "01-'),
        (("embedding", "INDEX", "--groups", "none.json"), "none.json: no such file"),
        (("embedding", "none.resight"), "none.resight"),
        (("nonsense",), "nonsense"),
    ],
)
def test_wrong_usage_is_told_and_writes_nothing(
    run: Run,
    vectors: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    arguments: tuple[str, ...],
    message: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    answer = run("show", *(vectors if one == "INDEX" else one for one in arguments))
    assert (answer.exit_code, answer.stdout) == (2, "")
    assert message in answer.stderr
    assert list(tmp_path.iterdir()) == []


def test_an_output_that_is_also_read_or_cannot_be_written_is_refused(run: Run, vectors: Path, tmp_path: Path) -> None:
    page = tmp_path / "a.html"
    page.write_text("kept")
    assert run("show", "embedding", vectors, "-o", page, "--groups", page).exit_code == 2
    assert page.read_text() == "kept"
    (tmp_path / "b.html").mkdir()
    assert run("show", "diffusion", "-o", tmp_path / "b.html").exit_code == 1


def test_an_index_of_words_is_told_which_recipes_can(run: Run, own_photos: Path, tmp_path: Path) -> None:
    run("index", own_photos, "-o", tmp_path / "words.resight", "--recipe", "sift-asmk")
    answer = run("show", "embedding", tmp_path / "words.resight", "-o", tmp_path / "p.html")
    assert answer.exit_code == 2
    assert "sift-vlad" in answer.stderr
    assert not (tmp_path / "p.html").exists()


def test_help_loads_nothing_that_is_heavy() -> None:
    heavy = "numpy", "scipy", "sklearn", "PIL", "cv2", "torch"
    code = f"import resight.cli.show, sys; print(*(name for name in {heavy!r} if name in sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "\n"


def test_words_are_drawn_with_those_of_a_query(run: Run, indexed: Path, world_folder: Path, tmp_path: Path) -> None:
    recipe, path, picture = tmp_path / "bow.toml", tmp_path / "bow.resight", tmp_path / "words.png"
    recipe.write_text('name = "small"\n[words]\nkind = "bow"\nsize = 16\nfit = "collection"\n')
    Index.create(path, recipe).add(world_folder / "images")
    photo = world_folder / "images" / "poster-02_2.jpg"
    answer = run("show", "words", path, "poster-02_1.jpg", "--query", photo, "--box", "0,0,200,200", "-o", picture)
    assert answer.exit_code == 0, answer.output
    assert answer.stdout.endswith("words.png: words, query, shared words\n")
    with Image.open(picture) as shown:
        assert shown.width > 400
    assert run("show", "words", path, "poster-02_1.jpg", "--box", "0,0,9,9", "-o", picture).exit_code == 2
    assert run("show", "words", path, "nothing.jpg", "-o", picture).exit_code == 2
    refused = run("show", "words", indexed, "poster-02_1.jpg", "-o", picture)
    assert refused.exit_code == 2
    assert "no bags of words" in refused.output


def test_hard_examples_are_a_picture_of_a_query(run: Run, vectors: Path, tmp_path: Path) -> None:
    asked = ("show", "embedding", vectors, "--method", "mds")
    answer = run(*asked, "--query", "01-0.png", "--hard", "-o", tmp_path / "hard.png")
    assert (answer.exit_code, answer.stderr) == (0, "")
    assert (tmp_path / "hard.png").is_file()
    for refused in (("--hard", "-o", "x.png"), ("--hard", "--query", "01-0.png", "-o", "x.html")):
        assert run(*asked, *refused).exit_code == 2


def test_one_iteration_of_so_many_is_drawn(run: Run, tmp_path: Path) -> None:
    for name in ("steps.gif", "steps.png"):
        answer = run("show", "diffusion", "--iterations", 60, "--every", 30, "-o", tmp_path / name)
        assert answer.exit_code == 0, answer.output
    with Image.open(tmp_path / "steps.gif") as animation:
        assert animation.n_frames == 3
    assert run("show", "diffusion", "--every", 30, "-o", tmp_path / "x.html").exit_code == 2


def test_pairs_weightings_and_curves_are_drawn(run: Run, tmp_path: Path) -> None:
    photos = write(tmp_path / "photos", collection(2))
    first, second = sorted(photos.iterdir())[:2]
    for words in (("matches", first, second), ("weighting", "--level", 2), ("curve", "--points", 3)):
        target = tmp_path / f"{words[0]}.png"
        answer = run("show", *words, "-o", target)
        assert answer.exit_code == 0, answer.output
        assert answer.stdout.startswith(f"{target}: ")
        with Image.open(target) as picture:
            assert picture.format == "PNG"


def test_channels_need_feature_maps(run: Run, tmp_path: Path) -> None:
    (photo,) = list(write(tmp_path / "photos", collection(1)).iterdir())[:1]
    answer = run("show", "channels", photo, "--recipe", "sift-vlad", "-o", tmp_path / "x.png")
    assert answer.exit_code == 2
    assert "no feature maps of one layer" in answer.stderr
