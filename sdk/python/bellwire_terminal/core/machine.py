"""The state machine of a terminal: what each input means for its connection, its line of events and its acks. Pure.

`receive` takes one thing that happened and returns what to do, in order; `due` is when it wants a `wake`. Inputs and
outputs are the JSON of `sdk/vectors/README.md`, which is their description.
"""

from typing import Any

from bellwire_terminal.core.acks import Acks
from bellwire_terminal.core.backoff import Backoff
from bellwire_terminal.core.config import Config
from bellwire_terminal.core.connection import GARBLED, Connection, Moment
from bellwire_terminal.core.ladder import PASSING, is_shut
from bellwire_terminal.core.line import Item, Line
from bellwire_terminal.core.offsets import distance
from bellwire_terminal.core.shapes import is_event, is_message, is_page
from bellwire_terminal.core.showing import shown

CODES = {4401: "unauthorized", 4403: "forbidden", 4404: "not-found"}
STATUSES = {400: "refused", 401: "unauthorized", 403: "forbidden", 404: "not-found", 422: "refused"}
KEY_IS_NO_GOOD = frozenset({"unauthorized", "forbidden"})


class Machine:
    """One terminal. Made once a process; it lives over all connections."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self._out: list[dict[str, Any]] = []
        self._moment = Moment()
        self._line = Line(config, self._say, self._finished)
        self._connection = Connection(config, self._moment, self._line, self._say, self._tell)
        self._acks = Acks()
        self._snapshots = Backoff()
        self._phase = "new"
        self._received: str | None = None
        self._state: dict[str, Any] = {}
        self._done = 0
        self._of: int | None = None

    @property
    def cursor(self) -> str | None:
        """The last offset that is on the disk."""
        return self._line.cursor

    @property
    def due(self) -> int | None:
        """When a `wake` is wanted, in milliseconds; None while nothing is waited for."""
        if self._phase == "over":
            return None
        times = [*self._connection.due, self._line.again_at]
        if self._config.acks:
            posts = self._posted_reading is not None
            times.append(self._acks.due(frames=self._acks_by_frame, posts=posts))
        return min((at for at in times if at is not None), default=None)

    def receive(self, given: dict[str, Any]) -> list[dict[str, Any]]:
        """Take one input, and return the outputs in the order in which they are to be done.

        `at` is a monotonic clock's milliseconds (a clock that goes back is taken to stand), `chance` in [0, 1) is this
        input's own.

        Raises:
            ValueError: there is no such input.
        """
        self._moment.now = max(self._moment.now, int(given["at"]))
        self._moment.chance = float(given.get("chance", 0.5))
        take = getattr(self, f"_on_{given['type']}", None)
        if take is None:
            raise ValueError(f"there is no input {given['type']!r}")
        take(given)
        self._settle()
        out, self._out = self._out, []
        return out

    # Words of the owner, the disk and the clock.

    def _on_start(self, given: dict[str, Any]) -> None:
        if self._phase != "new":
            return
        self._tell({"state": "connecting"})
        if given.get("damaged") is not None:
            if self._config.on_damage == "stop":
                self._end("cursor-damaged", detail=given["damaged"])
                return
            self._say({"type": "report", "kind": "cursor-damaged", "detail": given["damaged"]})
            self._connection.start = "acked"
        elif given.get("cursor") is not None and not self._take_cursor(given["cursor"]):
            return
        if self._line.cursor is None and self._connection.start == "snapshot":
            self._phase = "snapshot"
            self._line.put(Item("reset", None, {"reason": "start"}, snapshot=True))
        else:
            self._connect()

    def _take_cursor(self, kept: dict[str, Any]) -> bool:
        if kept["tenant"] != self._config.tenant:
            self._end("cursor-damaged", detail=f"the cursor is of another shop: {kept['tenant']}")
            return False
        if kept["filter"] == self._config.filter_json:
            self._line.cursor = kept["offset"]
        else:
            # Events that the old filter kept out lie before the cursor. The server knows from where this one has all.
            self._say({"type": "report", "kind": "filter-changed", "filter": kept["filter"]})
            self._connection.start = "acked"
        return True

    def _on_stop(self, _: dict[str, Any]) -> None:
        if self._phase == "over":
            return
        if self._acks_by_frame:
            self._frame(idle=True)
        self._end("closed")

    def _on_owner(self, given: dict[str, Any]) -> None:
        if self._phase != "asking":
            return
        if given["decision"] == "return":
            self._connect()
        else:
            self._end("replaced", code=4409)

    def _on_online(self, _: dict[str, Any]) -> None:
        if self._phase != "over":
            self._line.online(self._moment.now, self._moment.chance)
            self._acks.online(self._moment.now, self._moment.chance)
            self._connection.online()

    def _on_wake(self, _: dict[str, Any]) -> None:
        if self._phase != "over":
            self._line.wake(self._moment.now)
            self._connection.wake()

    def _on_handled(self, given: dict[str, Any]) -> None:
        self._line.handled(given["offset"])

    def _on_raised(self, given: dict[str, Any]) -> None:
        if self._phase != "over":
            self._line.raised(given["offset"], given["error"], self._moment.now)

    def _on_buried(self, given: dict[str, Any]) -> None:
        self._line.buried(given["offset"])

    def _on_stored(self, given: dict[str, Any]) -> None:
        if self._line.stored(given["offset"]):
            self._acks.stored()

    def _on_store_failed(self, given: dict[str, Any]) -> None:
        self._end("storage", detail=given["detail"])

    def _on_order(self, given: dict[str, Any]) -> None:
        self._line.order(given["offset"], given["order"])

    def _on_order_failed(self, given: dict[str, Any]) -> None:
        now, chance = self._moment.now, self._moment.chance
        passing = _is_passing(given.get("status"))
        self._line.order_failed(given["offset"], given.get("retryAfterMs"), now, chance, passing=passing)

    def _on_snapshot(self, given: dict[str, Any]) -> None:
        self._snapshots.steady()
        self._line.snapshot(given["offset"], shown(given["orders"], self._config.filter_json))

    def _on_snapshot_failed(self, given: dict[str, Any]) -> None:
        status = given.get("status")
        if given.get("problem") is not None and status in STATUSES:
            self._end(STATUSES[status], code=status, detail=given["problem"])
            return
        now, chance, told = self._moment.now, self._moment.chance, given.get("retryAfterMs")
        pause = self._snapshots.wait_ms(chance, None, told)
        self._line.snapshot_failed(pause, now, chance, fixed=told is not None)

    def _on_acked(self, _: dict[str, Any]) -> None:
        self._acks.posted()

    def _on_ack_failed(self, given: dict[str, Any]) -> None:
        passing = _is_passing(given.get("status"))
        now, chance = self._moment.now, self._moment.chance
        lost = self._acks.failed(now, chance, given.get("retryAfterMs"), passing=passing)
        if lost is not None:
            self._say({"type": "report", "kind": "ack-refused", "status": given["status"], "body": lost})

    # Words of the network; those of an earlier link count for nothing.

    def _on_failed(self, given: dict[str, Any]) -> None:
        if self._connection.is_ours(given):
            # Where nothing was reached the network is down, whatever the door.
            self._connection.lost(given["reason"], counts=bool(given["reached"]))

    def _on_refused(self, given: dict[str, Any]) -> None:
        if not self._connection.is_ours(given):
            return
        status, problem = given["status"], given.get("problem")
        shut = is_shut(status, problem)
        if problem is not None and status in STATUSES and not shut:
            self._connection.gone()
            self._end(STATUSES[status], code=status, detail=problem)
            return
        why = f"{status} {problem or ''}".rstrip()
        retry = given.get("retryAfterMs")
        self._connection.lost(why, retry_after_ms=retry, shut=shut, counts=problem is None)

    def _on_closed(self, given: dict[str, Any]) -> None:
        if not self._connection.is_ours(given):
            return
        code, reason = given["code"], given.get("reason", "")
        stop = "refused" if code == 4400 and not self._connection.is_greeted else CODES.get(code)
        if stop is not None:
            self._connection.gone()
            self._end(stop, code=code, detail=reason)
        elif code == 4409:
            self._connection.gone()
            self._phase = "asking"
            self._tell({"state": "replaced"})
            self._say({"type": "ask", "question": "replaced"})
        else:
            slot = slot_in(reason)
            self._connection.lost(f"{code} {reason}".rstrip(), slot_ms=slot, counts=slot is None)

    def _on_garbled(self, given: dict[str, Any]) -> None:
        if self._connection.is_ours(given):
            self._garbled()

    def _garbled(self) -> None:
        self._say({"type": "report", "kind": "garbled"})
        self._connection.leave("garbled", GARBLED)

    def _on_message(self, given: dict[str, Any]) -> None:
        if not self._connection.is_ours(given):
            return
        message = given["message"]
        if not is_message(message):
            self._garbled()
            return
        kind = message["type"]
        if not self._connection.is_greeted and kind != "hello":
            self._connection.leave("no hello", GARBLED)
            return
        self._connection.heard()
        match kind:
            case "hello":
                self._hello(message)
            case "caught_up":
                self._received = message["offset"]
                self._line.put(Item("mark", message["offset"], caught_up=self._connection.number))
            case "heartbeat" | "pong":
                self._connection.head(reached=message["head"] == self._received)
            case "reset":
                self._reset(message["to"], message["reason"])
            case "error":
                told = {"code": message.get("code"), "detail": message.get("detail")}
                self._say({"type": "report", "kind": "server", **told})
            case _ if is_event(message):
                self._event(message)

    def _on_page(self, given: dict[str, Any]) -> None:
        if not self._connection.is_ours(given):
            return
        page = given["page"]
        if not is_page(page):
            self._garbled()
            return
        self._connection.paged(empty=not page["events"] and not page["more"])
        self._connection.reading = page.get("reading")
        if not self._connection.is_greeted:
            self._greet(page["head"], self._line.cursor)
        reset = page.get("reset")
        if reset is not None:
            self._reset(reset["to"], reset["reason"])
            if self._phase == "snapshot":
                return
        for event in page["events"]:
            self._event(event)
        caught_up = 0 if page["more"] else self._connection.number
        self._line.put(Item("mark", page["offset"], caught_up=caught_up))

    def _hello(self, message: dict[str, Any]) -> None:
        self._connection.hello(message["heartbeatSeconds"])
        self._connection.reading = message.get("reading")
        self._received = message["after"]
        if self._line.cursor is None and self._connection.start == "head":
            # From now on this is where we were: a cut before the first event must not move us to a later head.
            self._line.put(Item("mark", message["after"]))
        self._greet(message["head"], message["after"])

    def _greet(self, head: str, after: str | None) -> None:
        self._connection.greet()
        self._done = 0
        self._of = None if after is None or self._config.filter else distance(after, head)
        if head != after:
            self._tell({"state": "catching_up", "done": 0, "of": self._of})

    def _event(self, event: dict[str, Any]) -> None:
        self._received = event["offset"]
        if not self._line.put_event(event) and not self._line.holds(event["offset"]):
            # Finished between two streams: it is one of those that were to be caught up with.
            self._done += 1
        self._connection.event()

    def _reset(self, to: str, reason: str) -> None:
        self._received = to
        if self._config.snapshots:
            # The snapshot is later than `to`, and so is the stream that goes on behind it.
            self._connection.close()
            self._phase = "snapshot"
            self._tell({"state": "resetting", "reason": reason})
        said = {"reason": reason, "to": to}
        self._line.put(Item("reset", to, said, snapshot=self._config.snapshots))

    # Consequences.

    def _connect(self) -> None:
        self._phase = "begun"
        self._connection.open()

    def _finished(self, item: Item) -> None:
        connection = self._connection
        if item.kind == "snapshot":
            self._acks.shown([order["orderId"] for order in item.body["orders"]])
            if self._phase == "snapshot":
                self._connect()
        elif item.kind == "event" and connection.is_greeted and not connection.is_live:
            self._done += 1
            self._tell({"state": "catching_up", "done": self._done, "of": self._of})
        if item.caught_up == connection.number and connection.is_open:
            connection.is_live = True
            self._tell({"state": "live"})

    def _settle(self) -> None:
        self._line.advance(self._moment.now)
        if self._phase == "over":
            return
        self._connection.hold_back()
        if self._config.acks:
            self._acknowledge()
        self._connection.poll_on()

    @property
    def _acks_by_frame(self) -> bool:
        return self._config.acks and self._connection.is_greeted and self._connection.door == "websocket"

    @property
    def _posted_reading(self) -> str | None:
        """The reading whose acks are posted: of a stream that takes no frame."""
        takes_none = self._connection.is_greeted and not self._acks_by_frame
        return self._connection.reading if takes_none else None

    def _frame(self, *, idle: bool) -> None:
        frame = self._acks.frame(self._line.cursor, self._moment.now, idle=idle)
        if frame is not None:
            self._say({"type": "send", "link": self._connection.number, "message": frame})

    def _acknowledge(self) -> None:
        idle = self._line.idle
        if self._acks_by_frame:
            self._frame(idle=idle)
        body = self._acks.request(self._line.cursor, self._posted_reading, self._moment.now, idle=idle)
        if body is not None:
            self._say({"type": "post_ack", "body": body})

    def _end(self, reason: str, *, code: int | None = None, detail: str = "") -> None:
        if self._phase == "over":
            return
        if self._connection.is_open:
            self._connection.close()
        self._phase = "over"
        self._line.stopped = True
        self._line.drop()
        self._tell(
            {"state": "revoked"} if reason in KEY_IS_NO_GOOD else {"state": "stopped", "reason": reason}
        )
        self._say({"type": "stop", "reason": reason, "code": code, "detail": detail})

    def _say(self, output: dict[str, Any]) -> None:
        self._out.append(output)

    def _tell(self, state: dict[str, Any]) -> None:
        if state != self._state:
            self._state = state
            self._say({"type": "state", **state})


def slot_in(reason: str) -> int | None:
    """The `retry_ms=<n>` of a close's reason.

    >>> slot_in("unavailable retry_ms=2000"), slot_in("bye")
    (2000, None)
    """
    digits = reason.partition("retry_ms=")[2].partition(" ")[0]
    return int(digits) if digits.isascii() and digits.isdigit() and len(digits) <= 15 else None


def _is_passing(status: int | None) -> bool:
    """Whether the same request may be answered otherwise in a moment; None: there was no answer."""
    return status is None or status >= 500 or status in PASSING
