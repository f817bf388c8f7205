"""Write a script of the SDKs in a few words: what happens is said here, what the machine answers is recorded.

The recorded answers are read by a person once, judged by `tests/sdk/judge.py` always, and held by every SDK.
"""

import zlib
from typing import Any

from bellwire_terminal.core.config import Config
from bellwire_terminal.core.dispatch import Dispatch
from bellwire_terminal.core.machine import Machine

FIRST_AT = 1_000
WALL = 1_764_000_000_000


def offset(number: int, epoch: int = 1) -> str:
    """An offset, as the server makes them."""
    return f"{epoch}-{number}"


def an_event(number: int, epoch: int = 1, **data: Any) -> dict[str, Any]:
    """A small event."""
    kind = data.pop("type", "new_order")
    return {"type": kind, "offset": offset(number, epoch), "data": {"orderId": f"order-{number}", **data}}


def kept(number: int, tenant: str = "kitchen", filter_: dict[str, list[str]] | None = None) -> dict[str, Any]:
    """A cursor as it lies on the disk."""
    return {"tenant": tenant, "filter": filter_ or {}, "offset": offset(number)}


class Script:
    """One script for a terminal's machine. `link` is the newest one that it opened."""

    def __init__(self, name: str, promise: str, **config: Any) -> None:
        self.name = name
        self.promise = promise
        self.config: dict[str, Any] = {"tenant": "kitchen", **config}
        self.machine = Machine(Config.of(self.config))
        self.steps: list[dict[str, Any]] = []
        self.at = FIRST_AT
        self.link = 0
        self.chance = 0.5
        self.storing: list[str] = []

    def say(self, type_: str, **members: Any) -> list[dict[str, Any]]:
        """One input, at this moment; returns what the machine does."""
        given = {"type": type_, "at": self.at, "chance": self.chance, **members}
        out = self.machine.receive(given)
        self.steps.append({"in": given, "out": out, "due": self.machine.due})
        for output in out:
            if output["type"] in ("connect", "poll"):
                self.link = output["link"]
            if output["type"] == "store":
                self.storing.append(output["cursor"]["offset"])
        return out

    def on_link(self, type_: str, **members: Any) -> list[dict[str, Any]]:
        """One input of the newest link."""
        return self.say(type_, link=self.link, **members)

    def message(self, type_: str, **members: Any) -> list[dict[str, Any]]:
        """A message of the server's."""
        return self.on_link("message", message={"type": type_, **members})

    def start(self, cursor: dict[str, Any] | None = None, **members: Any) -> "Script":
        """The process begins."""
        self.say("start", cursor=cursor, **members)
        return self

    def hello(self, after: int, head: int, epoch: int = 1, **members: Any) -> "Script":
        """The first message of a stream."""
        begun = "0" if after == 0 else offset(after, epoch)
        told = {
            "after": begun,
            "head": offset(head, epoch),
            "heartbeatSeconds": 20,
            "reading": f"r{self.link}",
        }
        self.message("hello", **{**told, **members})
        return self

    def event(self, *numbers: int, epoch: int = 1, **data: Any) -> "Script":
        """Events come."""
        for number in numbers:
            self.on_link("message", message=an_event(number, epoch, **data))
        return self

    def stored(self) -> "Script":
        """The disk has what it was given."""
        while self.storing:
            self.say("stored", offset=self.storing.pop(0))
        return self

    def done(self, *numbers: int, epoch: int = 1) -> "Script":
        """The handler returns, and the disk has it."""
        for number in numbers:
            self.say("handled", offset=offset(number, epoch))
            self.stored()
        return self

    def caught_up(self, number: int, epoch: int = 1) -> "Script":
        """Replay is over."""
        self.message("caught_up", offset=offset(number, epoch))
        return self.stored()

    def live(self, number: int) -> "Script":
        """Started from a cursor, connected, and live at once."""
        return self.start(kept(number)).hello(number, number).caught_up(number)

    def later(self, milliseconds: int) -> "Script":
        """Time passes."""
        self.at += milliseconds
        return self

    def wake(self) -> "Script":
        """Time passes until the machine wants to be woken, and it is."""
        due = self.machine.due
        assert due is not None, "nothing is waited for"
        self.at = max(self.at, due)
        self.say("wake")
        return self

    def luck(self, chance: float) -> "Script":
        """The chance of the inputs from here on."""
        self.chance = chance
        return self

    def closed(self, code: int, reason: str = "") -> "Script":
        """The stream ends."""
        self.on_link("closed", code=code, reason=reason)
        return self

    def as_json(self) -> dict[str, Any]:
        """The script as the vectors have it."""
        return {"name": self.name, "promise": self.promise, "config": self.config, "steps": self.steps}


class OutboxScript:
    """One script for an outbox's machine."""

    def __init__(self, name: str, promise: str) -> None:
        self.name = name
        self.promise = promise
        self.machine = Dispatch()
        self.steps: list[dict[str, Any]] = []
        self.at = FIRST_AT
        self.wall = WALL
        self.chance = 0.5

    def say(self, type_: str, **members: Any) -> list[dict[str, Any]]:
        """One input, at this moment."""
        given = {"type": type_, "at": self.at, "wall": self.wall, "chance": self.chance, **members}
        out = self.machine.receive(given)
        self.steps.append({"in": given, "out": out, "due": self.machine.due})
        return out

    def start(self, *commands: dict[str, Any]) -> "OutboxScript":
        """The process begins, with what the disk has."""
        self.say("start", commands=list(commands))
        return self

    def add(self, id_: str, *, written: bool = True) -> "OutboxScript":
        """A command is given."""
        self.say("add", command=command(id_))
        if written:
            self.say("added", id=id_)
        return self

    def tried(self, id_: str) -> "OutboxScript":
        """The disk says that it will be sent."""
        self.say("tried", id=id_)
        return self

    def answered(self, id_: str, status: int, problem: str | None = None, **members: Any) -> "OutboxScript":
        """The server answers."""
        body = {} if problem is None else {"type": f"urn:bellwire:problem:{problem}"}
        self.say("answered", **{"id": id_, "status": status, "problem": problem, "body": body, **members})
        return self

    def ended(self, id_: str) -> "OutboxScript":
        """The disk says that it is over."""
        self.say("ended", id=id_)
        return self

    def later(self, milliseconds: int) -> "OutboxScript":
        """Time passes, on both clocks."""
        self.at += milliseconds
        self.wall += milliseconds
        return self

    def wake(self) -> "OutboxScript":
        """Time passes until the machine wants to be woken, and it is."""
        due = self.machine.due
        assert due is not None, "nothing is waited for"
        self.later(max(0, due - self.at))
        self.say("wake")
        return self

    def as_json(self) -> dict[str, Any]:
        """The script as the vectors have it."""
        return {"name": self.name, "promise": self.promise, "config": {}, "steps": self.steps}


def command(id_: str, **members: Any) -> dict[str, Any]:
    """A command, as an outbox is given it."""
    path = f"/api/tenant/kitchen/orders/{id_}/status"
    return {"id": id_, "method": "PATCH", "path": path, "body": {"status": "preparing"}, **members}


def crc(text: str) -> str:
    """The checksum of a record's text."""
    return f"{zlib.crc32(text.encode()):08x}"
