"""The outbox's machine: commands in the order in which they came, each done once, whatever the network does. Pure.

A command is on the disk before it counts as given, and marked as tried before it is first sent. So a crash at any
moment leaves one of three: never given, never sent, or sent under a key by which the server knows it again.
"""

from collections import deque
from typing import Any

from bellwire_terminal.core.backoff import Backoff
from bellwire_terminal.core.ladder import PASSING
from bellwire_terminal.core.wait import Wait

MOST_COMMANDS = 10_000
KNOWN_AGAIN_MS = 6 * 24 * 3_600_000
"""The server knows a key again for seven days; a day is for clocks."""
FIRST_MS = 1_000
STILL_RUNNING = "still-running"


class Dispatch:
    """One outbox. `at` is a monotonic clock's milliseconds, `wall` the wall clock's."""

    def __init__(self) -> None:
        self._out: list[dict[str, Any]] = []
        self._now = 0
        self._wall = 0
        self._chance = 0.0
        self._commands: deque[dict[str, Any]] = deque()
        self._stage = "idle"
        self._ending: dict[str, Any] = {}
        self._wait = Wait()
        self._held = False
        self._over = False
        self._backoff = Backoff(FIRST_MS)

    @property
    def waiting(self) -> int:
        """How many commands are given and not done."""
        return len(self._commands)

    @property
    def due(self) -> int | None:
        """When a `wake` is wanted."""
        return None if self._over else self._wait.until

    def receive(self, given: dict[str, Any]) -> list[dict[str, Any]]:
        """Take one input and return the outputs, in order.

        Raises:
            ValueError: there is no such input.
        """
        self._now = max(self._now, int(given["at"]))
        self._wall = int(given.get("wall", self._wall))
        self._chance = float(given.get("chance", 0.5))
        take = getattr(self, f"_on_{given['type']}", None)
        if take is None:
            raise ValueError(f"there is no input {given['type']!r}")
        take(given)
        self._advance()
        out, self._out = self._out, []
        return out

    def _on_start(self, given: dict[str, Any]) -> None:
        self._commands.extend(dict(command) for command in given["commands"])

    def _on_add(self, given: dict[str, Any]) -> None:
        command = given["command"]
        if self._over or len(self._commands) >= MOST_COMMANDS:
            why = "closed" if self._over else "full"
            self._say({"type": "decline", "id": command["id"], "why": why})
            return
        self._commands.append({**command, "tried": None, "written": False})
        self._say({"type": "append", "record": {"add": command, "wall": self._wall}})

    def _on_added(self, given: dict[str, Any]) -> None:
        for command in self._commands:
            if command["id"] == given["id"]:
                command["written"] = True

    def _on_tried(self, given: dict[str, Any]) -> None:
        if self._stage == "marking" and self._is_first(given["id"]):
            self._send()

    def _on_ended(self, given: dict[str, Any]) -> None:
        if self._stage == "ending" and self._is_first(given["id"]):
            self._commands.popleft()
            self._say(self._ending)
            self._stage, self._ending = "idle", {}

    def _on_append_failed(self, given: dict[str, Any]) -> None:
        self._over = True
        self._say({"type": "stop", "reason": "storage", "detail": given["detail"]})

    def _on_answered(self, given: dict[str, Any]) -> None:
        if self._stage != "asking" or not self._is_first(given["id"]):
            return
        status, problem, body = given["status"], given.get("problem"), given.get("body")
        if 200 <= status < 300 and (status == 204 or isinstance(body, dict)):
            self._backoff.steady()
            self._end({"type": "done", "id": given["id"], "status": status, "body": body})
        elif problem is None or status >= 500 or status in PASSING or problem == STILL_RUNNING:
            # A page of some hotel's network is no answer, whatever its status says.
            self._rest(f"{status} {problem or ''}".rstrip(), given.get("retryAfterMs"))
        elif status == 401:
            self._stage, self._held = "idle", True
            self._say({"type": "hold", "reason": problem})
        else:
            self._backoff.steady()
            told = {"status": status, "problem": problem, "body": body}
            self._end({"type": "conflict", "id": given["id"], **told})

    def _on_failed(self, given: dict[str, Any]) -> None:
        if self._stage == "asking" and self._is_first(given["id"]):
            self._rest(given["reason"], None)

    def _on_online(self, _: dict[str, Any]) -> None:
        self._wait.online(self._now, self._chance, trying=self._stage == "asking")

    def _on_release(self, _: dict[str, Any]) -> None:
        # Another key, or the same one in a shop that is on again.
        self._held = False

    def _on_wake(self, _: dict[str, Any]) -> None:
        if self._wait.is_over(self._now):
            self._wait.over()
            self._stage = "idle"

    def _on_stop(self, _: dict[str, Any]) -> None:
        self._over = True

    def _advance(self) -> None:
        if self._over or self._held or self._stage != "idle" or not self._commands:
            return
        first = self._commands[0]
        if not first.get("written", True):
            return
        if first["tried"] is None:
            first["tried"] = self._wall
            self._stage = "marking"
            self._say({"type": "append", "record": {"try": first["id"], "wall": self._wall}})
        elif self._wall - first["tried"] > KNOWN_AGAIN_MS:
            # Sent once, and nobody knows what came of it: the server no longer knows the key, and might do it twice.
            told = {"status": None, "problem": "outcome-unknown", "body": None}
            self._end({"type": "conflict", "id": first["id"], **told})
        else:
            self._send()

    def _send(self) -> None:
        first = self._commands[0]
        self._stage = "asking"
        self._wait.over()
        asked = {name: first[name] for name in ("id", "method", "path", "body")}
        self._say({"type": "request", **asked})

    def _end(self, output: dict[str, Any]) -> None:
        self._stage, self._ending = "ending", output
        record = {"end": output["id"], "outcome": output["type"], "wall": self._wall}
        self._say({"type": "append", "record": record})

    def _rest(self, why: str, retry_after_ms: int | None) -> None:
        pause = self._backoff.wait_ms(self._chance, None, retry_after_ms)
        wait = self._wait.begin(self._now, pause, self._chance, fixed=retry_after_ms is not None)
        self._stage = "resting"
        self._say({"type": "wait", "ms": wait, "why": why})

    def _is_first(self, id_: object) -> bool:
        return bool(self._commands) and bool(self._commands[0]["id"] == id_)

    def _say(self, output: dict[str, Any]) -> None:
        self._out.append(output)
