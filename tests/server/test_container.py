"""The Dockerfile is built and started where there is a container engine, and read where there is none."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import time
from pathlib import Path

import httpx2 as httpx
import pytest

ROOT = Path(__file__).resolve().parents[2]


def instructions() -> list[tuple[str, str]]:
    text = re.sub(r"\\\n\s*", " ", (ROOT / "Dockerfile").read_text(encoding="utf-8"))
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    return [(line.split(" ", 1)[0], line.split(" ", 1)[1]) for line in lines]


def test_the_dockerfile_names_what_there_is() -> None:
    named = instructions()
    assert named[0][0] == "FROM"
    assert re.fullmatch(r"python:3\.\d+-slim", named[0][1]), "a version of the base is named"
    for _, given in (one for one in named if one[0] == "COPY"):
        for source in given.split()[:-1]:
            assert (ROOT / source).exists(), source
    told = dict(named)
    assert told["USER"] == "resight", "it does not run as root"
    for word in ("ENTRYPOINT", "CMD"):
        assert all(isinstance(part, str) for part in json.loads(told[word])), (
            "a list, so that signals reach the service"
        )
    assert json.loads(told["ENTRYPOINT"])[:2] == ["resight", "serve"]
    assert told["EXPOSE"] in (ROOT / "docs" / "serve.md").read_text(encoding="utf-8")
    assert json.loads(told["HEALTHCHECK"].removeprefix("CMD "))[0] == "python"


@pytest.mark.slow
def test_the_container_serves_an_index(served_index: Path, served_photos: Path) -> None:
    engine = shutil.which("docker") or shutil.which("podman")
    if engine is None or subprocess.run([engine, "info"], capture_output=True).returncode:
        pytest.skip("there is no container engine")
    subprocess.run([engine, "build", "-q", "-t", "resight-test", str(ROOT)], check=True)
    mounts = ["-v", f"{served_index}:/index:ro", "-v", f"{served_photos}:{served_photos}:ro"]
    run = [engine, "run", "-d", "--rm", "-p", "127.0.0.1:0:8480", *mounts, "resight-test"]
    container = subprocess.run(run, check=True, capture_output=True, text=True).stdout.strip()
    try:
        port = subprocess.run([engine, "port", container, "8480"], check=True, capture_output=True, text=True).stdout
        for _ in range(60):
            try:
                answer = httpx.get(f"http://127.0.0.1:{port.rsplit(':', 1)[1].strip()}/health")
                break
            except httpx.TransportError:
                time.sleep(1)
        assert answer.json()["indexes"]["index"]["images"] == 8
    finally:
        subprocess.run([engine, "stop", container], capture_output=True)
