"""The scripts: what the machine answers to each, what the law says of it, and that the law is no rubber stamp."""

import copy
import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from bellwire_terminal.core.config import Config
from bellwire_terminal.core.dispatch import Dispatch
from bellwire_terminal.core.machine import Machine
from bellwire_terminal.core.records import Damaged, read_log
from tests.sdk.judge import verdict
from tests.sdk.write_vectors import FOLDER, files

FILES = sorted(
    path for path in FOLDER.glob("*.json") if path.name not in ("records.json", "vectors.schema.json")
)
SCHEMA = json.loads((FOLDER / "vectors.schema.json").read_text(encoding="utf-8"))


def scripts() -> list[Any]:
    return [
        pytest.param(path, script, id=f"{path.stem}: {script['name']}")
        for path in FILES
        for script in json.loads(path.read_text(encoding="utf-8"))["scripts"]
    ]


def machine_of(path: Path, config: dict[str, Any]) -> Machine | Dispatch:
    return Dispatch() if path.stem == "outbox" else Machine(Config.of(config))


@pytest.mark.parametrize(("path", "script"), scripts())
def test_the_machine_answers_as_the_script_says(path: Path, script: dict[str, Any]) -> None:
    machine = machine_of(path, script["config"])
    for number, step in enumerate(script["steps"]):
        assert machine.receive(copy.deepcopy(step["in"])) == step["out"], f"step {number}"
        assert machine.due == step["due"], f"step {number}"


@pytest.mark.parametrize(("path", "script"), [case for case in scripts() if case.values[0].stem != "outbox"])
def test_the_law_has_nothing_against_a_script(path: Path, script: dict[str, Any]) -> None:
    assert verdict([(step["in"], step["out"], step["due"]) for step in script["steps"]]) == []


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_each_file_has_the_form_that_the_schema_says(path: Path) -> None:
    jsonschema.validate(json.loads(path.read_text(encoding="utf-8")), SCHEMA)


def test_there_are_enough_of_them_and_each_has_a_name_of_its_own() -> None:
    names = [f"{case.values[0].stem}: {case.values[1]['name']}" for case in scripts()]
    assert len(names) >= 60
    assert len(set(names)) == len(names)


def test_the_files_are_those_that_the_scripts_write() -> None:
    written = files()
    assert {path.name for path in FOLDER.glob("*.json")} == {*written, "vectors.schema.json"}
    for name, text in written.items():
        assert (FOLDER / name).read_text(encoding="utf-8") == text, "python -m tests.sdk.write_vectors"


def test_records_are_read_and_what_is_torn_or_damaged_is_told() -> None:
    cases = json.loads((FOLDER / "records.json").read_text(encoding="utf-8"))["records"]
    assert len(cases) >= 10
    for case in cases:
        content = case["log"].encode()
        if case.get("damaged"):
            with pytest.raises(Damaged):
                read_log(content)
        else:
            log = read_log(content)
            assert (log.values, log.torn) == (case["values"], case["torn"])


def test_every_output_and_every_input_of_the_schema_is_in_a_script() -> None:
    seen: dict[str, set[str]] = {"in": set(), "out": set()}
    for case in scripts():
        for step in case.values[1]["steps"]:
            seen["in"].add(step["in"]["type"])
            seen["out"] |= {output["type"] for output in step["out"]}
    step = SCHEMA["properties"]["scripts"]["items"]["properties"]["steps"]["items"]["properties"]
    assert seen["in"] == set(step["in"]["properties"]["type"]["enum"])
    assert seen["out"] == set(step["out"]["items"]["properties"]["type"]["enum"])


FIRST, SECOND = ({"type": "x", "offset": f"1-{n}", "data": {}} for n in (2, 3))
CONNECTED = [
    (
        {"type": "start", "at": 0, "cursor": {"tenant": "k", "filter": {}, "offset": "1-1"}},
        [{"type": "connect", "link": 1, "after": "1-1"}],
        9,
    ),
    ({"type": "message", "at": 1, "link": 1, "message": FIRST}, [], 9),
    ({"type": "message", "at": 1, "link": 1, "message": SECOND}, [], 9),
]


@pytest.mark.parametrize(
    ("given", "out", "word"),
    [
        ({"type": "wake"}, [{"type": "deliver", "kind": "event", "offset": "1-3"}], "passed over"),
        ({"type": "wake"}, [{"type": "store", "cursor": {"offset": "1-2"}}], "nobody spoke of it"),
        ({"type": "wake"}, [{"type": "send", "message": {"type": "ack", "offset": "1-2"}}], "the disk has 1-1"),
        ({"type": "wake"}, [{"type": "connect", "link": 2, "after": "1-1"}], "a second connection"),
        ({"type": "closed", "link": 1, "code": 4403}, [{"type": "connect", "link": 2, "after": "1-1"}], "no good"),
        ({"type": "closed", "link": 1, "code": 4409}, [{"type": "connect", "link": 2, "after": "1-1"}], "replaced"),
        ({"type": "closed", "link": 1, "code": 1006}, [{"type": "connect", "link": 2, "after": "1-2"}], "the disk has"),
        ({"type": "closed", "link": 1, "code": 1012, "reason": "retry_ms=9"}, [{"type": "wait", "ms": 8}], "its slot"),
        ({"type": "closed", "link": 1, "code": 1006}, [{"type": "wait", "ms": 30_001}], "a pause"),
        ({"type": "refused", "link": 1, "status": 503, "retryAfterMs": 9000}, [{"type": "wait", "ms": 8999}], "asked"),
        ({"type": "closed", "link": 1, "code": 1006}, [{"type": "wait", "ms": 3}], "asks to be woken"),
        (
            {"type": "wake"},
            [{"type": "deliver", "kind": "event", "offset": offset} for offset in ("1-2", "1-3")],
            "in the hand",
        ),
    ],
)  # fmt: skip
def test_the_law_finds_what_is_planted(given: dict[str, Any], out: list[dict[str, Any]], word: str) -> None:
    faults = verdict([*CONNECTED, ({"at": 2, **given}, out, 9)])
    assert any(word in fault for fault in faults), faults
