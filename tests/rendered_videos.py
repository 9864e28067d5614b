"""Small videos for tests, rendered by PyAV."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from index_samples import texture
from resight.arrays import Pixels

av: Any = pytest.importorskip("av", reason="PyAV is not installed (extra `video`)")


def shot(seed: int, frames: int, width: int = 160, height: int = 120) -> list[Pixels]:
    """The frames of one shot: a camera that moves slowly over a texture, a pixel in two frames."""
    plate = texture(seed, width + frames, height + frames)
    return [plate[step // 2 : step // 2 + height, step // 2 : step // 2 + width] for step in range(frames)]


def write_video(
    path: Path,
    frames: Iterable[Pixels],
    *,
    rate: int = 10,
    codec: str = "mpeg4",
    rotation: int = 0,
    times: Sequence[int] | None = None,
    sound: bool = False,
) -> Path:
    """Writes RGB frames of one size; times: milliseconds of each, by the rate where None."""
    pictures = [np.ascontiguousarray(pixels) for pixels in frames]
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=rate)
        stream.height, stream.width = pictures[0].shape[:2]
        stream.pix_fmt, stream.bit_rate = "yuv420p", 4_000_000
        stream.codec_context.time_base = Fraction(1, 1000 if times is not None else rate)
        if rotation:
            stream.set_display_rotation(rotation)
        heard = container.add_stream("aac", rate=16000, layout="mono") if sound else None
        for number, pixels in enumerate(pictures):
            frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
            frame.pts = number if times is None else times[number]
            frame.time_base = stream.codec_context.time_base
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
        if heard is not None:
            _write_sound(container, heard)
    return path


def _write_sound(container: Any, stream: Any) -> None:
    for number in range(16):
        wave = np.sin(np.arange(1024) / 8, dtype=np.float32)[None]
        frame = av.AudioFrame.from_ndarray(wave, format="fltp", layout="mono")
        frame.sample_rate, frame.pts = 16000, number * 1024
        container.mux(stream.encode(frame))
    container.mux(stream.encode())


def write_sound(path: Path) -> Path:
    """Writes a file with sound and no picture."""
    with av.open(str(path), "w") as container:
        _write_sound(container, container.add_stream("aac", rate=16000, layout="mono"))
    return path
