"""The rest of the SDK's core: wishes that are none, inputs that there are not, what is read of it."""

from typing import Any

import pytest

from bellwire_terminal.core.config import Config
from bellwire_terminal.core.dispatch import Dispatch
from bellwire_terminal.core.machine import Machine


@pytest.mark.parametrize(
    ("wishes", "named"),
    [
        ({"doors": []}, "doors"),
        ({"doors": ["telex"]}, "telex"),
        ({"filter": {"colours": ["red"]}}, "colours"),
        ({"window": 0}, "window"),
        ({"attempts": 0}, "attempts"),
        ({"onDamage": "pray"}, "pray"),
        ({"start": ""}, "start"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_a_wish_that_is_none_is_named(wishes: dict[str, Any], named: str) -> None:
    with pytest.raises(ValueError, match=named):
        Config.of({"tenant": "kitchen", **wishes})


@pytest.mark.parametrize("machine", [Machine(Config("kitchen")), Dispatch()])
def test_an_input_that_there_is_not_is_an_error(machine: Machine | Dispatch) -> None:
    with pytest.raises(ValueError, match="weather"):
        machine.receive({"type": "weather", "at": 0})


def test_a_machine_says_its_cursor_and_an_outbox_how_many_wait() -> None:
    machine = Machine(Config("kitchen"))
    cursor = {"tenant": "kitchen", "filter": {}, "offset": "1-7"}
    machine.receive({"type": "start", "at": 0, "cursor": cursor})
    assert machine.cursor == "1-7"
    outbox = Dispatch()
    command = {"id": "a", "method": "POST", "path": "/a", "body": None, "tried": None}
    outbox.receive({"type": "start", "at": 0, "wall": 0, "commands": [command]})
    assert outbox.waiting == 1
