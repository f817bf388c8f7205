"""Two languages, one behaviour: on scripts that were cut up and mixed by chance both machines answer alike.

The seed is fixed. A script on which they differ is told with its inputs: it belongs into `tests/sdk/scripts.py` then.
"""

import copy
import json
import random
import subprocess
from pathlib import Path
from typing import Any

import pytest

from bellwire_terminal.core.config import Config
from bellwire_terminal.core.dispatch import Dispatch
from bellwire_terminal.core.machine import Machine
from tests.sdk.test_javascript import node
from tests.sdk.test_vectors import FILES

PROGRAM = Path(__file__).with_name("answers.mjs")
SEED = 17
PAUSES = (0, 0, 1, 50, 300, 1_000, 3_000, 10_000, 61_000)
WALL = 1_764_000_000_000

Script = dict[str, Any]


def mixed(chance: random.Random, many: int) -> list[Script]:
    """So many scripts: each one of the vectors, with inputs of others put in, some repeated, some left out."""
    files = [json.loads(path.read_text(encoding="utf-8")) for path in FILES]
    scripts = [(file["machine"], script) for file in files for script in file["scripts"]]
    pools: dict[str, list[Any]] = {"terminal": [], "outbox": []}
    for machine, script in scripts:
        pools[machine] += [step["in"] for step in script["steps"]]
    made = []
    for _ in range(many):
        machine, script = chance.choice(scripts)
        inputs = [step["in"] for step in script["steps"]]
        for _ in range(chance.randint(1, 8)):
            at = chance.randint(1, len(inputs))
            what = chance.random()
            if what < 0.45:
                inputs.insert(at, chance.choice(pools[machine]))
            elif what < 0.65:
                inputs.insert(at, chance.choice(inputs))
            elif what < 0.8 and at < len(inputs):
                inputs.pop(at)
            else:
                inputs.insert(at, {"type": "wake"})
        made.append({"machine": machine, "config": script["config"], "inputs": timed(chance, inputs)})
    return made


def timed(chance: random.Random, inputs: list[Any]) -> list[Any]:
    """The same inputs with clocks, chances and links of their own."""
    at = 0
    found = []
    for given in copy.deepcopy(inputs):
        at += chance.choice(PAUSES)
        given |= {"at": at, "wall": WALL + at, "chance": chance.choice((0, 0.25, 0.99, chance.random()))}
        if "link" in given and chance.random() < 0.5:
            given["link"] = chance.randint(1, 4)
        found.append(given)
    return found


def in_python(script: Script) -> list[Any]:
    """The answers of the Python machine, as JSON has them."""
    is_outbox = script["machine"] == "outbox"
    machine = Dispatch() if is_outbox else Machine(Config.of(script["config"]))
    answers = [[machine.receive(copy.deepcopy(given)), machine.due] for given in script["inputs"]]
    return list(json.loads(json.dumps(answers)))


def in_javascript(scripts: list[Script]) -> list[Any]:
    """The answers of the JavaScript machine to each."""
    lines = "\n".join(json.dumps(script) for script in scripts)
    run = subprocess.run(
        [node(), str(PROGRAM)], input=lines, capture_output=True, text=True, timeout=240, check=False
    )
    assert run.returncode == 0, run.stderr[-3000:]
    return [json.loads(line) for line in run.stdout.splitlines()]


def differences(scripts: list[Script], answers: list[Any]) -> list[str]:
    """The scripts to which the answers are others than Python's."""
    return [
        json.dumps({**script, "answers": answer})
        for script, answer in zip(scripts, answers, strict=True)
        if in_python(script) != answer
    ]


@pytest.mark.parametrize("batch", [0, *(pytest.param(n, marks=pytest.mark.long) for n in range(1, 10))])
def test_on_mixed_scripts_both_machines_answer_alike(batch: int) -> None:
    scripts = mixed(random.Random(SEED + batch), 1_000)
    assert differences(scripts, in_javascript(scripts))[:1] == []


def test_an_answer_that_is_another_by_a_millisecond_is_found() -> None:
    scripts = mixed(random.Random(SEED), 20)
    answers = [in_python(script) for script in scripts]
    assert differences(scripts, answers) == []
    dated = next(answer for answer in answers if any(due is not None for _, due in answer))
    step = next(step for step in dated if step[1] is not None)
    step[1] += 1
    assert len(differences(scripts, answers)) == 1
