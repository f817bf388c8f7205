"""Commands on the disk, carried out one after the other: what the outbox's machine says, done with files and HTTP.

A command is given when `submit` returns: from then on neither a restart nor offline hours lose it, and it is done once.
"""

import asyncio
import json
import os
import random
import uuid
from collections.abc import Callable, Generator
from typing import Any

from bellwire_terminal.clock import Clock
from bellwire_terminal.core.dispatch import Dispatch
from bellwire_terminal.core.records import Damaged
from bellwire_terminal.errors import Conflict, StorageFailed, TerminalError, Unfinished, Unreachable
from bellwire_terminal.files import AppendLog, MemoryLog
from bellwire_terminal.http import Client

COMPACT_RECORDS = 2_000


class Pending:
    """A command that was given. Await it for its answer; nobody has to."""

    def __init__(self, id_: str) -> None:
        self.id = id_
        self._answer: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()

    @property
    def is_done(self) -> bool:
        """Whether there is an answer, of either kind."""
        return self._answer.done()

    def __await__(self) -> Generator[Any, None, dict[str, Any]]:
        """Return the answer's document.

        Raises:
            Conflict: it was not done, and never will be.
            StorageFailed: the disk does not take what has to be kept.
            Unfinished: the outbox was closed first.
        """
        return asyncio.shield(self._answer).__await__()

    def settle(self, answer: dict[str, Any] | TerminalError) -> None:
        """The answer is there."""
        if self._answer.done():
            return
        if isinstance(answer, TerminalError):
            self._answer.set_exception(answer)
            # An owner may not care: then it is told by `on_conflict` alone.
            self._answer.exception()
        else:
            self._answer.set_result(answer)


class Outbox:
    """A terminal's commands. `on_conflict` is told of those that were refused, `on_done` of those that were done."""

    def __init__(
        self,
        path: str | os.PathLike[str] | None = None,
        *,
        on_conflict: Callable[[dict[str, Any], Conflict], None] | None = None,
        on_done: Callable[[dict[str, Any], dict[str, Any]], None] | None = None,
        on_hold: Callable[[str], None] | None = None,
        clock: Clock | None = None,
    ) -> None:
        self._log: AppendLog | MemoryLog = MemoryLog() if path is None else AppendLog(path)
        self._told = on_conflict
        self._done = on_done
        self._hold = on_hold
        self._clock = clock or Clock()
        self._machine = Dispatch()
        self._client: Client | None = None
        self._commands: dict[str, dict[str, Any]] = {}
        self._pending: dict[str, Pending] = {}
        self._given: dict[str, asyncio.Future[None]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._timer: asyncio.TimerHandle | None = None
        # Records are appended in the order in which the machine said them.
        self._writing = asyncio.Lock()
        self._records = 0
        self._compact_at = COMPACT_RECORDS
        # Why nothing more is done.
        self._end: TerminalError | None = None

    @property
    def waiting(self) -> int:
        """How many commands are given and not done."""
        return self._machine.waiting

    @property
    def commands(self) -> list[dict[str, Any]]:
        """Those commands, the oldest first."""
        return list(self._commands.values())

    def start(self, client: Client) -> None:
        """Read what the disk has, and go on from there.

        Raises:
            InUse: another terminal has the file.
            Damaged: the log is hurt before its end.
            OSError: it cannot be read.
        """
        self._client = client
        self._log.hold()
        try:
            records, commands = self._read()
        except BaseException:
            self._log.release()
            raise
        self._records = records
        self._commands = commands
        self._feed("start", commands=list(commands.values()))

    def _read(self) -> tuple[int, dict[str, dict[str, Any]]]:
        commands: dict[str, dict[str, Any]] = {}
        records = self._log.load()
        try:
            for entry in records:
                _take(entry, commands)
        except (KeyError, TypeError) as exc:
            raise Damaged("a record of the outbox is no command") from exc
        return len(records), commands

    async def submit(self, method: str, path: str, body: dict[str, Any] | None = None) -> Pending:
        """Give a command; it is on the disk when this returns.

        Raises:
            ValueError, TypeError: it cannot be sent: no path, or a body that is no JSON (amounts: numbers or text).
            StorageFailed: the disk does not take it; it was not given.
            TerminalError: ten thousand wait already, or the outbox is closed.
        """
        # As it is now, whatever becomes of the caller's objects; what cannot be sent would stand in the way for ever.
        sent: Any = json.loads(json.dumps(body, allow_nan=False, ensure_ascii=False).encode())
        if not (path.startswith("/") and path.isascii() and path.isprintable() and " " not in path):
            raise ValueError(f"{path!r} is no path")
        id_ = str(uuid.uuid4())
        command = {"id": id_, "method": method, "path": path, "body": sent}
        self._given[id_] = asyncio.get_running_loop().create_future()
        self._pending[id_] = Pending(id_)
        pending = self._pending[id_]
        try:
            self._feed("add", command=command)
            await asyncio.shield(self._given[id_])
        finally:
            self._given.pop(id_, None)
        return pending

    def release(self) -> None:
        """The key is good again: go on."""
        self._feed("release")

    def online(self) -> None:
        """There is a network again: do not wait for the end of the pause."""
        self._feed("online")

    async def settled(self) -> None:
        """Wait until nothing is left to do.

        Raises:
            Unfinished: the outbox is closed, and something is left.
            StorageFailed: the disk does not take what has to be kept.
        """
        while self._machine.waiting:
            if self._end is not None:
                raise self._end
            await asyncio.gather(*(asyncio.wait([p._answer]) for p in list(self._pending.values())))
            await asyncio.sleep(0.01)

    async def close(self) -> None:
        """Stop; what is not done stays on the disk, and to await it raises `Unfinished`."""
        self._feed("stop")
        if self._timer is not None:
            self._timer.cancel()
        try:
            # A record that is being written is written to its end: a thread cannot be stopped.
            async with self._writing:
                tasks = list(self._tasks)
                for task in tasks:
                    task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            for given in self._given.values():
                if not given.done():
                    given.set_exception(TerminalError("the outbox is closed"))
            self._ends(Unfinished(kept=isinstance(self._log, AppendLog)))
        finally:
            self._log.release()

    def _feed(self, type_: str, **members: Any) -> None:
        moment = {"at": self._clock.now_ms(), "wall": self._clock.wall_ms()}
        given = {"type": type_, **moment, "chance": random.random(), **members}  # noqa: S311 - jitter, no secret
        for output in self._machine.receive(given):
            self._perform(output)
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._machine.due is not None:
            self._timer = self._clock.call_at(self._machine.due, lambda: self._feed("wake"))

    def _perform(self, output: dict[str, Any]) -> None:
        match output["type"]:
            case "append":
                self._start(self._append(output["record"]))
            case "request":
                self._start(self._request(output))
            case "done" | "conflict":
                self._over(output)
            case "decline":
                given = self._given.get(output["id"])
                self._forget(output["id"])
                if given is not None and not given.done():
                    given.set_exception(TerminalError(f"the outbox is {output['why']}"))
            case "hold":
                self._tell(self._hold, output["reason"])
            case "stop":
                failure = StorageFailed("storage", None, output["detail"])
                for given in self._given.values():
                    if not given.done():
                        given.set_exception(failure)
                self._ends(failure)

    def _ends(self, why: TerminalError) -> None:
        self._end = self._end or why
        for pending in self._pending.values():
            pending.settle(self._end)

    def _over(self, output: dict[str, Any]) -> None:
        command, pending = self._forget(output["id"])
        if output["type"] == "done":
            answer: dict[str, Any] | TerminalError = output["body"] or {}
            self._tell(self._done, command, answer)
        else:
            answer = Conflict(output["status"], output["problem"], output["body"])
            self._tell(self._told, command, answer)
        if pending is not None:
            pending.settle(answer)

    @staticmethod
    def _tell(owner: Callable[..., None] | None, *said: Any) -> None:
        """Tell the owner; its fault is its own, and holds up no command."""
        if owner is None:
            return
        try:
            owner(*said)
        except Exception as exc:
            told = {"message": "a callback of the outbox raised", "exception": exc}
            asyncio.get_running_loop().call_exception_handler(told)

    def _forget(self, id_: str) -> tuple[dict[str, Any], Pending | None]:
        return self._commands.pop(id_, {}), self._pending.pop(id_, None)

    async def _append(self, entry: dict[str, Any]) -> None:
        async with self._writing:
            try:
                writing = asyncio.to_thread(self._log.append, entry)
                await asyncio.shield(writing)
            except OSError as exc:
                self._feed("append_failed", detail=str(exc))
                return
            self._records += 1
            if "add" in entry:
                self._commands[entry["add"]["id"]] = {**entry["add"], "tried": None}
            elif "end" in entry and self._records > self._compact_at:
                await self._compact(entry["end"])
        if "add" in entry:
            id_ = entry["add"]["id"]
            given = self._given.get(id_)
            if given is not None and not given.done():
                given.set_result(None)
            self._feed("added", id=id_)
        elif "try" in entry:
            if entry["try"] in self._commands:
                self._commands[entry["try"]]["tried"] = entry["wall"]
            self._feed("tried", id=entry["try"])
        else:
            self._feed("ended", id=entry["end"])

    async def _compact(self, ended: str) -> None:
        # Only of that which the disk has at this moment: one that is about to be given may be declined yet.
        left: list[dict[str, Any]] = []
        for command in self._commands.values():
            if command["id"] == ended:
                continue
            added = {name: command[name] for name in ("id", "method", "path", "body")}
            left.append({"add": added, "wall": 0})
            if command["tried"] is not None:
                left.append({"try": command["id"], "wall": command["tried"]})
        try:
            await asyncio.shield(asyncio.to_thread(self._log.rewrite, left))
            self._records = len(left)
        except OSError:
            # The log is as it was, only long; whether the disk takes anything, the next record shows.
            pass
        self._compact_at = self._records + COMPACT_RECORDS

    async def _request(self, asked: dict[str, Any]) -> None:
        assert self._client is not None
        headers = {"Idempotency-Key": asked["id"]}
        try:
            answer = await self._client.ask(
                asked["method"], asked["path"], body=asked["body"], headers=headers
            )
        except Unreachable as exc:
            self._feed("failed", id=asked["id"], reason=str(exc))
            return
        told = {"status": answer.status, "problem": answer.problem, "body": answer.json}
        self._feed("answered", id=asked["id"], retryAfterMs=answer.retry_after_ms, **told)

    def _start(self, work: Any) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _take(entry: dict[str, Any], commands: dict[str, dict[str, Any]]) -> None:
    """Read one record of the log."""
    if "add" in entry:
        commands[entry["add"]["id"]] = {**entry["add"], "tried": None}
    elif "try" in entry and entry["try"] in commands:
        commands[entry["try"]]["tried"] = entry["wall"]
    elif "end" in entry:
        commands.pop(entry["end"], None)
