"""The OpenAPI document as one page of HTML that a person reads: no script, no font, nothing fetched. Pure."""

from collections.abc import Mapping
from html import escape
from typing import Any

import orjson

STYLE = """
:root{color-scheme:light dark;--line:#8884;--soft:#8881;--key:#b35c00}
body{font:16px/1.5 system-ui,sans-serif;margin:0 auto;max-width:60rem;padding:1rem 1.5rem 6rem}
h1{margin-bottom:0}h2{margin-top:3rem;border-bottom:1px solid var(--line)}
code,pre{font:14px/1.45 ui-monospace,monospace}
pre{background:var(--soft);padding:.75rem;overflow:auto;border-radius:6px}
article{border:1px solid var(--line);border-radius:8px;padding:0 1rem .5rem;margin:1rem 0}
h3{font-size:1rem;margin:.75rem 0}.method{display:inline-block;min-width:3.5rem;font-weight:700}
.keys{color:var(--key)}table{border-collapse:collapse;width:100%;margin:.5rem 0}
td,th{border-top:1px solid var(--line);padding:.25rem .5rem;text-align:left;vertical-align:top}
nav a{margin-right:1rem}summary{cursor:pointer}
"""


def page(document: Mapping[str, Any]) -> str:
    """Return the page."""
    info = document["info"]
    groups = [tag["name"] for tag in document["tags"]]
    links = " ".join(f'<a href="#{escape(_anchor(group))}">{escape(group)}</a>' for group in groups)
    sections = "".join(_section(document, group) for group in groups)
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width">'
        f"<title>{escape(info['title'])}</title><style>{STYLE}</style></head><body>"
        f"<h1>{escape(info['title'])}</h1><p>Version {escape(info['version'])} · "
        f'<a href="/openapi.json">openapi.json</a></p>{_text(info["description"])}'
        f"<nav>{links}</nav>{sections}</body></html>"
    )


def _section(document: Mapping[str, Any], group: str) -> str:
    articles = "".join(
        _article(document, method, path, operation)
        for path, operations in document["paths"].items()
        for method, operation in operations.items()
        if group in operation["tags"]
    )
    return f'<h2 id="{escape(_anchor(group))}">{escape(group)}</h2>{articles}'


def _article(document: Mapping[str, Any], method: str, path: str, operation: Mapping[str, Any]) -> str:
    keys = " or ".join(name for entry in operation["security"] for name in entry) or "no key"
    return (
        f'<article id="{escape(operation["operationId"])}">'
        f'<h3><span class="method">{escape(method.upper())}</span> <code>{escape(path)}</code></h3>'
        f'<p>{escape(operation["summary"])} <span class="keys">({escape(keys)})</span></p>'
        f"{_text(operation.get('description', ''))}{_parameters(operation['parameters'])}"
        f"{_body(document, operation)}{_answers(document, operation['responses'])}</article>"
    )


def _parameters(parameters: list[dict[str, Any]]) -> str:
    if not parameters:
        return ""
    rows = "".join(
        f"<tr><td><code>{escape(p['name'])}</code></td><td>{escape(p['in'])}</td><td>{_inline(p['description'])}</td></tr>"
        for p in parameters
    )
    return f"<table><tr><th>parameter</th><th>in</th><th></th></tr>{rows}</table>"


def _body(document: Mapping[str, Any], operation: Mapping[str, Any]) -> str:
    body = operation.get("requestBody")
    return "" if body is None else "<h4>Body</h4>" + _content(document, body["content"]["application/json"])


def _answers(document: Mapping[str, Any], responses: Mapping[str, Any]) -> str:
    rows = ""
    shown = ""
    for status, response in responses.items():
        rows += f"<tr><td>{escape(status)}</td><td>{_inline(response['description'])}</td></tr>"
        for kind, content in response.get("content", {}).items():
            if kind == "application/json":
                shown += f"<h4>Answer {escape(status)}</h4>" + _content(document, content)
    return f"{shown}<details><summary>All answers</summary><table>{rows}</table></details>"


def _content(document: Mapping[str, Any], content: Mapping[str, Any]) -> str:
    example = content.get("example")
    shown = "" if example is None else f"<pre>{_json(example)}</pre>"
    schema = content["schema"]
    if "$ref" in schema:
        schema = document["components"]["schemas"][schema["$ref"].rsplit("/", 1)[1]]
    return f"{shown}<details><summary>Schema</summary><pre>{_json(schema)}</pre></details>"


def _json(value: Any) -> str:
    return escape(orjson.dumps(value, option=orjson.OPT_INDENT_2).decode())


def _text(text: str) -> str:
    return "".join(f"<p>{_inline(paragraph)}</p>" for paragraph in text.split("\n\n") if paragraph)


def _inline(text: str) -> str:
    """Escaped, with what stands between backquotes as code."""
    parts = escape(text).split("`")
    return "".join(f"<code>{part}</code>" if index % 2 else part for index, part in enumerate(parts))


def _anchor(group: str) -> str:
    return group.lower().replace(" ", "-")
