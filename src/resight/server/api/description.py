"""The description of the service for people: OpenAPI as a page without scripts, and without another host's."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from starlette.responses import HTMLResponse

from resight.markup import plain_text
from resight.server.requests import SearchRequest


def add(app: FastAPI) -> None:
    """Adds the address, and to the description what is sent as JSON within a form."""
    generated = app.openapi

    def openapi() -> dict[str, Any]:
        document = generated()
        schemas = document.setdefault("components", {}).setdefault("schemas", {})
        if SearchRequest.__name__ not in schemas:
            schema = SearchRequest.model_json_schema(ref_template="#/components/schemas/{model}")
            schemas.update(schema.pop("$defs"))
            schemas[SearchRequest.__name__] = schema
        return document

    app.openapi = openapi  # type: ignore[method-assign]

    @app.get("/docs", include_in_schema=False)
    def show_description() -> HTMLResponse:
        return HTMLResponse(described(app.openapi()))


def described(document: dict[str, Any]) -> str:
    """Returns the page of an OpenAPI description."""
    info = document["info"]
    parts = [
        '<!doctype html><html lang="en"><head><meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width">',
        f"<title>{plain_text(info['title'])} API</title></head><body><main>",
        f"<h1>{plain_text(info['title'])} API, version {plain_text(info['version'])}</h1>",
        '<p>For programs: <a href="/openapi.json">/openapi.json</a> (OpenAPI). An error is',
        "<code>{&quot;error&quot;: {&quot;kind&quot;, &quot;message&quot;, &quot;hint&quot;}}</code>.</p>",
    ]
    for path, methods in document["paths"].items():
        for method, told in methods.items():
            parts.append(f"<h2><code>{method.upper()} {plain_text(path)}</code></h2>")
            parts.append(f"<p>{plain_text(told.get('description') or told.get('summary', ''))}</p>")
            parts += _parameters(told.get("parameters", []))
            parts += _body(told.get("requestBody"))
    parts.append("<h1>What is sent</h1>")
    for name, schema in document.get("components", {}).get("schemas", {}).items():
        parts.append(f'<h2 id="{plain_text(name)}"><code>{plain_text(name)}</code></h2>')
        parts.append(f"<p>{plain_text(schema.get('description', ''))}</p>")
        parts += _fields(schema)
    return "".join([*parts, "</main></body></html>"])


def _parameters(parameters: list[dict[str, Any]]) -> list[str]:
    if not parameters:
        return []
    rows = [
        f"<li><code>{plain_text(one['name'])}</code>{' (needed)' if one.get('required') else ''}: "
        f"{plain_text(one.get('description', ''))} {_kind(one.get('schema', {}))}</li>"
        for one in parameters
    ]
    return ["<ul>", *rows, "</ul>"]


def _body(body: dict[str, Any] | None) -> list[str]:
    if body is None:
        return []
    parts = []
    for kind, content in body["content"].items():
        parts.append(f"<p>Body, <code>{plain_text(kind)}</code>: {_kind(content['schema'])}</p>")
        parts += _fields(content["schema"])
    return parts


def _fields(schema: dict[str, Any]) -> list[str]:
    fields = schema.get("properties")
    if not fields:
        return []
    rows = [
        f"<li><code>{plain_text(name)}</code>: {plain_text(one.get('description', ''))} {_kind(one)}</li>"
        for name, one in fields.items()
    ]
    return ["<ul>", *rows, "</ul>"]


def _kind(schema: dict[str, Any]) -> str:
    if "$ref" in schema:
        name = plain_text(schema["$ref"].rsplit("/", 1)[-1])
        return f'<a href="#{name}">{name}</a>'
    if "anyOf" in schema:
        return " or ".join(_kind(one) for one in schema["anyOf"])
    if "enum" in schema:
        return " or ".join(f"<code>{plain_text(str(one))}</code>" for one in schema["enum"])
    told = plain_text(str(schema.get("type", "")))
    if schema.get("type") == "array":
        told = f"list of {_kind(schema.get('items', {}))}"
    limits = [
        f"{word} {schema[key]}"
        for key, word in (("minimum", "from"), ("maximum", "to"), ("default", "by default"))
        if schema.get(key) not in (None, "")
    ]
    return plain_text(" ".join([told, *limits])) if "<" not in told else told
