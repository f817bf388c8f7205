"""Messages against the schemas that `/asyncapi.json` says, and nothing besides: a member that no schema names is wrong.

To the world the schemas are open, since later releases add members; here they are closed, so that none is forgotten.
"""

import copy
from collections.abc import Iterable
from functools import cache
from typing import Any

from jsonschema_rs import Draft202012Validator

from api.http.asyncapi import document


def closed(schemas: dict[str, Any]) -> dict[str, Any]:
    """The same schemas, in which an object has the members that it names and no other."""
    found = copy.deepcopy(schemas)
    for schema in found.values():
        if "properties" in schema:
            schema["additionalProperties"] = False
    return found


@cache
def _document() -> dict[str, Any]:
    return document("0", {})


@cache
def _validator(channel: str, name: str) -> Draft202012Validator:
    written = _document()
    message = written["channels"][channel]["messages"][name]
    if "$ref" in message:
        message = written["components"]["messages"][message["$ref"].rpartition("/")[2]]
    schema = {**message["payload"], "components": {"schemas": closed(written["components"]["schemas"])}}
    return Draft202012Validator(schema, validate_formats=True)


def faults(channel: str, message: dict[str, Any], name: str | None = None) -> list[str]:
    """The faults of a message of a channel (`socket`, `stream`, `webhook`), by its schema and no other."""
    validator = _validator(channel, name or message["type"])
    return [
        f"{message['type']}: {error.instance_path}: {error.message}"
        for error in validator.iter_errors(message)
    ]


def all_faults(channel: str, messages: Iterable[dict[str, Any]]) -> list[str]:
    """Likewise of several."""
    return [fault for message in messages for fault in faults(channel, message)]
