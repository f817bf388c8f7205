"""The state machine of a terminal: connection, doors, watch, line of events, acks. Pure.

`receive` takes one thing that happened and returns what to do, in order; `due` is when it wants a `wake`. Inputs and
outputs are the JSON of `sdk/vectors/README.md`, which is their description.
"""

from typing import Any

from bellwire_terminal.core.acks import Acks
from bellwire_terminal.core.backoff import Backoff
from bellwire_terminal.core.config import Config
from bellwire_terminal.core.ladder import PASSING, Ladder, is_shut
from bellwire_terminal.core.line import Item, Line
from bellwire_terminal.core.offsets import distance
from bellwire_terminal.core.shapes import is_event, is_message, is_page
from bellwire_terminal.core.showing import shown
from bellwire_terminal.core.wait import Wait
from bellwire_terminal.core.watch import HELLO_MS, Watch

POLL_SECONDS = 25
POLL_SLACK_MS = 15_000
POLL_AGAIN_MS = 1_000
"""A long poll that comes back empty at once is no long poll: it is not asked again at once."""
FLOOD_WINDOWS = 4
"""A stream that goes on after we stopped reading fills no memory: we leave, and come back where we were."""
BYE = 1000
GARBLED = 1002
GAVE_UP = 4000
"""Our own word for a stream that we left because it stood still."""

CODES = {4401: "unauthorized", 4403: "forbidden", 4404: "not-found"}
STATUSES = {400: "refused", 401: "unauthorized", 403: "forbidden", 404: "not-found", 422: "refused"}
KEY_IS_NO_GOOD = frozenset({"unauthorized", "forbidden"})


class Machine:
    """One terminal. Made once a process; it lives over all connections."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self._out: list[dict[str, Any]] = []
        self._now = 0
        self._chance = 0.0
        self._line = Line(config, self._say, self._finished)
        self._acks = Acks()
        self._ladder = Ladder(config.doors)
        self._backoff = Backoff()
        self._snapshots = Backoff()
        self._watch = Watch()
        self._phase = "new"
        self._start = config.start
        self._link = 0
        self._open = False
        self._greeted_at: int | None = None
        self._polling = False
        self._polled_at = 0
        self._poll_at: int | None = None
        self._paused = False
        self._received: str | None = None
        self._reading: str | None = None
        self._return = Wait()
        self._away_since: int | None = None
        self._state: dict[str, Any] = {}
        self._done = 0
        self._of: int | None = None
        self._live = False

    @property
    def cursor(self) -> str | None:
        """The last offset that is on the disk."""
        return self._line.cursor

    @property
    def due(self) -> int | None:
        """When a `wake` is wanted, in milliseconds; None while nothing is waited for."""
        if self._phase == "over":
            return None
        times = [self._return.until, self._line.again_at]
        if self._config.acks:
            times.append(self._acks.due)
        if self._open:
            times += [self._watch.silent_at, self._watch.behind_at, self._ladder.climb_at, self._poll_at]
        return min((at for at in times if at is not None), default=None)

    def receive(self, given: dict[str, Any]) -> list[dict[str, Any]]:
        """Take one input, and return the outputs in the order in which they are to be done.

        `at` is a monotonic clock's milliseconds (a clock that goes back is taken to stand), `chance` in [0, 1) is this
        input's own.

        Raises:
            ValueError: there is no such input.
        """
        self._now = max(self._now, int(given["at"]))
        self._chance = float(given.get("chance", 0.5))
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
            self._start = "acked"
        elif given.get("cursor") is not None and not self._take_cursor(given["cursor"]):
            return
        if self._line.cursor is None and self._start == "snapshot":
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
            self._start = "acked"
        return True

    def _on_stop(self, _: dict[str, Any]) -> None:
        if self._phase == "over":
            return
        if (
            self._open
            and self._greeted_at is not None
            and self._ladder.door == "websocket"
            and self._config.acks
        ):
            frame = self._acks.frame(self._line.cursor, self._now, idle=True)
            if frame is not None:
                self._say({"type": "send", "link": self._link, "message": frame})
        self._end("closed")

    def _on_owner(self, given: dict[str, Any]) -> None:
        if self._phase != "asking":
            return
        if given["decision"] == "return":
            self._connect()
        else:
            self._end("replaced", code=4409)

    def _on_online(self, _: dict[str, Any]) -> None:
        if self._phase == "over":
            return
        greeted = self._greeted_at is not None
        self._return.online(self._now, self._chance, trying=self._open and not greeted)
        self._line.online(self._now, self._chance)
        self._acks.online(self._now, self._chance)
        if self._open and greeted and self._ladder.door == "websocket" and not self._paused:
            # Another network may have left this connection behind: it says so soon, or is given up.
            self._say({"type": "send", "link": self._link, "message": {"type": "ping"}})
            self._watch.probe(self._now)

    def _on_wake(self, _: dict[str, Any]) -> None:
        if self._phase == "over":
            return
        self._line.wake(self._now)
        if self._return.is_over(self._now):
            self._connect()
        if not self._open:
            return
        if self._passed(self._watch.silent_at):
            greeted = self._greeted_at is not None
            self._leave("silence" if greeted else "no hello")
        elif self._passed(self._watch.behind_at):
            self._leave("the head is not reached")
        elif self._passed(self._ladder.climb_at):
            self._close(BYE)
            self._line.drop()
            self._ladder.climb()
            self._connect()

    def _passed(self, at: int | None) -> bool:
        return at is not None and self._now >= at

    def _on_handled(self, given: dict[str, Any]) -> None:
        self._line.handled(given["offset"])

    def _on_raised(self, given: dict[str, Any]) -> None:
        if self._phase != "over":
            self._line.raised(given["offset"], given["error"], self._now)

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
        self._line.order_failed(
            given["offset"], given.get("retryAfterMs"), self._now, self._chance,
            passing=_is_passing(given.get("status")),
        )  # fmt: skip

    def _on_snapshot(self, given: dict[str, Any]) -> None:
        self._snapshots.steady()
        self._line.snapshot(given["offset"], shown(given["orders"], self._config.filter_json))

    def _on_snapshot_failed(self, given: dict[str, Any]) -> None:
        status = given.get("status")
        if given.get("problem") is not None and status in STATUSES:
            self._end(STATUSES[status], code=status, detail=given["problem"])
            return
        told = given.get("retryAfterMs")
        pause = self._snapshots.wait_ms(self._chance, None, told)
        self._line.snapshot_failed(pause, self._now, self._chance, fixed=told is not None)

    def _on_acked(self, _: dict[str, Any]) -> None:
        self._acks.posted()

    def _on_ack_failed(self, given: dict[str, Any]) -> None:
        passing = _is_passing(given.get("status"))
        lost = self._acks.failed(self._now, self._chance, given.get("retryAfterMs"), passing=passing)
        if lost is not None:
            self._say({"type": "report", "kind": "ack-refused", "status": given["status"], "body": lost})

    # Words of the network; those of an earlier link count for nothing.

    def _on_failed(self, given: dict[str, Any]) -> None:
        if self._is_ours(given):
            # Where nothing was reached the network is down, whatever the door.
            self._lost(given["reason"], counts=bool(given["reached"]))

    def _on_refused(self, given: dict[str, Any]) -> None:
        if not self._is_ours(given):
            return
        status, problem = given["status"], given.get("problem")
        shut = is_shut(status, problem)
        if problem is not None and status in STATUSES and not shut:
            self._open = False
            self._end(STATUSES[status], code=status, detail=problem)
            return
        why = f"{status} {problem or ''}".rstrip()
        self._lost(why, retry_after_ms=given.get("retryAfterMs"), shut=shut, counts=problem is None)

    def _on_closed(self, given: dict[str, Any]) -> None:
        if not self._is_ours(given):
            return
        code, reason = given["code"], given.get("reason", "")
        stop = "refused" if code == 4400 and self._greeted_at is None else CODES.get(code)
        if stop is not None:
            self._open = False
            self._end(stop, code=code, detail=reason)
        elif code == 4409:
            self._gone()
            self._phase = "asking"
            self._tell({"state": "replaced"})
            self._say({"type": "ask", "question": "replaced"})
        else:
            slot = slot_in(reason)
            self._lost(f"{code} {reason}".rstrip(), slot_ms=slot, counts=slot is None)

    def _on_garbled(self, given: dict[str, Any]) -> None:
        if self._is_ours(given):
            self._garbled()

    def _garbled(self) -> None:
        self._say({"type": "report", "kind": "garbled"})
        self._leave("garbled", GARBLED)

    def _on_message(self, given: dict[str, Any]) -> None:
        if not self._is_ours(given):
            return
        message = given["message"]
        if not is_message(message):
            self._garbled()
            return
        kind = message["type"]
        if self._greeted_at is None and kind != "hello":
            self._leave("no hello", GARBLED)
            return
        if not self._paused:
            self._watch.heard(self._now)
        match kind:
            case "hello":
                self._hello(message)
            case "caught_up":
                self._received = message["offset"]
                self._line.put(Item("mark", message["offset"], caught_up=self._link))
            case "heartbeat" | "pong":
                self._head(message["head"])
            case "reset":
                self._reset(message["to"], message["reason"])
            case "error":
                told = {"code": message.get("code"), "detail": message.get("detail")}
                self._say({"type": "report", "kind": "server", **told})
            case _ if is_event(message):
                self._event(message)

    def _on_page(self, given: dict[str, Any]) -> None:
        if not self._is_ours(given):
            return
        page = given["page"]
        if not is_page(page):
            self._garbled()
            return
        self._polling = False
        if not page["events"] and not page["more"]:
            self._poll_at = max(self._now, self._polled_at + POLL_AGAIN_MS)
        self._watch.rest()
        self._reading = page.get("reading")
        if self._greeted_at is None:
            self._greet(page["head"], self._line.cursor)
        reset = page.get("reset")
        if reset is not None:
            self._reset(reset["to"], reset["reason"])
            if self._phase == "snapshot":
                return
        for event in page["events"]:
            self._event(event)
        self._line.put(Item("mark", page["offset"], caught_up=0 if page["more"] else self._link))

    def _is_ours(self, given: dict[str, Any]) -> bool:
        return self._open and given["link"] == self._link

    def _hello(self, message: dict[str, Any]) -> None:
        self._watch.hello(message["heartbeatSeconds"])
        self._watch.heard(self._now)
        self._reading = message.get("reading")
        self._received = message["after"]
        if self._line.cursor is None and self._start == "head":
            # From now on this is where we were: a cut before the first event must not move us to a later head.
            self._line.put(Item("mark", message["after"]))
        self._greet(message["head"], message["after"])

    def _greet(self, head: str, after: str | None) -> None:
        self._greeted_at = self._now
        self._return.over()
        self._ladder.opened(self._now)
        self._away_since = None
        self._done, self._live = 0, False
        self._of = None if after is None or self._config.filter else distance(after, head)
        if head != after:
            self._tell({"state": "catching_up", "done": 0, "of": self._of})

    def _head(self, head: str) -> None:
        # With a filter, the head says nothing about what is due here; and who does not read is not sent it.
        if not self._config.filter and not self._paused:
            self._watch.head(self._now, reached=head == self._received)

    def _event(self, event: dict[str, Any]) -> None:
        self._received = event["offset"]
        self._watch.progress()
        if not self._line.put_event(event) and not self._line.holds(event["offset"]):
            # Finished between two streams: it is one of those that were to be caught up with.
            self._done += 1
        if len(self._line.queue) > FLOOD_WINDOWS * self._config.window and self._ladder.door != "poll":
            self._leave("flood")

    def _reset(self, to: str, reason: str) -> None:
        self._received = to
        if self._config.snapshots:
            # The snapshot is later than `to`, and so is the stream that goes on behind it.
            self._close(BYE)
            self._phase = "snapshot"
            self._tell({"state": "resetting", "reason": reason})
        said = {"reason": reason, "to": to}
        self._line.put(Item("reset", to, said, snapshot=self._config.snapshots))

    # Consequences.

    def _finished(self, item: Item) -> None:
        if item.kind == "snapshot":
            self._acks.shown([order["orderId"] for order in item.body["orders"]])
            if self._phase == "snapshot":
                self._connect()
        elif item.kind == "event" and self._open and self._greeted_at is not None and not self._live:
            self._done += 1
            self._tell({"state": "catching_up", "done": self._done, "of": self._of})
        if item.caught_up == self._link and self._open:
            self._live = True
            self._tell({"state": "live"})

    def _settle(self) -> None:
        self._line.advance(self._now)
        if self._phase == "over":
            return
        self._hold_back()
        if self._config.acks:
            self._acknowledge()
        polls = self._open and self._ladder.door == "poll" and self._greeted_at is not None
        if (
            polls
            and not self._polling
            and self._line.idle
            and (self._poll_at is None or self._passed(self._poll_at))
        ):
            self._poll(POLL_SECONDS if self._live else 0)

    def _hold_back(self) -> None:
        if not self._open or self._ladder.door == "poll":
            return
        waiting = len(self._line.queue)
        if not self._paused and waiting >= self._config.window:
            self._paused = True
            self._watch.rest()
            self._say({"type": "pause", "link": self._link})
        elif self._paused and waiting <= self._config.window // 2:
            self._paused = False
            self._watch.heard(self._now)
            self._say({"type": "resume", "link": self._link})

    def _acknowledge(self) -> None:
        on_link = self._open and self._greeted_at is not None
        by_frame = on_link and self._ladder.door == "websocket"
        if by_frame:
            frame = self._acks.frame(self._line.cursor, self._now, idle=self._line.idle)
            if frame is not None:
                self._say({"type": "send", "link": self._link, "message": frame})
        reading = self._reading if on_link and not by_frame else None
        body = self._acks.request(self._line.cursor, reading, self._now, idle=self._line.idle)
        if body is not None:
            self._say({"type": "post_ack", "body": body})

    # Connections.

    def _connect(self) -> None:
        self._link += 1
        self._phase, self._open = "connected", True
        self._return.over()
        self._greeted_at, self._paused, self._polling, self._live = None, False, False, False
        self._reading = None
        if self._ladder.door == "poll":
            self._poll(0)
            return
        self._watch.begin(self._now, HELLO_MS)
        after = self._after()
        said: dict[str, Any] = {
            "type": "connect",
            "link": self._link,
            "door": self._ladder.door,
            "after": after,
        }
        self._say(said | {"filter": self._config.filter_json})

    def _after(self) -> str | None:
        if self._line.cursor is not None:
            return self._line.cursor
        return None if self._start == "head" else "acked" if self._start == "snapshot" else self._start

    def _poll(self, seconds: int) -> None:
        self._polling, self._polled_at, self._poll_at = True, self._now, None
        self._watch.begin(self._now, seconds * 1000 + POLL_SLACK_MS)
        said: dict[str, Any] = {"type": "poll", "link": self._link, "after": self._after(), "wait": seconds}
        self._say(said | {"filter": self._config.filter_json})

    def _leave(self, why: str, code: int = GAVE_UP) -> None:
        """Give a stream up that is of no use."""
        self._say({"type": "close", "link": self._link, "code": code})
        self._lost(why, counts=True)

    def _close(self, code: int) -> None:
        self._say({"type": "close", "link": self._link, "code": code})
        self._gone()

    def _gone(self) -> None:
        self._open, self._live, self._poll_at = False, False, None
        self._watch.rest()

    def _lost(
        self,
        why: str,
        *,
        slot_ms: int | None = None,
        retry_after_ms: int | None = None,
        shut: bool = False,
        counts: bool = False,
    ) -> None:
        """There is no stream any more, or there never was: come back later, maybe by another door."""
        greeted = self._greeted_at
        self._gone()
        self._line.drop()
        backoff = self._backoff
        if greeted is None:
            if self._ladder.climbing:
                # The door below is known to work; its failures are not this one's.
                backoff = Backoff()
            self._ladder.failed(shut=shut, counts=counts)
        else:
            backoff.lived(self._now - greeted)
        if self._away_since is None:
            self._away_since = self._now
            self._tell({"state": "offline", "since": self._now})
        self._phase = "waiting"
        told = slot_ms is not None or retry_after_ms is not None
        pause = backoff.wait_ms(self._chance, slot_ms, retry_after_ms)
        wait = self._return.begin(self._now, pause, self._chance, fixed=told)
        self._say({"type": "wait", "ms": wait, "door": self._ladder.door, "why": why})

    def _end(self, reason: str, *, code: int | None = None, detail: str = "") -> None:
        if self._phase == "over":
            return
        if self._open:
            self._close(BYE)
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
