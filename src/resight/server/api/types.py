"""Parts of addresses and their limits."""

from __future__ import annotations

from typing import Annotated

from fastapi import Path, Query

from resight.server.requests import LONGEST_NAME

IndexId = Annotated[str, Path(pattern="^[a-z0-9-]{1,255}$", description="The name of an index, of /v1/indexes.")]
SearchId = Annotated[str, Path(pattern="^[A-Za-z0-9_-]{1,64}$", description="The name of a search, of its answer.")]
JobId = Annotated[str, Path(pattern="^[A-Za-z0-9_-]{1,64}$", description="The name of a job.")]
ImageName = Annotated[str, Query(min_length=1, max_length=LONGEST_NAME, description="The name of a photo.")]
Folder = Annotated[str, Query(max_length=LONGEST_NAME, description="Photos in this folder and below.")]
Text = Annotated[str, Query(max_length=1000, description="Words of the name or the metadata; all must be there.")]
After = Annotated[str, Query(max_length=LONGEST_NAME, description="The `next` of the page before.")]
Side = Annotated[int, Query(ge=16, le=4096, description="Long side in pixels.")]
