"""The OpenAPI 3.1 document of a pod, written from its routes' own descriptions. Pure."""

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import BaseModel, Field
from pydantic.alias_generators import to_camel
from pydantic.json_schema import models_json_schema

from backbone.contract.errors import Problem
from backbone.contract.keys import KeyKind
from backbone.contract.slug import SLUG_PATTERN
from backbone.contract.tickets import PARAMETER
from backbone.runtime.routes import DescribedRoute

PROBLEM_JSON = "application/problem+json"
_SCHEMAS = "#/components/schemas/{model}"
_WRITING = frozenset({"POST", "PATCH", "PUT"})

_SECURITY = {
    KeyKind.OPERATOR: ("operatorKey", "`bw_op_…`: the whole installation"),
    KeyKind.STOREFRONT: ("storefrontKey", "`bw_store_…`: one tenant; orders, gift cards, loyalty"),
    KeyKind.TERMINAL: ("terminalKey", "`bw_term_…`: one device of one tenant"),
}

_TICKET = {
    "type": "apiKey",
    "in": "query",
    "name": PARAMETER,
    "description": "`bw_ticket_…`: one stream of one terminal, for a page that cannot send a key",
}

_UUID = {"type": "string", "format": "uuid"}
# Answers without a model, by their type; of a stream it is each event, as its readers see it.
_KINDS: dict[str, dict[str, Any]] = {
    "application/json": {"type": "object"},
    "text/event-stream": {
        "type": "object",
        "properties": {"event": {"type": "string"}, "data": {"type": "string"}, "id": {"type": "string"}},
        "required": ["event", "data"],
    },
}
_PATH: dict[str, tuple[str, dict[str, Any]]] = {
    "tenant": ("The shop's slug.", {"type": "string", "pattern": f"^{SLUG_PATTERN.strip('^$')}$"}),
    "orderId": ("The order, as it was answered when it was placed.", _UUID),
    "purpose": (
        "The purpose that was claimed.",
        {"type": "string", "pattern": "^[a-z0-9-]{1,32}$", "examples": ["print"]},
    ),
    "webhookId": ("The endpoint, as it was answered when it was registered.", _UUID),
    "pairingId": ("The pairing, as it was answered when its code was made.", _UUID),
    "keyId": ("The key, by its name.", {"type": "string"}),
    "gateway": ("The gateway pod, by its name.", {"type": "string", "minLength": 1, "maxLength": 200}),
    "terminalId": ("The terminal, as it was answered when it was registered.", _UUID),
    "cardNumber": (
        "The gift card's number; case, dashes and spaces do not matter.",
        {"type": "string", "minLength": 1, "maxLength": 68},
    ),
    "phone": (
        "The customer's phone number; how its digits are grouped does not matter.",
        {"type": "string", "pattern": r"^\+?[0-9][0-9 ().\-]{2,30}$"},
    ),
}

_IDEMPOTENCY = {
    "name": "Idempotency-Key",
    "in": "header",
    "description": "The same key and body again: the first answer again, with `Idempotency-Replayed: true`.",
    "schema": {"type": "string", "pattern": "^[!-~]{1,255}$"},
}


_RATE_LIMIT = {
    "RateLimit-Limit": "How many may come at once.",
    "RateLimit-Remaining": "How many of them are left.",
    "RateLimit-Reset": "Seconds until the next one is.",
}


class WrongField(BaseModel):
    """One wrong field."""

    loc: str = Field(description="A dotted path such as `items.0.quantity`.")
    msg: str


class ProblemDocument(BaseModel):
    """An RFC 9457 problem."""

    type: str
    title: str
    status: int | str = Field(
        description="The HTTP status; of `wrong-step` and `external-id-taken` the status of the order."
    )
    detail: str
    errors: list[WrongField] = Field(default=[], description="Every wrong field, when fields are wrong.")


def _without_defaults(schema: dict[str, Any]) -> None:
    # A member that an answer does not have means nothing; a default would be a meaning.
    for member in schema.get("properties", {}).values():
        member.pop("default", None)


class Answer(BaseModel):
    """The base of answers: camelCase outside; a later version may add members."""

    model_config = {"alias_generator": to_camel, "json_schema_extra": _without_defaults}


def document(
    title: str, says: str, version: str, routes: Sequence[DescribedRoute], examples: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the document. `examples` holds, by `METHOD path`, a `request` and an `answer`."""
    models = {model for route in routes for model in (route.doc.body, route.doc.answer)}
    wanted = sorted(
        {model for model in models if isinstance(model, type)} | {ProblemDocument}, key=lambda m: m.__name__
    )
    names, definitions = models_json_schema([(m, "validation") for m in wanted], ref_template=_SCHEMAS)
    schemas: dict[Any, Any] = {model: schema for (model, _), schema in names.items()}
    paths: dict[str, dict[str, Any]] = defaultdict(dict)
    for route in routes:
        example = examples.get(f"{route.method} {route.path}", {})
        paths[route.path][route.method.lower()] = _operation(route, schemas, example)
    return {
        "openapi": "3.1.0",
        "info": {"title": title, "version": version, "description": says, "license": {"name": "Apache-2.0"}},
        "tags": [{"name": group} for group in dict.fromkeys(route.doc.group for route in routes)],
        "paths": dict(paths),
        "components": {
            "schemas": definitions["$defs"],
            "securitySchemes": {
                **{
                    name: {"type": "http", "scheme": "bearer", "description": says}
                    for name, says in _SECURITY.values()
                },
                **({PARAMETER: _TICKET} if any(_takes_ticket(route) for route in routes) else {}),
            },
        },
    }


def _operation(
    route: DescribedRoute, schemas: Mapping[type[BaseModel], Any], example: Mapping[str, Any]
) -> dict[str, Any]:
    doc = route.doc
    operation: dict[str, Any] = {
        "tags": [doc.group],
        "operationId": _operation_id(route),
        "summary": doc.summary,
        "security": [{_SECURITY[kind][0]: []} for kind in doc.keys]
        + ([{PARAMETER: []}] if _takes_ticket(route) else []),
        "parameters": _parameters(route),
        "responses": {str(doc.status): _success(route, schemas, example), **_problems(doc.all_problems)},
    }
    if doc.says:
        operation["description"] = doc.says
    if doc.body is not None:
        content: dict[str, Any] = {"schema": schemas[doc.body]}
        if "request" in example:
            content["example"] = example["request"]
        operation["requestBody"] = {"required": True, "content": {"application/json": content}}
    return operation


def _takes_ticket(route: DescribedRoute) -> bool:
    return PARAMETER in route.parameters


def _operation_id(route: DescribedRoute) -> str:
    words = re.findall(r"[A-Za-z]+", route.path.removeprefix("/api").replace(".", "_"))
    return to_camel("_".join([route.method.lower(), *words]))


def _parameters(route: DescribedRoute) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for name in route.param_convertors:
        says, schema = _PATH[name]
        found.append({"name": name, "in": "path", "required": True, "description": says, "schema": schema})
    found += [
        {"name": query.name, "in": "query", "description": query.says, "schema": query.schema}
        for query in route.doc.query
    ]
    if route.doc.idempotent:
        found.append(_IDEMPOTENCY)
    return found


def _success(
    route: DescribedRoute, schemas: Mapping[type[BaseModel], Any], example: Mapping[str, Any]
) -> dict[str, Any]:
    answer = route.doc.answer
    success: dict[str, Any] = {"description": "Done" if answer is None else "The answer"}
    if isinstance(answer, str):
        success["content"] = {answer: {"schema": _KINDS.get(answer, {"type": "string"})}}
    elif answer is not None:
        content: dict[str, Any] = {"schema": schemas[answer]}
        if "answer" in example:
            content["example"] = example["answer"]
        success["content"] = {"application/json": content}
    if route.doc.idempotent:
        success["headers"] = {
            "Idempotency-Replayed": {
                "description": "`true` when this is the stored answer to an earlier request.",
                "schema": {"type": "string", "enum": ["true"]},
            }
        }
    return success


def _problems(problems: Sequence[Problem]) -> dict[str, Any]:
    by_status: dict[int, list[Problem]] = defaultdict(list)
    for problem in problems:
        by_status[problem.status].append(problem)
    return {str(status): _problem(status, several) for status, several in by_status.items()}


def _problem(status: int, several: Sequence[Problem]) -> dict[str, Any]:
    says = "; ".join(f"{problem.title} (`urn:bellwire:problem:{problem.code}`)" for problem in several)
    found: dict[str, Any] = {
        "description": says,
        "content": {PROBLEM_JSON: {"schema": {"$ref": _SCHEMAS.format(model="ProblemDocument")}}},
    }
    if status in (429, 503):
        seconds = {"description": "Seconds to wait.", "required": True, "schema": {"type": "string"}}
        found["headers"] = {"Retry-After": seconds}
    if status == 429:
        for name, meaning in _RATE_LIMIT.items():
            found["headers"][name] = {"description": meaning, "schema": {"type": "string"}}
    return found
