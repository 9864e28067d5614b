"""Milvus as a search engine: servers from 2.3, and milvus-lite as a server. All that is of Milvus is in this file.

pymilvus is imported when a connection is made, and arrays where they are needed: a recipe is read without. Where
RESIGHT_MILVUS_TOKEN is set, "USER:PASSWORD" or a key, it is sent.
"""

from __future__ import annotations

import logging
import os
import re
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from pydantic import Field, field_validator

from resight.errors import EngineError
from resight.learned.registered import register
from resight.search.engines.kind import EngineSearch

if TYPE_CHECKING:
    from pymilvus import MilvusClient

    from resight.arrays import Int64, Vectors

T = TypeVar("T")

ADDRESS = re.compile(r"milvus://(?P<host>[^/@\s]+:\d{1,5})/(?P<collection>[A-Za-z_][A-Za-z0-9_]{0,254})")
TOKEN = "RESIGHT_MILVUS_TOKEN"
MOST = 16_384
"""Rows that a search of Milvus gives at most."""
QUEUE = 2_048
"""Least length of the queue of a search through a graph."""
SECONDS_TO_CONNECT = 30.0
SECONDS_TO_ANSWER = 120.0
NOT_YET = frozenset((1, 103, 202, 500, 501, 503, *range(901, 906)))
"""Codes of Milvus for what passes by itself, as after a start: services, collections, channels, nodes not ready."""


@register
class Milvus(EngineSearch):
    """A collection of a Milvus server: Wang et al., Milvus: a purpose-built vector data management system, SIGMOD 2021.

    "flat" compares all vectors, in parallel where there are several query nodes; "hnsw" goes through a graph, and
    misses some.
    """

    kind: Literal["milvus"] = "milvus"
    index: Literal["flat", "hnsw"] = Field(default="flat", description="The index that Milvus makes of the vectors.")
    links: int = Field(default=16, ge=2, le=64, description="Links of a node of a graph, twice as many on its ground.")

    @field_validator("address")
    @classmethod
    def _is_whole(cls, address: str) -> str:
        if not ADDRESS.fullmatch(address):
            raise ValueError(
                "it is milvus://HOST:PORT/COLLECTION, such as milvus://localhost:19530/photos; COLLECTION has letters, "
                'digits and "_"'
            )
        return address

    def connected(self) -> MilvusCollection:
        """Returns a connection to the server. EngineError: pymilvus is missing, or there is no server."""
        return MilvusCollection(self)


class MilvusCollection:
    """A connection to one collection of a Milvus server; see `Engine`."""

    most = MOST

    def __init__(self, params: Milvus) -> None:
        self._params = params
        parts = ADDRESS.fullmatch(params.address)
        assert parts is not None, "checked when the recipe was read"
        self._name = parts["collection"]
        try:
            import pymilvus
        except ImportError:
            raise EngineError(
                f"{params.address}: the package pymilvus is missing: pip install 'resight[milvus]'"
            ) from None
        # It writes every failure with its traceback to the log before it raises it.
        logging.getLogger("pymilvus").setLevel(logging.CRITICAL)
        self._types = pymilvus.DataType
        self._failures = (pymilvus.MilvusException,)
        uri = f"http://{parts['host']}"
        token = os.environ.get(TOKEN, "")
        self._client: MilvusClient = self._asked(
            lambda: pymilvus.MilvusClient(uri=uri, token=token, timeout=SECONDS_TO_CONNECT)
        )
        # A client may share the connection of another, which was made when the server still ran.
        self._asked(lambda: self._client.get_server_version(timeout=SECONDS_TO_CONNECT))
        # None of the collection's schema is remembered: another process may make it meanwhile.
        self._exists = False

    def prepare(self, dimension: int) -> None:
        """Makes the collection where there is none, and has the server hold it in memory."""
        client, name = self._client, self._name
        if not self._is_there():
            schema = client.create_schema(auto_id=False, enable_dynamic_field=False)
            schema.add_field("id", self._types.INT64, is_primary=True)
            schema.add_field("sum", self._types.INT64)
            schema.add_field("vector", self._types.FLOAT_VECTOR, dim=dimension)
            indexes = client.prepare_index_params()
            graph = {"M": self._params.links, "efConstruction": 200} if self._params.index == "hnsw" else {}
            indexes.add_index("vector", index_type=self._params.index.upper(), metric_type="IP", params=graph)
            self._asked(
                lambda: client.create_collection(
                    name,
                    schema=schema,
                    index_params=indexes,
                    consistency_level="Strong",
                    timeout=SECONDS_TO_ANSWER,
                )
            )
            return
        fields = self._asked(lambda: client.describe_collection(name, timeout=SECONDS_TO_ANSWER))["fields"]
        found = {one["name"]: one["params"].get("dim") for one in fields}
        if {*found} != {"id", "sum", "vector"} or int(found["vector"]) != dimension:
            raise EngineError(
                f"{self._params.address}: this collection is not of {dimension} dimensions and made by resight: choose "
                "another name for it, or drop it there"
            )
        self._asked(lambda: client.load_collection(name, timeout=SECONDS_TO_ANSWER))

    def count(self, first: int, last: int) -> int:
        """Returns the number of rows whose ids are in [first, last)."""
        found = self._query(first, last, "count(*)", {})
        return int(found[0]["count(*)"]) if found else 0

    def sums(self, first: int, last: int) -> tuple[Int64, Int64]:
        """Returns ids (n,) in [first, last) and their sums (n,)."""
        import numpy as np

        from resight.search.engines.engine import PAGE

        found = self._query(first, last, "sum", {"limit": PAGE})
        ids, sums = (np.array([row[key] for row in found], np.int64) for key in ("id", "sum"))
        return ids, sums

    def put(self, ids: Int64, sums: Int64, vectors: Vectors) -> None:
        """Writes rows; one takes the place of a row of the same id."""
        rows = [
            {"id": image, "sum": number, "vector": vector}
            for image, number, vector in zip(ids.tolist(), sums.tolist(), vectors, strict=True)
        ]
        written = self._asked(lambda: self._client.upsert(self._name, rows, timeout=SECONDS_TO_ANSWER))
        if written["upsert_count"] != len(rows):
            raise EngineError(
                f"{self._params.address}: it took {written['upsert_count']} of {len(rows)} vectors: run it again"
            )

    def delete(self, ids: Int64) -> None:
        """Deletes the rows of n ids."""
        if self._is_there():
            self._asked(lambda: self._client.delete(self._name, ids=ids.tolist(), timeout=SECONDS_TO_ANSWER))

    def search(self, queries: Vectors, k: int) -> Sequence[Int64]:
        """Returns ids of the k rows with the largest inner product with each query (q, d), nearest first."""
        import numpy as np

        graph = {"ef": max(QUEUE, 2 * k)} if self._params.index == "hnsw" else {}
        found = self._asked(
            lambda: self._client.search(
                self._name,
                data=list(queries),
                limit=k,
                anns_field="vector",
                output_fields=["id"],
                search_params={"metric_type": "IP", "params": graph},
                consistency_level="Strong",
                timeout=SECONDS_TO_ANSWER,
            )
        )
        return [np.array([hit["id"] for hit in hits], np.int64) for hits in found]

    def close(self) -> None:
        """Ends the connection."""
        self._client.close()

    def _query(self, first: int, last: int, field: str, limit: dict[str, int]) -> list[dict[str, Any]]:
        """Returns a field of the rows in a range; none where there is no collection."""
        if not self._is_there():
            return []
        return self._asked(
            lambda: self._client.query(
                self._name,
                filter=f"id >= {first} and id < {last}",
                output_fields=[field],
                consistency_level="Strong",
                timeout=SECONDS_TO_ANSWER,
                **limit,
            )
        )

    def _is_there(self) -> bool:
        self._exists = self._exists or self._asked(
            lambda: self._client.has_collection(self._name, timeout=SECONDS_TO_ANSWER)
        )
        return self._exists

    def _asked(self, question: Callable[[], T]) -> T:
        """Returns the answer to a question. EngineError where there is none."""
        import grpc

        until = time.monotonic() + SECONDS_TO_ANSWER
        while True:
            try:
                return question()
            except (*self._failures, grpc.RpcError, OSError) as error:
                if getattr(error, "code", None) in NOT_YET and time.monotonic() < until:
                    time.sleep(0.5)
                    continue
                told = getattr(error, "message", "") or str(error) or type(error).__name__
                raise EngineError(
                    f"{self._params.address}: {' '.join(told.split())}: see that the server runs there, and run the "
                    "command again, which goes on where it stopped"
                ) from error
