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
    with av.open(str(path), "w") as container:
        stream = None
        for number, pixels in enumerate(frames):
            if stream is None:
                stream = container.add_stream(codec, rate=rate)
                stream.height, stream.width = pixels.shape[:2]
                stream.pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv420p"
                stream.bit_rate = 4_000_000
                stream.codec_context.time_base = Fraction(1, 1000 if times is not None else rate)
                if rotation:
                    stream.set_display_rotation(rotation)
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(pixels), format="rgb24")
            frame.pts = number if times is None else times[number]
            frame.time_base = stream.codec_context.time_base
            for packet in stream.encode(frame):
                container.mux(packet)
        if stream is not None:
            for packet in stream.encode():
                container.mux(packet)
        if sound:
            _write_sound(container)
    return path


def _write_sound(container: Any) -> None:
    stream = container.add_stream("aac", rate=16000, layout="mono")
    for number in range(16):
        wave = np.sin(np.arange(1024) / 8, dtype=np.float32)[None]
        frame = av.AudioFrame.from_ndarray(wave, format="fltp", layout="mono")
        frame.sample_rate, frame.pts = 16000, number * 1024
        for packet in stream.encode(frame):
            container.mux(packet)
    for packet in stream.encode():
        container.mux(packet)


def write_sound(path: Path) -> Path:
    """Writes a file with sound and no picture."""
    with av.open(str(path), "w") as container:
        _write_sound(container)
    return path
