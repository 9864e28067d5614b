"""Evaluation from the command line, and the demo."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from resight.cli.demo import demonstrate
from resight.cli.evaluate import judge_run, print_result
from resight.datasets.dataset import Dataset, JudgedQuery
from resight.evaluation.result import Costs, EvaluationResult, Protocol, QueryResult, Unreadable

if TYPE_CHECKING:
    from conftest import Run


def test_figures_are_printed_by_challenge_and_in_all(capsys: pytest.CaptureFixture[str]) -> None:
    queries = tuple(
        QueryResult(id=challenge, image="q", positives=1, ranks=(rank,), seconds=0.5, group=challenge)
        for rank, challenge in enumerate(("blur", "turn"))
    )
    print_result(
        EvaluationResult(
            recipe="sift-bow",
            dataset="folder",
            protocol=Protocol(database=2, distractors=3, queries=2),
            settings={"all": queries},
            unreadable=(Unreadable(image="bad\x1b.jpg", reason="truncated JPEG"),),
            costs=Costs(bytes_per_image=1000.0),
        )
    )
    out, err = capsys.readouterr()
    lines = out.split("\n")
    assert lines[0] == "sift-bow on folder: 2 queries, 2 images and 3 distractors, trapezoid AP"
    assert lines[1].split() == ["mAP", "P@1", "P@5", "P@10", "mP@5", "mP@10", "95", "%", "interval", "of", "mAP"]
    assert lines[2].split()[:3] == ["blur", "1.0000", "1.0000"]
    assert lines[3].split()[:3] == ["turn", "0.2500", "0.0000"]
    assert lines[4].split()[:4] == ["all", "queries", "0.6250", "0.5000"]
    assert lines[4].split()[-2:] == ["[0.2500,", "1.0000]"]
    assert lines[5:7] == ["search  500.0 ms a query", "bytes   1000.0 an image"]
    assert err == "unreadable: bad\\x1b.jpg: truncated JPEG\n"


def test_the_document_says_what_was_measured_and_how(run: Run, world_folder: Path, tmp_path: Path) -> None:
    written = tmp_path / "result.json"
    answer = run("evaluate", world_folder, "--recipe", "sift-asmk-spatial", "--json", "--output", written)
    assert answer.exit_code == 0
    document = json.loads(answer.stdout)
    assert written.read_text() == answer.stdout
    assert document["recipe"] == "sift-asmk-spatial"
    assert document["protocol"]["ap"] == "trapezoid"
    assert document["protocol"]["crop"] == "none"
    assert document["protocol"]["junk"].startswith("removed")
    assert document["protocol"]["reranking_saw_ground_truth"] is False
    assert document["metrics"]["mAP"] > 0.9
    queries = document["settings"]["all"]["queries"]
    assert len(queries) == 8
    assert queries[0]["hits"][0]["mark"] in ("right", "junk")
    assert set(document["settings"]["all"]["groups"]) == {query["group"] for query in queries}
    assert document["seconds_per_query"] > 0
    assert document["costs"]["index_seconds"] > 0
    assert document["costs"]["bytes_per_image"] > 1000
    assert document["costs"]["words_per_image"] > 10
    assert document["made"]["main"] == {"what": "words", "size": 16_384, "asked": 16_384}
    assert document["recipe_text"].endswith("\n")
    assert document["seed"] == 0
    assert {"resight", "python", "numpy"} <= set(document["versions"])


def test_distractors_may_have_the_names_of_database_photos(run: Run, world_folder: Path, tmp_path: Path) -> None:
    truth = json.loads((world_folder / "groundtruth.json").read_text())
    photos = world_folder / "images"
    (tmp_path / "set/images").mkdir(parents=True)
    (tmp_path / "more").mkdir()
    kept = [name for name in truth["images"] if name.startswith("poster")]
    queries = [query for query in truth["queries"] if query["image"].startswith("poster")]
    for name in kept:
        shutil.copy(photos / name, tmp_path / "set/images")
        shutil.copy(
            photos / name.replace("poster-02", "package-01").replace("occlusion", "rotation").replace("blur", "light"),
            tmp_path / "more" / name,
        )
    (tmp_path / "set/groundtruth.json").write_text(json.dumps({"images": kept, "queries": queries}))
    answer = run("evaluate", tmp_path / "set", "--recipe", "sift-asmk", "--distractors", tmp_path / "more", "--json")
    document = json.loads(answer.stdout)
    assert (document["protocol"]["database"], document["protocol"]["distractors"]) == (4, 4)
    assert document["metrics"]["mAP"] > 0.5


def test_names_that_look_like_escapes_are_evaluated(run: Run, world_folder: Path, tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    names = {"a%FF.jpg": "poster-02_1.jpg", "é b.jpg": "poster-02_2.jpg", "q%25.jpg": "poster-02_blur_2.jpg"}
    for name, photo in names.items():
        shutil.copy(world_folder / "images" / photo, tmp_path / "images" / name)
    query = {"image": "q%25.jpg", "positives": ["a%FF.jpg", "é b.jpg"], "junk": ["q%25.jpg"]}
    (tmp_path / "groundtruth.json").write_text(json.dumps({"images": list(names), "queries": [query]}))
    document = json.loads(run("evaluate", tmp_path, "--recipe", "sift-asmk", "--json").stdout)
    assert document["metrics"]["mAP"] == 1.0


def test_a_run_that_was_saved_is_judged_the_same(run: Run, world_folder: Path, tmp_path: Path) -> None:
    runs, qrels, index = tmp_path / "ours.run", tmp_path / "world.qrels", tmp_path / "world.resight"
    saving = ("--save-run", runs, "--save-qrels", qrels, "--index", index)
    ours = run("evaluate", world_folder, "--recipe", "sift-asmk", *saving, "--json")
    assert ours.exit_code == 0, ours.stderr
    by_folder = json.loads(run("evaluate", world_folder, "--run", runs, "--json").stdout)
    by_qrels = json.loads(run("evaluate", "--qrels", qrels, "--run", runs, "--json").stdout)
    wanted = [query["ranks"] for query in json.loads(ours.stdout)["settings"]["all"]["queries"]]
    for document in (by_folder, by_qrels):
        assert [query["ranks"] for query in document["settings"]["all"]["queries"]] == wanted
        assert document["recipe"] == "ours"
        assert document["recipe_text"] is None
    assert by_folder["settings"]["all"]["groups"] == json.loads(ours.stdout)["settings"]["all"]["groups"]
    again = json.loads(run("evaluate", world_folder, "--recipe", "sift-asmk", "--index", index, "--json").stdout)
    assert again["costs"]["index_seconds"] is None
    assert [query["ranks"] for query in again["settings"]["all"]["queries"]] == wanted


def test_queries_may_be_missing_only_where_that_is_said(run: Run, tmp_path: Path) -> None:
    (tmp_path / "x.qrels").write_text("q 0 a 1\nr 0 a 1\n")
    (tmp_path / "x.run").write_text("q Q0 a 1 0.5 x\n")
    arguments = ("evaluate", "--qrels", tmp_path / "x.qrels", "--run", tmp_path / "x.run")
    refused = run(*arguments)
    assert refused.exit_code == 2
    assert "1 of 2 queries are missing: r" in refused.stderr
    allowed = run(*arguments, "--allow-missing", "--json")
    assert allowed.stderr == "Note: 1 of 2 queries are missing and count as queries that found nothing.\n"
    assert json.loads(allowed.stdout)["metrics"]["mAP"] == 0.5


def test_a_run_without_the_distractors_of_its_benchmark_is_remarked(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    query = JudgedQuery("q", "q.jpg", frozenset({"a.jpg"}))
    data = Dataset("set", tmp_path, ("a.jpg",), {"all": (query,)}, distractor_count=1000)
    path = tmp_path / "x.run"
    path.write_text("q Q0 a.jpg 1 0.5 x\n")
    judge_run(path, data, False)
    assert capsys.readouterr().err == "Note: the run has none of the 1,000 distractors; was it made without them?\n"
    path.write_text("q Q0 a.jpg 1 0.5 x\nq Q0 distractors/a.jpg 2 0.4 x\n")
    judge_run(path, data, False)
    assert capsys.readouterr().err == ""


def test_parts_of_settings_are_told_from_settings(capsys: pytest.CaptureFixture[str]) -> None:
    def asked(*positives: int) -> tuple[QueryResult, ...]:
        return tuple(
            QueryResult(id=str(n), image="", positives=count, ranks=(), seconds=None, box=(0, 0, n + 1, 9))
            for n, count in enumerate(positives)
        )

    # As judged by a qrels file, which does not say how many images were searched.
    protocol = Protocol(database=0, distractors=0, queries=3)
    settings = {"easy": asked(1, 0, 1), "medium": asked(1, 1, 1)}
    print_result(EvaluationResult(recipe="ours", dataset="set", protocol=protocol, settings=settings, main="medium"))
    lines = capsys.readouterr().out.split("\n")
    assert lines[0] == "ours on set: 3 queries, trapezoid AP"
    assert [line[2:].partition("  ")[0] for line in lines if line.startswith(("  easy", "  medium"))] == [
        "easy: small boxes",
        "easy: medium boxes",
        "easy: large boxes",
        "easy: 2 queries with positives",
        "medium: small boxes",
        "medium: medium boxes",
        "medium: large boxes",
        "medium: all queries",
    ]


def test_queries_without_positives_have_no_figure(run: Run, tmp_path: Path) -> None:
    (tmp_path / "x.qrels").write_text("q 0 a -1\n")
    (tmp_path / "x.run").write_text("q Q0 a 1 0.5 x\n")
    out = run("evaluate", "--qrels", tmp_path / "x.qrels", "--run", tmp_path / "x.run").stdout
    assert "nan" not in out
    assert "[-, -]" in out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "name the --recipe to judge"),
        (("--recipe", "sift-bow"), "name either the FOLDER"),
        (("folder", "--qrels", "x", "--run", "y"), "name either the FOLDER"),
        (("folder", "--recipe", "sift-bow", "--run", "y"), "exclude each other"),
        (("--qrels", "x", "--recipe", "sift-bow"), "--qrels judges a run"),
        (("folder", "--run", "y", "--index", "z"), "--index goes with --recipe"),
        (("folder", "--run", "y", "--save-run", "z"), "--save-run goes with --recipe"),
        (("folder", "--recipe", "sift-bow", "--allow-missing"), "--allow-missing goes with --run"),
        (("folder", "--save-qrels", "y", "--json"), "--json goes with --recipe or --run"),
    ],
)
def test_options_that_do_not_go_together_are_refused(run: Run, arguments: tuple[str, ...], message: str) -> None:
    answer = run("evaluate", *arguments)
    assert answer.exit_code == 2
    assert message in answer.stderr


@pytest.mark.parametrize(
    ("outputs", "message"),
    [
        (("--output", "groundtruth.json"), "--output"),
        (("--output", "x.run"), "--output"),
        (("--save-qrels", "x.run"), "--save-qrels"),
        (("--save-qrels", "images/../new", "--output", "new"), "--save-qrels"),
    ],
)
def test_nothing_that_is_read_or_written_is_written_over(
    run: Run, tmp_path: Path, outputs: tuple[str, ...], message: str
) -> None:
    (tmp_path / "images").mkdir()
    for name in ("groundtruth.json", "x.run"):
        (tmp_path / name).write_text("kept")
    paths = [one if one.startswith("--") else tmp_path / one for one in outputs]
    answer = run("evaluate", tmp_path, "--run", tmp_path / "x.run", *paths)
    assert answer.exit_code == 2
    assert f"{message} {tmp_path}" in answer.stderr
    assert "this command reads or writes that file already" in answer.stderr
    assert not (tmp_path / "new").exists()
    assert {(tmp_path / name).read_text() for name in ("groundtruth.json", "x.run")} == {"kept"}


@pytest.mark.parametrize("place", [os.devnull, "file/below"])
def test_a_result_that_cannot_be_written_is_told_before_anything_is_done(run: Run, tmp_path: Path, place: str) -> None:
    (tmp_path / "file").touch()
    answer = run("evaluate", tmp_path, "--recipe", "sift-bow", "--output", tmp_path / place)
    assert answer.exit_code == 1
    assert f"--output {tmp_path / place}: " in answer.stderr


def test_a_recipe_without_a_name_is_wrong_usage(run: Run, world_folder: Path, tmp_path: Path) -> None:
    answer = run("evaluate", world_folder, "--recipe", "", "--save-run", tmp_path / "x.run")
    assert answer.exit_code == 2
    assert "there is no recipe" in answer.stderr


def test_a_folder_without_ground_truth_is_wrong_usage(run: Run, tmp_path: Path) -> None:
    answer = run("evaluate", tmp_path, "--recipe", "sift-bow")
    assert answer.exit_code == 2
    assert "groundtruth.json: no such file" in answer.stderr


def test_an_unknown_recipe_is_wrong_usage(run: Run, world_folder: Path) -> None:
    answer = run("evaluate", world_folder, "--recipe", "sift-asmk-spacial")
    assert answer.exit_code == 2
    assert 'the nearest is "sift-asmk-spatial"' in answer.stderr


def test_the_demo_never_writes_over_what_is_there(run: Run, tmp_path: Path) -> None:
    (tmp_path / "mine.txt").touch()
    answer = run("demo", "--output", tmp_path)
    assert answer.exit_code == 2
    assert "exists already" in answer.stderr


def test_the_demo_compares_recipes_and_shows_their_hits(
    world_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(world_folder, tmp_path / "world")
    demonstrate(tmp_path, ("sift-match", "sift-asmk"), as_json=False)
    out = capsys.readouterr().out
    table = [line.split() for line in out.split("\n")]
    assert ["challenge", "queries", "sift-match", "sift-asmk"] in table
    challenges = ("viewpoint", "scale", "rotation", "light", "occlusion", "blur", "low_resolution", "clutter")
    assert [line[:2] for line in table[2:10]] == [[challenge, "1"] for challenge in challenges]
    assert table[10][:2] == ["all", "8"]
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert page.count("<section>") == 8
    for mark in ("right", "wrong", "junk"):
        assert f'<span class="mark {mark}">' in page
    assert str(tmp_path / "page.html") in out
    assert (tmp_path / "world.resight" / "recipe.toml").is_file()


@pytest.mark.slow
def test_the_whole_demo_as_json(run: Run, tmp_path: Path) -> None:
    answer = run("demo", "--output", tmp_path / "demo", "--json")
    assert answer.exit_code == 0
    document = json.loads(answer.stdout)
    fast, best = document["results"]
    assert (fast["recipe"], best["recipe"]) == ("rmac-lite0", "sift-lite0-links")
    assert fast["metrics"]["mAP"] < best["metrics"]["mAP"]
    assert best["metrics"]["mAP"] > 0.8
    assert Path(document["page"]).is_file()
