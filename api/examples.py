"""The examples in the documentation: what one day in a shop really asked and was answered, recorded by a test."""

from importlib.resources import files
from typing import Any

import orjson

FILE = "examples.json"


def load_examples() -> dict[str, Any]:
    """Return, by `METHOD path`, a `request` and an `answer`."""
    found: dict[str, Any] = orjson.loads((files("api") / FILE).read_bytes())
    return found
