"""The next step of a cursor that is not at the head. Pure.

A connection is a cursor and nothing more: a position (a seq) in its tenant's log.

Why: docs/decisions/0001-log-and-cursors.md
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from operator import attrgetter
from typing import NamedTuple

from backbone.contract.event_filter import EVERYTHING, EventFilter
from gateway.core.tenant_log import Entry, TenantLog

Encode = Callable[[Entry], bytes]
"""The bytes of an entry for a socket; see `gateway.core.encoding`."""
WEBSOCKET_FRAME: Encode = attrgetter("frame")


@dataclass(frozen=True, slots=True)
class AtHead:
    """Nothing is missing; live delivery takes over."""


class Write(NamedTuple):
    """Send `data`, finished bytes of so many `events`; the cursor stands at `position` then. Made for each event."""

    data: bytes
    events: int
    position: int


@dataclass(frozen=True, slots=True)
class Fetch:
    """The ring does not reach back to the cursor: read the log of record from its position on."""


@dataclass(frozen=True, slots=True)
class Skip:
    """The events between are gone: tell the terminal, and go on at `position`."""

    position: int


def next_step(
    position: int,
    log: TenantLog,
    filter_: EventFilter,
    max_bytes: int,
    encode: Encode = WEBSOCKET_FRAME,
) -> AtHead | Write | Fetch | Skip:
    """Decide for a cursor at `position`.

    >>> from backbone.contract.offset import Offset
    >>> log = TenantLog(Offset(1, 7), Offset(1, 3))
    >>> [next_step(position, log, EVERYTHING, 1000) for position in (2, 5, 7)]
    [Skip(position=3), Fetch(), AtHead()]
    """
    if position < log.floor.seq:
        return Skip(log.floor.seq)
    if position >= log.head_seq:
        return AtHead()
    entries = log.entries_after(position)
    if entries is None:
        return Fetch()
    return pack(entries, position, log.head_seq, filter_, max_bytes, encode)


def pack(
    entries: Iterable[Entry],
    position: int,
    through: int,
    filter_: EventFilter,
    max_bytes: int,
    encode: Encode = WEBSOCKET_FRAME,
) -> Write:
    """Join, each as `encode` makes it, consecutive `entries` that follow `position`, about `max_bytes` of them.

    Entries at or before `position` are passed over, and so are those that do not pass; it moves past those too.
    None later than `through`, the log's head, is taken: a page of history may know more than the log does, and what the
    log has yet to receive will be delivered live.
    """
    everything = filter_ is EVERYTHING
    frames: list[bytes] = []
    size = 0
    for entry in entries:
        if entry.seq <= position:
            continue
        if entry.seq > through or size >= max_bytes:
            break
        if everything or filter_.passes(entry.type, entry.stations, entry.categories):
            frames.append(encode(entry))
            size += len(frames[-1])
        position = entry.seq
    return Write(b"".join(frames), len(frames), position)


class Portions:
    """The bytes that live cursors get next. Those at one position that take one encoding share the finished bytes.

    They come one after the other, so that the last portion is the one that is asked for again.
    """

    __slots__ = ("_key", "_log", "_max_bytes", "_write")

    def __init__(self, log: TenantLog, max_bytes: int) -> None:
        self._log = log
        self._max_bytes = max_bytes
        self._key: object = None
        self._write: Write | None = None

    def after(self, position: int, filter_: EventFilter, encode: Encode) -> Write | None:
        """Return about `max_bytes` of what follows `position`; None when the log's ring does not reach back to it."""
        log = self._log
        # With the epoch: one history's seqs are another one's too, and stand for other events there.
        key = (position, log.epoch, log.head_seq, filter_, encode)
        if key != self._key:
            entries = log.entries_after(position)
            if entries is None:
                return None
            self._write = pack(entries, position, log.head_seq, filter_, self._max_bytes, encode)
            self._key = key
        return self._write

    def forget(self) -> None:
        """Let the bytes go: nobody waits for them any more."""
        self._key = self._write = None
