"""One connection at a time: through which door, when it is given up, and when the next one is made. Pure.

Knows the clock's moments and the doors, and nothing of what a message says.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from bellwire_terminal.core.backoff import Backoff
from bellwire_terminal.core.config import Config
from bellwire_terminal.core.ladder import Ladder
from bellwire_terminal.core.line import Line
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

Told = Callable[[dict[str, Any]], None]


@dataclass(slots=True)
class Moment:
    """Of the input that is taken: its time in milliseconds, and its chance."""

    now: int = 0
    chance: float = 0.0


class Connection:
    """The newest link, `number`. It is greeted when the server has said hello, and live when replay is handled.

    `start` is where a terminal without a cursor begins, `reading` what the server calls this stream.
    """

    def __init__(self, config: Config, moment: Moment, line: Line, say: Told, tell: Told) -> None:
        self._config = config
        self._moment = moment
        self._line = line
        self._say = say
        self._tell = tell
        self._ladder = Ladder(config.doors)
        self._backoff = Backoff()
        self._watch = Watch()
        self._return = Wait()
        self._greeted_at: int | None = None
        self._polling = False
        self._polled_at = 0
        self._poll_at: int | None = None
        self._paused = False
        self._away_since: int | None = None
        self.start = config.start
        self.number = 0
        self.is_open = False
        self.is_live = False
        self.reading: str | None = None

    @property
    def due(self) -> list[int | None]:
        """The moments at which it wants a `wake`."""
        if not self.is_open:
            return [self._return.until]
        return [
            self._watch.silent_at,
            self._watch.behind_at,
            self._ladder.climb_at,
            # Before all is handled there is nothing to ask.
            self._poll_at if self._line.idle else None,
        ]

    @property
    def door(self) -> str:
        """Where it stands."""
        return self._ladder.door

    @property
    def is_greeted(self) -> bool:
        """Whether the server has said hello on it, and it is there still."""
        return self.is_open and self._greeted_at is not None

    def is_ours(self, given: dict[str, Any]) -> bool:
        """Whether an input is of this link; those of an earlier one count for nothing."""
        return self.is_open and bool(given["link"] == self.number)

    # To open it, and to read on.

    def open(self) -> None:
        """Make the next one."""
        self.number += 1
        self.is_open, self.is_live, self.reading = True, False, None
        self._greeted_at, self._paused, self._polling = None, False, False
        self._return.over()
        if self.door == "poll":
            self._poll(0)
            return
        self._watch.begin(self._moment.now, HELLO_MS)
        said: dict[str, Any] = {"link": self.number, "door": self.door, "after": self._after()}
        self._say({"type": "connect", **said, "filter": self._config.filter_json})

    def _after(self) -> str | None:
        if self._line.cursor is not None:
            return self._line.cursor
        return None if self.start == "head" else "acked" if self.start == "snapshot" else self.start

    def _poll(self, seconds: int) -> None:
        self._polling, self._polled_at, self._poll_at = True, self._moment.now, None
        self._watch.begin(self._moment.now, seconds * 1000 + POLL_SLACK_MS)
        said: dict[str, Any] = {"link": self.number, "after": self._after(), "wait": seconds}
        self._say({"type": "poll", **said, "filter": self._config.filter_json})

    def poll_on(self) -> None:
        """Ask for the next page, where it is time for it."""
        polls = self.is_greeted and self.door == "poll" and not self._polling
        if polls and self._line.idle and (self._poll_at is None or self._passed(self._poll_at)):
            self._poll(POLL_SECONDS if self.is_live else 0)

    def hold_back(self) -> None:
        """Stop reading a stream where too much waits, and go on where it does not."""
        if not self.is_open or self.door == "poll":
            return
        waiting = len(self._line.queue)
        if not self._paused and waiting >= self._config.window:
            self._paused = True
            self._watch.rest()
            self._say({"type": "pause", "link": self.number})
        elif self._paused and waiting <= self._config.window // 2:
            self._paused = False
            self._watch.heard(self._moment.now)
            self._say({"type": "resume", "link": self.number})

    # Words that came on it.

    def heard(self) -> None:
        """Anything came. While we do not read, nothing is expected."""
        if not self._paused:
            self._watch.heard(self._moment.now)

    def paged(self, *, empty: bool) -> None:
        """A poll was answered."""
        self._polling = False
        if empty:
            self._poll_at = max(self._moment.now, self._polled_at + POLL_AGAIN_MS)
        self._watch.rest()

    def hello(self, heartbeat_seconds: float) -> None:
        """The server says how often it will be heard."""
        self._watch.hello(heartbeat_seconds)
        self._watch.heard(self._moment.now)

    def greet(self) -> None:
        """The stream began."""
        self._greeted_at = self._moment.now
        self._return.over()
        self._ladder.opened(self._moment.now)
        self._away_since, self.is_live = None, False

    def head(self, *, reached: bool) -> None:
        """The server named its head."""
        # With a filter, the head says nothing about what is due here; and who does not read is not sent it.
        if not self._config.filter and not self._paused:
            self._watch.head(self._moment.now, reached=reached)

    def event(self) -> None:
        """An event came, and waits in the line."""
        self._watch.progress()
        if len(self._line.queue) > FLOOD_WINDOWS * self._config.window and self.door != "poll":
            self.leave("flood")

    # The clock, and the system's word.

    def wake(self) -> None:
        """Time has passed: come back, or give up what stands still, or try a better door."""
        if self._return.is_over(self._moment.now):
            self.open()
        if not self.is_open:
            return
        if self._passed(self._watch.silent_at):
            self.leave("silence" if self.is_greeted else "no hello")
        elif self._passed(self._watch.behind_at):
            self.leave("the head is not reached")
        elif self._passed(self._ladder.climb_at):
            self.close()
            self._line.drop()
            self._ladder.climb()
            self.open()

    def _passed(self, at: int | None) -> bool:
        return at is not None and self._moment.now >= at

    def online(self) -> None:
        """There is a network, again or another."""
        trying = self.is_open and not self.is_greeted
        self._return.online(self._moment.now, self._moment.chance, trying=trying)
        if self.is_greeted and self.door == "websocket" and not self._paused:
            # Another network may have left this connection behind: it says so soon, or is given up.
            self._say({"type": "send", "link": self.number, "message": {"type": "ping"}})
            self._watch.probe(self._moment.now)

    # Its end.

    def leave(self, why: str, code: int = GAVE_UP) -> None:
        """Give a stream up that is of no use."""
        self._say({"type": "close", "link": self.number, "code": code})
        self.lost(why, counts=True)

    def close(self) -> None:
        """End it, for a reason of our own."""
        self._say({"type": "close", "link": self.number, "code": BYE})
        self.gone()

    def gone(self) -> None:
        """It is over."""
        self.is_open, self.is_live, self._poll_at = False, False, None
        self._watch.rest()

    def lost(
        self,
        why: str,
        *,
        slot_ms: int | None = None,
        retry_after_ms: int | None = None,
        shut: bool = False,
        counts: bool = False,
    ) -> None:
        """There is no stream any more, or there never was: come back later, maybe by another door."""
        now, chance = self._moment.now, self._moment.chance
        self.gone()
        self._line.drop()
        backoff = self._backoff
        if self._greeted_at is None:
            if self._ladder.climbing:
                # The door below is known to work; its failures are not this one's.
                backoff = Backoff()
            self._ladder.failed(shut=shut, counts=counts)
        else:
            backoff.lived(now - self._greeted_at)
        if self._away_since is None:
            self._away_since = now
            self._tell({"state": "offline", "since": now})
        told = slot_ms is not None or retry_after_ms is not None
        pause = backoff.wait_ms(chance, slot_ms, retry_after_ms)
        wait = self._return.begin(now, pause, chance, fixed=told)
        self._say({"type": "wait", "ms": wait, "door": self.door, "why": why})
