"""The machine against a small world that knows nothing of it, whatever network, handler, disk and crashes do.

The world is a log, a disk and a link. Its rule is one sentence: what is delivered is what follows the disk.
"""

from typing import Any

from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from bellwire_terminal.core.config import Config
from bellwire_terminal.core.machine import Machine
from tests.sdk.judge import verdict

ORDER = {"items": [{"name": "Soup"}]}
COMES_BACK = (1000, 1001, 1005, 1006, 1009, 1011, 1012, 4400, 4408, 4429, 4503)


class World(RuleBasedStateMachine):
    """One terminal, its server and its disk. `log` holds offsets, oldest first."""

    def __init__(self) -> None:
        super().__init__()
        self.log: list[str] = []
        self.thin: set[str] = set()
        self.epoch = 1
        self.disk: str | None = None
        self.record: list[str] = []
        self.crashed_with: list[str] = []
        self.now = 0
        self.chance = 0.5
        self.snapshots = True
        self.doors: tuple[str, ...] = ("websocket", "sse", "poll")

    # The process.

    @initialize(
        doors=st.sampled_from([("websocket", "sse", "poll"), ("websocket",), ("sse",), ("poll",)]),
        snapshots=st.booleans(),
    )
    def begin(self, doors: tuple[str, ...], snapshots: bool) -> None:
        """A till is switched on for the first time."""
        self.doors, self.snapshots = doors, snapshots
        self._process()

    def _process(self) -> None:
        self.machine = Machine(
            Config("kitchen", doors=self.doors, window=3, attempts=2, snapshots=self.snapshots)
        )
        self.link, self.door, self.wait = 0, "", None
        self.greeted = self.caught_up = self.paused = False
        self.at = 0
        self.hand: dict[str, Any] | None = None
        self.storing: str | None = None
        self.burying: str | None = None
        self.fetching: str | None = None
        self.loading = self.posting = self.asked = False
        self.must_reset = False
        self.transcript: list[Any] = []
        cursor = None if self.disk is None else {"tenant": "kitchen", "filter": {}, "offset": self.disk}
        self.feed("start", cursor=cursor)

    @rule()
    def crash(self) -> None:
        """The power goes; what is not on the disk is gone."""
        if self.hand is not None:
            self.crashed_with.append(self.hand["offset"])
        if self.storing is not None:
            self.crashed_with.append(self.storing)
        self._judge()
        self._process()

    def feed(self, type_: str, **members: Any) -> None:
        """Give an input, and do what comes out of it."""
        given = {"type": type_, "at": self.now, "chance": self.chance, **members}
        out = self.machine.receive(given)
        self.transcript.append((given, out, self.machine.due))
        for output in out:
            getattr(self, f"_do_{output['type']}")(output)

    def _do_connect(self, output: dict[str, Any]) -> None:
        assert not self.link, "two links"
        self.link, self.door = output["link"], output["door"]
        self.greeted = self.caught_up = self.paused = False
        self._named(output["after"])

    def _do_poll(self, output: dict[str, Any]) -> None:
        assert self.link in (0, output["link"])
        self.link, self.door, self.asked = output["link"], "poll", True
        self.paused = False
        self._named(output["after"])

    def _named(self, after: str | None) -> None:
        assert after == (self.disk or "acked"), "an offset is named that is not the disk's"
        begins = after in ("acked", "0", self.beginning)
        self.must_reset = not begins and after not in self.log
        self.at = len(self.log) if self.must_reset else 0 if begins else self.log.index(str(after)) + 1

    def _do_close(self, output: dict[str, Any]) -> None:
        assert output["link"] == self.link
        self.link, self.asked = 0, False

    def _do_deliver(self, output: dict[str, Any]) -> None:
        assert self.storing is None, "delivered before the disk has the one before"
        assert self.hand is None or self.hand["offset"] == output["offset"]
        if output["kind"] == "event" and output["offset"] in self.log:
            before = self.log.index(output["offset"]) - 1
            # Before the first one is nothing; what was in the hand when history forked may be on the disk by now.
            follows = self.disk == self.log[before] if before >= 0 else self.disk not in self.log
            assert follows, "it does not follow the disk"
            assert not output.get("thin"), "the order was to be had"
            assert ("items" in output["event"]["data"]) == (output["offset"] in self.thin)
        self.hand = output

    def _do_store(self, output: dict[str, Any]) -> None:
        self.storing = output["cursor"]["offset"]

    def _do_bury(self, output: dict[str, Any]) -> None:
        self.burying = output["offset"]

    def _do_fetch_order(self, output: dict[str, Any]) -> None:
        self.fetching = output["offset"]

    def _do_fetch_snapshot(self, _: dict[str, Any]) -> None:
        self.loading = True

    def _do_post_ack(self, output: dict[str, Any]) -> None:
        assert not self.posting, "two acks at once"
        self.posting = True
        self._acks(output["body"])

    def _do_send(self, output: dict[str, Any]) -> None:
        assert output["link"] == self.link
        assert self.door == "websocket"
        self._acks(output["message"])

    def _acks(self, body: dict[str, Any]) -> None:
        assert body.get("offset", self.disk) == self.disk, "an ack ahead of the disk"

    def _do_pause(self, _: dict[str, Any]) -> None:
        self.paused = True

    def _do_resume(self, _: dict[str, Any]) -> None:
        self.paused = False

    def _do_state(self, output: dict[str, Any]) -> None:
        assert output["state"] not in ("revoked", "stopped", "replaced")

    def _do_wait(self, _: dict[str, Any]) -> None:
        self.link, self.asked = 0, False

    def _do_report(self, _: dict[str, Any]) -> None:
        pass

    # The server and the network.

    @rule(thin=st.booleans())
    def commit(self, thin: bool) -> None:
        """An order is placed."""
        self.log.append(f"{self.epoch}-{len(self.log) + 1}")
        if thin:
            self.thin.add(self.log[-1])

    @precondition(lambda self: len(self.log) > 0)
    @rule()
    def fork(self) -> None:
        """The database forgets its last event: a new epoch, in which every offset is another."""
        self.log.pop()
        self.epoch += 1
        self.log = [f"{self.epoch}-{n + 1}" for n in range(len(self.log))]
        self.thin = set()
        if self.link:
            link, self.link, self.asked = self.link, 0, False
            self.feed("closed", link=link, code=1012, reason="")

    def _event(self, offset: str) -> dict[str, Any]:
        data: dict[str, Any] = {"orderId": offset}
        if offset in self.thin:
            data |= {"itemsOmitted": True, "itemCount": 1}
        return {"type": "new_order", "offset": offset, "data": data}

    @property
    def head(self) -> str:
        """The newest offset."""
        return self.log[-1] if self.log else self.beginning

    @property
    def beginning(self) -> str:
        """The offset before the first event."""
        return f"{self.epoch}-0"

    @precondition(lambda self: self.link and (self.asked if self.door == "poll" else not self.paused))
    @rule()
    def serve(self) -> None:
        """The server says what comes next on the link, if anything does."""
        if self.door == "poll":
            self._serve_page()
        elif not self.greeted:
            self.greeted = True
            after = self.head if self.must_reset else self.log[self.at - 1] if self.at else "0"
            told = {"head": self.head, "after": after, "heartbeatSeconds": 20, "reading": "r"}
            self.feed("message", link=self.link, message={"type": "hello", **told})
        elif self.must_reset:
            self.must_reset = False
            self.feed(
                "message", link=self.link, message={"type": "reset", "to": self.head, "reason": "epoch"}
            )
        elif self.at < len(self.log):
            self.at += 1
            self.feed("message", link=self.link, message=self._event(self.log[self.at - 1]))
        elif not self.caught_up:
            self.caught_up = True
            self.feed("message", link=self.link, message={"type": "caught_up", "offset": self.head})

    def _serve_page(self) -> None:
        self.asked = False
        page: dict[str, Any] = {"head": self.head, "reading": "r"}
        if self.must_reset:
            page["reset"] = {"to": self.head, "reason": "epoch"}
            self.must_reset = False
        events = self.log[self.at : self.at + 2]
        self.at += len(events)
        page |= {"events": [self._event(one) for one in events], "more": self.at < len(self.log)}
        self.feed(
            "page",
            link=self.link,
            page=page | {"offset": self.log[self.at - 1] if self.at else self.beginning},
        )

    @precondition(lambda self: self.link and self.greeted and self.door != "poll" and not self.paused)
    @rule(kind=st.sampled_from(["heartbeat", "pong", "news"]))
    def say(self, kind: str) -> None:
        """The server says something else."""
        self.feed("message", link=self.link, message={"type": kind, "head": self.head})

    @precondition(lambda self: self.link)
    @rule(
        code=st.sampled_from(COMES_BACK), slot=st.none() | st.integers(0, 5_000), chance=st.floats(0, 0.999)
    )
    def close(self, code: int, slot: int | None, chance: float) -> None:
        """The stream ends."""
        if code == 4400 and not self.greeted:
            code = 1006
        link, self.link, self.asked = self.link, 0, False
        self.chance = chance
        self.feed("closed", link=link, code=code, reason="" if slot is None else f"retry_ms={slot}")

    @precondition(lambda self: self.link)
    @rule(status=st.sampled_from([403, 405, 426, 429, 500, 503]), after=st.none() | st.integers(0, 9_000))
    def refuse(self, status: int, after: int | None) -> None:
        """Something on the way, or a pod that is full, says no."""
        link, self.link, self.asked = self.link, 0, False
        self.feed("refused", link=link, status=status, problem=None, retryAfterMs=after)

    @precondition(lambda self: self.link)
    @rule(reached=st.booleans())
    def fail(self, reached: bool) -> None:
        """No connection."""
        link, self.link, self.asked = self.link, 0, False
        self.feed("failed", link=link, reached=reached, reason="cut")

    @precondition(lambda self: self.link)
    @rule()
    def garble(self) -> None:
        """A frame is hurt on the way."""
        self.feed("garbled", link=self.link)

    @precondition(lambda self: self.fetching)
    @rule()
    def give_order(self) -> None:
        """The order of a thin event."""
        offset, self.fetching = self.fetching, None
        self.feed("order", offset=offset, order=ORDER)

    @precondition(lambda self: self.loading)
    @rule(works=st.booleans())
    def give_snapshot(self, works: bool) -> None:
        """The open orders."""
        self.loading = False
        if works:
            self.feed("snapshot", offset=self.head, orders=[{"orderId": "a"}])
        else:
            self.feed("snapshot_failed", status=503, problem="unavailable")

    @precondition(lambda self: self.posting)
    @rule(status=st.sampled_from([204, 422, 503, None]))
    def answer_ack(self, status: int | None) -> None:
        """An ack over HTTP is taken or not."""
        self.posting = False
        if status == 204:
            self.feed("acked")
        else:
            self.feed("ack_failed", status=status)

    # The handler, the disk, the clock.

    @precondition(lambda self: self.hand)
    @rule(works=st.booleans())
    def handle(self, works: bool) -> None:
        """The handler returns, or raises."""
        hand, self.hand = self.hand, None
        assert hand is not None
        if works:
            self.record.append(hand["offset"])
            self.feed("handled", offset=hand["offset"])
        else:
            self.feed("raised", offset=hand["offset"], error="no paper")

    @precondition(lambda self: self.burying)
    @rule()
    def bury(self) -> None:
        """The dead letter is kept."""
        offset, self.burying = self.burying, None
        assert offset is not None
        self.record.append(offset)
        self.feed("buried", offset=offset)

    @precondition(lambda self: self.storing)
    @rule()
    def store(self) -> None:
        """The disk has it."""
        self.disk, self.storing = self.storing, None
        self.feed("stored", offset=self.disk)

    @rule(seconds=st.integers(0, 90))
    def tick(self, seconds: int) -> None:
        """Time passes."""
        self.now += seconds * 1000
        self.feed("wake")

    @precondition(lambda self: self.machine.due is not None)
    @rule()
    def wake(self) -> None:
        """Time passes until the machine is due."""
        self.now = max(self.now, self.machine.due or 0)
        self.feed("wake")

    @rule()
    def online(self) -> None:
        """The system speaks of a network."""
        self.feed("online")

    # The law.

    @invariant()
    def memory_is_bounded(self) -> None:
        """No more waits than some windows and a page."""
        if hasattr(self, "machine"):
            assert len(self.machine._line.queue) <= 3 * 4 + 3

    def _judge(self) -> None:
        assert verdict(self.transcript) == []

    def teardown(self) -> None:
        """With a network, a handler and a disk that work, everything is handled in the end, and nothing was twice."""
        if not hasattr(self, "machine"):
            return
        self.chance = 0.0
        for _ in range(90 + 15 * len(self.log)):
            self._work()
        self._judge()
        if self.log:
            assert self.disk == self.log[-1], "not everything was handled"
        events = [one for one in self.record if not one.endswith("-0")]
        repeated = {one for one in events if events.count(one) > 1}
        assert repeated <= set(self.crashed_with) | set(self._snapshot_offsets()), "twice, without a crash"

    def _snapshot_offsets(self) -> list[str]:
        # A reset or a snapshot may be told at the offset of an event that was handled.
        return [one for one in self.record if self.epoch > 1]

    def _work(self) -> None:
        if self.hand:
            self.handle(True)
        elif self.burying:
            self.bury()
        elif self.storing:
            self.store()
        elif self.fetching:
            self.give_order()
        elif self.loading:
            self.give_snapshot(True)
        elif self.posting:
            self.answer_ack(204)
        elif self.link and (self.asked if self.door == "poll" else not self.paused and self._has_words()):
            self.serve()
        elif self.machine.due is not None and (self.disk != self.head or not (self.link and self.caught_up)):
            self.wake()

    def _has_words(self) -> bool:
        return not self.greeted or self.must_reset or self.at < len(self.log) or not self.caught_up


# Nothing is shrunk: that takes minutes, and what was found is kept, told, and found again by the next run.
PHASES = [Phase.explicit, Phase.reuse, Phase.generate]
World.TestCase.settings = settings(
    max_examples=100, stateful_step_count=60, deadline=None, phases=PHASES, report_multiple_bugs=False
)
TestWorld = World.TestCase
