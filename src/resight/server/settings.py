"""Settings of the service: who may reach it, and how much it takes at once."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from resight.cache import cache_folder
from resight.cores import cores
from resight.errors import UsageError

SHORTEST_TOKEN = 16
"""Letters that a token has at least: a shorter one can be guessed."""
OVERHEAD = 4 << 20
"""Bytes of a request besides its photos: the names of ten thousand photos that are marked, say."""


@dataclass(frozen=True)
class Settings:
    """Limits and permissions.

    hosts: names, without ports, by which the service may be called besides addresses and "localhost". origins: pages
    elsewhere that may use it, such as "https://archive.example". token: what writes need; without one nothing can be
    written. reads_need_token: whether reads need it too. upload_bytes: of one request. upload_pixels: of one photo.
    files: photos in one request. at_once: searches at once; waiting: further ones that wait; per_client: of one
    address, waiting or not. seconds: for an answer. body_seconds: for the body of a request. cache: folder of
    thumbnails and the like, which can be made anew.
    """

    hosts: frozenset[str] = frozenset()
    origins: frozenset[str] = frozenset()
    token: str | None = None
    reads_need_token: bool = False
    upload_bytes: int = 64 << 20
    upload_pixels: int = 64_000_000
    files: int = 64
    at_once: int = field(default_factory=cores)
    waiting: int = 32
    per_client: int = 16
    seconds: float = 60.0
    body_seconds: float = 60.0
    cache: Path = field(default_factory=lambda: cache_folder("serve"))

    @property
    def body_bytes(self) -> int:
        """Bytes of a request with its photos and all else."""
        return self.upload_bytes + OVERHEAD

    def __post_init__(self) -> None:
        if self.token is not None and len(self.token) < SHORTEST_TOKEN:
            raise UsageError(
                f"the token has {len(self.token)} letters, which can be guessed: take {SHORTEST_TOKEN} or more, "
                "such as those of `python -c 'import secrets; print(secrets.token_urlsafe())'`"
            )
        if self.token is not None and not (self.token.isascii() and self.token.isprintable()):
            raise UsageError("the token has letters that no header or cookie can carry: take those of ASCII")
        for origin in self.origins:
            parts = urlsplit(origin)
            if parts.scheme not in ("http", "https") or origin != f"{parts.scheme}://{parts.netloc}":
                raise UsageError(f"--origin {origin}: is no origin; write scheme and host, https://archive.example")
        if self.reads_need_token and self.token is None:
            raise UsageError("reads are to need a token, and there is none: put it into RESIGHT_TOKEN or a file")
