"""The instance search task of TRECVID, from the clips of its shots to mean average precision."""

from __future__ import annotations

from pathlib import Path

from index_samples import texture, write, write_recipes
from rendered_videos import shot, write_video
from resight.datasets.benchmarks.trecvid import read_trecvid_ins
from resight.evaluation.protocols import evaluate


def test_the_protocol_runs_from_clips_of_shots(tmp_path: Path) -> None:
    recipe = write_recipes(tmp_path) / "verified.toml"
    folder = tmp_path / "trecvid"
    frames = folder / "frames"
    frames.mkdir(parents=True)
    # Two shots show the first topic, one the second; the distractor is a folder of key frames, as it may be.
    write_video(frames / "shot1_1.mp4", shot(1, 20))
    write_video(frames / "shot1_2.mp4", shot(2, 10) + shot(1, 10))
    write_video(frames / "shot2_1.mp4", shot(3, 10))
    write(frames, {"shot2_2/0.png": texture(9)})
    (folder / "ins.search.qrels.tv13").write_text(
        "9069 0 shot1_1 1\n9069 0 shot1_2 1\n9069 0 shot2_2 0\n9070 0 shot2_1 1\n"
    )
    write(
        folder / "tv13.example.images",
        {
            "9069.1.src.png": texture(1, 180, 140),
            "9070.1.src.png": texture(3, 170, 130),
            "9070.2.src.png": texture(3, 170, 130)[5:125, 5:165],
        },
    )
    data = read_trecvid_ins(folder, 2013)
    assert data.shots == {
        "shot1_1.mp4": "shot1_1",
        "shot1_2.mp4": "shot1_2",
        "shot2_1.mp4": "shot2_1",
        "shot2_2/0.png": "shot2_2",
    }
    result = evaluate(str(recipe), data)
    assert result.protocol.retrieved == "shots"
    first, second = result.settings[result.main]
    assert [hit.name for hit in first.hits][:2] in (["shot1_1", "shot1_2"], ["shot1_2", "shot1_1"])
    assert (first.ranks, second.ranks) == ((0, 1), (0,))
