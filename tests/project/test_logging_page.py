"""docs/logging.md has every event that a pod or a command writes, with its level and its facts, and no other."""

import ast
import re
from collections.abc import Iterator

from tests.conftest import ROOT

PACKAGES = ("api", "backbone", "gateway", "bellwire")
TEXT = (ROOT / "docs" / "logging.md").read_text(encoding="utf-8")
ROW = re.compile(r"^\| `([a-z0-9_.]+)` \| ([a-z, ]+) \| (.*?) \| (.+?) \|$", re.M)
LEVELS = {"debug", "info", "warning", "error", "exception"}
EVENT = re.compile(r"[a-z]+(\.[a-z0-9_]+)+")


def calls() -> Iterator[tuple[str, str, ast.Call]]:
    """Each call that writes a line: the event, the level, and the call."""
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if not isinstance(node, ast.Call):
                    continue
                texts = [arg.value for arg in node.args if isinstance(arg, ast.Constant)]
                events = [text for text in texts if isinstance(text, str) and EVENT.fullmatch(text)]
                if isinstance(node.func, ast.Name) and node.func.id == "Outage":
                    (event,) = events
                    yield event, "warning", node
                    yield f"{event}.over", "info", node
                elif isinstance(node.func, ast.Attribute) and events:
                    where = ast.unparse(node.func.value)
                    if node.func.attr == "say" and "log" in where:
                        yield events[0], "info", node
                        yield events[0], "debug", node
                    elif node.func.attr == "say" and where != "self":
                        yield events[0], "info", node
                    elif node.func.attr in LEVELS and where.endswith("log"):
                        yield events[0], node.func.attr.replace("exception", "error"), node


def rows() -> dict[str, set[str]]:
    found = ROW.findall(TEXT)
    assert len(found) == len({event for event, *_ in found})
    return {event: set(levels.split(", ")) for event, levels, *_ in found}


def test_every_event_of_the_log_is_on_the_page_with_its_levels_and_no_other_is() -> None:
    written: dict[str, set[str]] = {}
    for event, level, _ in calls():
        written.setdefault(event, set()).add(level)
    assert len(written) > 40
    assert rows() == written


def test_every_fact_that_is_named_in_a_call_is_on_the_page() -> None:
    facts = {event: set(re.findall(r"`(\w+)`", said)) for event, _, said, _ in ROW.findall(TEXT)}
    for event, _, call in calls():
        named = {word.arg for word in call.keywords if word.arg not in (None, "extra", "exc_info")}
        for word in call.keywords:
            if word.arg == "extra" and isinstance(word.value, ast.Dict):
                named |= {
                    key.value
                    for key in word.value.keys
                    if isinstance(key, ast.Constant) and isinstance(key.value, str)
                }
        assert named <= facts[event], event
