"""Requests that the OpenAPI description allows never break the service: no answer of 5xx."""

from __future__ import annotations

from pathlib import Path

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from starlette.testclient import TestClient

from server_samples import Serve

EXAMPLES = 6
"""Requests for each address."""


@pytest.mark.slow
def test_no_described_request_breaks_the_service(served_index: Path, serve: Serve) -> None:
    client: TestClient = serve(served_index)
    schema = schemathesis.openapi.from_asgi("/openapi.json", client.app, headers={"Host": "127.0.0.1"})
    assert len(list(schema.get_all_operations())) > 20
    broken: list[str] = []

    def check(case: schemathesis.Case) -> None:
        # A name that is there leads deeper than one that is not.
        if "index" in case.path_parameters:
            case.path_parameters["index"] = "old-town"
        answer = case.call(headers={"Host": "127.0.0.1"})
        if answer.status_code >= 500:
            broken.append(f"{answer.status_code} {case.as_curl_command()}")

    for operation in schema.get_all_operations():
        strategy = operation.ok().as_strategy()

        @settings(
            max_examples=EXAMPLES,
            database=None,
            deadline=None,
            derandomize=True,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(strategy)
        def play(case: schemathesis.Case) -> None:
            check(case)

        play()
    assert broken == []
