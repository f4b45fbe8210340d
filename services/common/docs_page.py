"""The page at /docs: the OpenAPI document as plain HTML, made here, with no script and nothing from elsewhere."""

import json
from collections.abc import Iterator, Mapping
from functools import cache
from html import escape
from typing import Any

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import HTMLResponse

Schema = Mapping[str, Any]

_CONTENT_SECURITY_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)

_STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; margin: 0 auto; max-width: 56rem; padding: 1rem; }
section { border-top: 1px solid #8884; padding: .5rem 0; }
pre { background: #8882; border-radius: .4rem; overflow-x: auto; padding: .6rem; }
h2 code { font-size: 1.1rem; } .method { color: #0a7; } dt { font-weight: 600; }
:root { color-scheme: light dark; }
"""


def add_docs_page(api: FastAPI, base_url: str) -> None:
    """Serve the page of `api`, which must have been made with `docs_url=None`. Its examples go to `base_url`."""

    @cache  # any client may request it, at any rate
    def page() -> str:
        return render_docs(api.openapi(), base_url)

    @api.get("/docs", include_in_schema=False)
    async def docs(_: Request) -> HTMLResponse:
        return HTMLResponse(page(), headers={"Content-Security-Policy": _CONTENT_SECURITY_POLICY})


def render_docs(openapi: Schema, base_url: str) -> str:
    """A whole HTML page for an OpenAPI document: each operation with an example request (to `base_url`) and answers."""
    title = escape(openapi["info"]["title"])
    sections = "".join(
        _operation(method, path, operation, openapi, base_url)
        for path, operations in openapi["paths"].items()
        for method, operation in operations.items()
    )
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}</title><style>{_STYLE}</style>'
        f'<meta name="viewport" content="width=device-width, initial-scale=1"><h1>{title}</h1>'
        f"<p>{escape(openapi['info'].get('description', ''))}</p>"
        f'<p>For tools: <a href="/openapi.json">openapi.json</a></p>{sections}</html>'
    )


def example_of(schema: Schema, openapi: Schema) -> Any:
    """A value that fits `schema`: its own example where it has one, else made of its parts' examples."""
    if "$ref" in schema:
        return example_of(_resolve(schema["$ref"], openapi), openapi)
    if "examples" in schema:
        return schema["examples"][0]
    for key in ("const", "default"):
        if key in schema:
            return schema[key]
    if "anyOf" in schema:
        return example_of(schema["anyOf"][0], openapi)
    if schema.get("type") == "object":
        return {name: example_of(part, openapi) for name, part in schema.get("properties", {}).items()}
    if schema.get("type") == "array":
        return [example_of(schema["items"], openapi)]
    return {"integer": 0, "number": 0, "boolean": True, "null": None}.get(schema.get("type", ""), "…")


def _operation(method: str, path: str, operation: Schema, openapi: Schema, base_url: str) -> str:
    answers = "".join(_answers(operation, openapi))
    return (
        f'<section><h2><code><span class="method">{method.upper()}</span> {escape(path)}</code></h2>'
        f"<p>{escape(operation.get('description', operation.get('summary', '')))}</p>"
        f"<pre>{escape(_curl(method, base_url + path, operation, openapi))}</pre><dl>{answers}</dl></section>"
    )


def _curl(method: str, url: str, operation: Schema, openapi: Schema) -> str:
    parts = [f"curl -X {method.upper()} {url}"]
    schemes = {name for requirement in operation.get("security", ()) for name in requirement}
    if "HTTPBearer" in schemes:
        parts.append('-H "Authorization: Bearer $TOKEN"')
    if "APIKeyCookie" in schemes or url.endswith("/login"):
        parts.append("-b cookies -c cookies")
    if "requestBody" in operation:
        body = example_of(_json_schema(operation["requestBody"]), openapi)
        parts += ["-H 'Content-Type: application/json'", f"-d '{json.dumps(body, ensure_ascii=False)}'"]
    return " \\\n  ".join(parts)


def _answers(operation: Schema, openapi: Schema) -> Iterator[str]:
    for status, answer in operation["responses"].items():
        if status.startswith("2") and "application/json" in answer.get("content", {}):
            example = json.dumps(example_of(_json_schema(answer), openapi), ensure_ascii=False, indent=2)
            yield f"<dt>{status}</dt><dd><pre>{escape(example)}</pre></dd>"
    errors = [status for status in operation["responses"] if not status.startswith("2")]
    yield f"<dt>Errors</dt><dd>{', '.join(errors)}: <code>{{&quot;error&quot;, &quot;code&quot;}}</code></dd>"


def _json_schema(holder: Schema) -> Schema:
    schema: Schema = holder["content"]["application/json"]["schema"]
    return schema


def _resolve(reference: str, openapi: Schema) -> Schema:
    found: Any = openapi
    for part in reference.removeprefix("#/").split("/"):
        found = found[part]
    schema: Schema = found
    return schema
