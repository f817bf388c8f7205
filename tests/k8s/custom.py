"""Kinds of other projects, held to the schemas that these projects release (tests/k8s/crds)."""

import functools
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator

from tests.k8s.rendered import Resource

CRDS = Path(__file__).parent / "crds"
KINDS = frozenset(path.stem for path in CRDS.glob("*.json"))


@functools.cache
def definition(kind: str) -> tuple[str, Draft202012Validator]:
    """The one version that we write, and what judges it."""
    document = json.loads((CRDS / f"{kind}.json").read_text(encoding="utf-8"))
    schema = to_the_last_field(document["schema"])
    Draft202012Validator.check_schema(schema)
    return document["apiVersion"], Draft202012Validator(schema)


def to_the_last_field(schema: Any) -> Any:
    """The API server drops a field that it does not know in silence; here it is an error."""
    if isinstance(schema, list):
        return [to_the_last_field(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    strict = {
        key: {name: to_the_last_field(each) for name, each in value.items()}
        if key == "properties"
        else to_the_last_field(value)
        for key, value in schema.items()
    }
    if "pattern" in schema:
        # Go takes its flags anywhere.
        strict["pattern"] = schema["pattern"].replace("^(?i)", "(?i)^")
    open_ = "additionalProperties" in schema or schema.get("x-kubernetes-preserve-unknown-fields")
    if schema.get("type") == "object" and "properties" in schema and not open_:
        strict["additionalProperties"] = False
    return strict


def faults(resource: Resource) -> Iterator[str]:
    """All that its own project would refuse, or pass over."""
    version, validator = definition(resource["kind"])
    if resource["apiVersion"] != version:
        yield f"{resource['kind']} is of {version}, not of {resource['apiVersion']}"
    for error in validator.iter_errors(resource):
        yield f"{resource['kind']} {resource['metadata']['name']}: {error.json_path}: {error.message}"
