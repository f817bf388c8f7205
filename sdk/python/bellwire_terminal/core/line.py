"""One event at a time from the stream to the handler, to the disk, and no further until it is there. Pure.

The order of things is the promise: handled, then stored, then acknowledged. A crash in between repeats the one event
that was in the hand, and no other.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from bellwire_terminal.core.config import Config
from bellwire_terminal.core.wait import Wait

KNOWN_OFFSETS = 256
FETCHES = 5
FETCH_AGAIN_MS = 1_000
HANDLE_AGAIN_MS = 500
LONGEST_AGAIN_MS = 30_000

Say = Callable[[dict[str, Any]], None]


@dataclass(slots=True)
class Item:
    """Something to take in order: an `event`, a `reset`, or a `mark` (a position that only has to be stored).

    `caught_up` is the number of the link whose replay is over here, 0 for none.
    """

    kind: str
    offset: str | None
    body: dict[str, Any] = field(default_factory=dict)
    caught_up: int = 0
    thin: bool = False
    snapshot: bool = False


def is_thin(event: dict[str, Any]) -> bool:
    """Whether an event left out what its order has."""
    data = event.get("data", {})
    return (
        isinstance(data, dict) and "orderId" in data and bool(data.get("itemsOmitted") or data.get("omitted"))
    )


def in_full(event: dict[str, Any], order: dict[str, Any]) -> dict[str, Any]:
    """A thin event with what was left out, from its order; what it had stays as it was when it was committed."""
    data = dict(event["data"])
    omitted = [*(["items"] if data.pop("itemsOmitted", False) else []), *data.pop("omitted", ())]
    data.pop("itemCount", None)
    data.update({name: order[name] for name in omitted if name in order})
    return {**event, "data": data}


class Line:
    """The items that were received, and the one in the hand. `cursor` is the last offset that is on the disk."""

    def __init__(self, config: Config, say: Say, finished: Callable[[Item], None]) -> None:
        self._config = config
        self._say = say
        self._finished = finished
        self._known: deque[str] = deque(maxlen=KNOWN_OFFSETS)
        self.cursor: str | None = None
        self.queue: deque[Item] = deque()
        self.hand: Item | None = None
        self.stage = ""
        self.tries = 0
        self.stopped = False
        self._wait = Wait()

    @property
    def again_at(self) -> int | None:
        """When what is in the hand is tried again."""
        return self._wait.until

    @property
    def idle(self) -> bool:
        """Nothing is here that was not finished."""
        return self.hand is None and not self.queue

    def holds(self, offset: str) -> bool:
        """Whether an event is here and not finished."""
        held = (self.hand, *self.queue)
        return any(item is not None and item.kind == "event" and item.offset == offset for item in held)

    def put_event(self, event: dict[str, Any]) -> bool:
        """Take an event from the stream; False where it is known already."""
        offset = str(event["offset"])
        if offset == self.cursor or offset in self._known or self.holds(offset):
            return False
        self.queue.append(Item("event", offset, event, thin=is_thin(event)))
        return True

    def put(self, item: Item) -> None:
        """Take something else in its order."""
        self.queue.append(item)

    def drop(self) -> None:
        """The stream is gone: what was not begun comes again, from the cursor on."""
        self.queue.clear()

    def advance(self, now: int) -> None:
        """Begin with the next item, as long as there is one that can be begun."""
        while self.hand is None and self.queue and not self.stopped:
            self._begin(self.queue.popleft(), now)

    def _begin(self, item: Item, now: int) -> None:
        self.hand, self.tries = item, 0
        if item.kind == "mark":
            if item.offset == self.cursor or item.offset is None:
                self._finish()
            else:
                self._store()
        elif item.kind == "reset" and item.snapshot:
            self.stage = "loading"
            self._say({"type": "fetch_snapshot"})
        elif item.thin:
            self._fetch()
        else:
            self._deliver()

    def _fetch(self) -> None:
        assert self.hand is not None
        self.stage = "fetching"
        self._wait.over()
        order_id = self.hand.body["data"]["orderId"]
        self._say({"type": "fetch_order", "offset": self.hand.offset, "orderId": order_id})

    def _deliver(self) -> None:
        assert self.hand is not None
        self.stage = "handling"
        self._wait.over()
        self.tries += 1
        said: dict[str, Any] = {
            "type": "deliver",
            "kind": self.hand.kind,
            "offset": self.hand.offset,
            "attempt": self.tries,
        }
        if self.hand.kind == "event":
            said["event"] = self.hand.body
            if self.hand.thin:
                said["thin"] = True
        else:
            said |= self.hand.body
        self._say(said)

    def _store(self) -> None:
        assert self.hand is not None
        self.stage = "storing"
        kept = {"tenant": self._config.tenant, "filter": self._config.filter_json, "offset": self.hand.offset}
        self._say({"type": "store", "cursor": kept})

    def _finish(self) -> None:
        assert self.hand is not None
        item, self.hand, self.stage = self.hand, None, ""
        self._finished(item)

    def _in_hand(self, offset: object, stage: str) -> bool:
        return self.hand is not None and self.stage == stage and self.hand.offset == offset

    def handled(self, offset: object) -> None:
        """The handler returned."""
        if self._in_hand(offset, "handling"):
            self._store()

    def raised(self, offset: object, error: str, now: int) -> None:
        """The handler raised: again after a while, and when it is enough into the dead letters."""
        if not self._in_hand(offset, "handling"):
            return
        if self.tries < self._config.attempts:
            pause = min(LONGEST_AGAIN_MS, HANDLE_AGAIN_MS * 2 ** (self.tries - 1))
            self.stage = "resting"
            # A handler needs what its owner knows, and has few attempts: a network is no reason for the next.
            self._wait.begin(now, pause, 0.0, fixed=True)
            told = {"offset": offset, "attempt": self.tries, "error": error, "againMs": pause}
            self._say({"type": "report", "kind": "handler", **told})
            return
        self.stage = "burying"
        self._say(
            {"type": "report", "kind": "handler", "offset": offset, "attempt": self.tries, "error": error}
        )
        self._say({"type": "bury", "offset": offset, "attempts": self.tries, "error": error})

    def buried(self, offset: object) -> None:
        """It is among the dead letters; the stream goes on."""
        if self._in_hand(offset, "burying"):
            self._store()

    def stored(self, offset: object) -> bool:
        """The cursor is on the disk: this is done for good. False where it was not waited for."""
        if not self._in_hand(offset, "storing"):
            return False
        self.cursor = str(offset)
        self._known.append(self.cursor)
        self._finish()
        return True

    def order(self, offset: object, order: dict[str, Any]) -> None:
        """The order of a thin event, in full."""
        if self._in_hand(offset, "fetching") and self.hand is not None:
            self.hand.body, self.hand.thin = in_full(self.hand.body, order), False
            self.tries = 0
            self._deliver()

    def order_failed(
        self, offset: object, retry_after_ms: int | None, now: int, chance: float, *, passing: bool
    ) -> None:
        """It could not be had: asked again where that may help, and in the end delivered as it is, and marked thin."""
        if not self._in_hand(offset, "fetching"):
            return
        self.tries += 1
        if passing and self.tries < FETCHES:
            pause = min(LONGEST_AGAIN_MS, retry_after_ms or FETCH_AGAIN_MS * 2 ** (self.tries - 1))
            self.stage = "fetch-resting"
            self._wait.begin(now, pause, chance, fixed=bool(retry_after_ms))
            return
        self.tries = 0
        self._deliver()

    def snapshot(self, offset: str, orders: list[Any]) -> None:
        """The open orders, and the position at which they were read."""
        if self.hand is not None and self.stage == "loading":
            reason = self.hand.body["reason"]
            self.hand.kind, self.hand.offset = "snapshot", offset
            self.hand.body = {"reason": reason, "orders": orders}
            self._deliver()

    def snapshot_failed(self, pause_ms: int, now: int, chance: float, *, fixed: bool) -> None:
        """It could not be had now."""
        if self.hand is not None and self.stage == "loading":
            self.stage = "load-resting"
            self._wait.begin(now, pause_ms, chance, fixed=fixed)

    def online(self, now: int, chance: float) -> None:
        """There is a network again: what is fetched is fetched soon."""
        self._wait.online(now, chance, trying=self.stage in ("fetching", "loading"))

    def wake(self, now: int) -> None:
        """Do again what rested long enough."""
        if self.stopped or not self._wait.is_over(now):
            return
        self._wait.over()
        match self.stage:
            case "resting":
                self._deliver()
            case "fetch-resting":
                self._fetch()
            case _:
                self.stage = "loading"
                self._say({"type": "fetch_snapshot"})
