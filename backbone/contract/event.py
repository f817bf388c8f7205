"""The event: its types, its envelope, and the form in which it travels between pods.

`encode_event` owns the shape of the envelope; the SQL function `append_event` builds the same bytes inside the
committing transaction, and a test holds it to this one. After the commit nobody parses or rebuilds the bytes.
"""

import re
from datetime import UTC, datetime
from enum import Enum
from typing import NamedTuple

from backbone.contract.errors import Problem, Violation
from backbone.contract.offset import Offset

MAX_EVENT_BYTES = 32 * 1024

# The offset as `offset.py` has it, the type's name, milliseconds; of an event about an order also how many bytes of
# names follow. No payload begins with a digit.
_LIVE_HEADER = re.compile(
    rb"(0|[1-9][0-9]{0,8})-(0|[1-9][0-9]{0,17}) ([a-z_]{1,64}) ([0-9]{1,15}) (?:(0|[1-9][0-9]{0,5}):)?"
)


class EventType(Enum):
    """The events that a tenant can have."""

    NEW_ORDER = "new_order"
    ORDER_UPDATED = "order_updated"
    GIFT_CARD_PURCHASED = "gift_card_purchased"
    GIFT_CARD_REDEEMED = "gift_card_redeemed"
    GIFT_CARD_REFUNDED = "gift_card_refunded"
    GIFT_CARD_TOPPED_UP = "gift_card_topped_up"
    GIFT_CARD_VOIDED = "gift_card_voided"
    LOYALTY_UPDATED = "loyalty_updated"
    ORDER_UNACKNOWLEDGED = "order_unacknowledged"
    ORDER_ACKNOWLEDGED = "order_acknowledged"
    ORDER_PAID = "order_paid"
    ORDER_REFUNDED = "order_refunded"


NO_NAMES = frozenset[str]()


class Event(NamedTuple):
    """One committed fact as it travels: `payload` is the finished JSON object that every door sends.

    `committed_ms` is the commit timestamp in Unix milliseconds, the database's clock. `stations` and `categories` are
    what filters read besides the type: the names, folded, in the order that the event is about; the payload is not read
    for them.
    """

    offset: Offset
    type: str
    committed_ms: int
    payload: bytes
    stations: frozenset[str] = NO_NAMES
    categories: frozenset[str] = NO_NAMES


class NamesUnknown(Violation):
    """A message says that there is an event about an order, and not which names the order has: a pod of release 0.1
    said it. `offset` is the event's."""

    def __init__(self, offset: Offset) -> None:
        super().__init__(Problem.BAD_REQUEST, "a live message of release 0.1")
        self.offset = offset


def is_about_an_order(type_: str) -> bool:
    """Whether events of this type are about one order, by the type's name; so is SQL's `append_event`.

    >>> [is_about_an_order(type_) for type_ in ("new_order", "order_updated", "gift_card_redeemed")]
    [True, True, False]
    """
    return type_ == "new_order" or type_.startswith("order_")


def encode_event(
    tenant: str, offset: Offset, type_: str, committed_ms: int, data: bytes, traceparent: str | None = None
) -> bytes:
    """Return the envelope around `data`, a finished JSON object. `traceparent` stands in it only where there is one.

    >>> encode_event("kitchen", Offset(1, 42), "order_updated", 1700000000123, b'{"status":"ready"}')[:57]
    b'{"type":"order_updated","tenant":"kitchen","offset":"1-42'
    """
    moment = datetime.fromtimestamp(committed_ms // 1000, UTC)
    timestamp = f"{moment:%Y-%m-%dT%H:%M:%S}.{committed_ms % 1000:03d}Z"
    trace = "" if traceparent is None else f'"traceparent":"{traceparent}",'
    return (
        f'{{"type":"{type_}","tenant":"{tenant}","offset":"{offset}","id":"evt_{tenant}_{offset}",'
        f'"timestamp":"{timestamp}",{trace}"data":'
    ).encode() + b"%s}" % data


def encode_live(event: Event) -> bytes:
    """Return the message of the live channel: a header, then the payload untouched.

    The header is offset, type and milliseconds; for an event about an order the length of its names in bytes and a
    colon, and the names.

    >>> encode_live(Event(Offset(1, 42), "new_order", 17, b"{}", frozenset({"bar"})))
    b'1-42 new_order 17 4:bar\\n {}'
    """
    names = names_of(event)
    if names is None:
        return encode_live_before(event)
    return b"%d-%d %s %d %d:%s %s" % (
        event.offset.epoch,
        event.offset.seq,
        event.type.encode(),
        event.committed_ms,
        len(names),
        names,
        event.payload,
    )


def encode_live_before(event: Event) -> bytes:
    """Return the message as pods of release 0.1 read it, without names."""
    return b"%d-%d %s %d %s" % (
        event.offset.epoch,
        event.offset.seq,
        event.type.encode(),
        event.committed_ms,
        event.payload,
    )


def names_of(event: Event) -> bytes | None:
    """Return the names of an event as Redis carries them: stations and categories with commas, a newline between, and
    nothing at all for none; None for an event about no order."""
    if not event.stations and not event.categories:
        return b"" if is_about_an_order(event.type) else None
    return f"{','.join(sorted(event.stations))}\n{','.join(sorted(event.categories))}".encode()


def decode_live(message: bytes) -> Event:
    """Read what `encode_live` wrote.

    Raises:
        NamesUnknown: it was written by a pod of release 0.1, and filters cannot judge it.
        Violation: the message is not of this form (another program writes to our channel).

    >>> decode_live(b'1-42 loyalty_updated 1700000000123 {}')[:4]
    (Offset(epoch=1, seq=42), 'loyalty_updated', 1700000000123, b'{}')
    >>> sorted(decode_live(b'1-42 new_order 1700000000123 10:bar,grill\\n {}').stations)
    ['bar', 'grill']
    """
    header = _LIVE_HEADER.match(message)
    if header is None:
        raise Violation(Problem.BAD_REQUEST, "not a live message")
    epoch, seq, type_, committed_ms, length = header.groups()
    offset, about, begin = Offset(int(epoch), int(seq)), type_.decode(), header.end()
    if length is None:
        if is_about_an_order(about):
            raise NamesUnknown(offset)
        return Event(offset, about, int(committed_ms), message[begin:])
    end = begin + int(length)
    if message[end : end + 1] != b" ":
        raise Violation(Problem.BAD_REQUEST, "not a live message")
    if length == b"0":
        return Event(offset, about, int(committed_ms), message[end + 1 :])
    try:
        stations, between, categories = message[begin:end].decode().partition("\n")
    except UnicodeDecodeError as exc:
        raise Violation(Problem.BAD_REQUEST, "not a live message") from exc
    if not between:
        raise Violation(Problem.BAD_REQUEST, "not a live message")
    return Event(offset, about, int(committed_ms), message[end + 1 :], _parted(stations), _parted(categories))


def _parted(names: str) -> frozenset[str]:
    return frozenset(names.split(",")) if names else NO_NAMES


def parse_types(text: str | None) -> frozenset[str] | None:
    """Read `types=a,b`: None is all of them.

    Raises:
        Violation: a type that does not exist; all of them are named.

    >>> sorted(parse_types("new_order,order_updated"))
    ['new_order', 'order_updated']
    """
    if text is None:
        return None
    known = {member.value for member in EventType}
    wanted = [word.strip() for word in text.split(",")]
    unknown = [word for word in wanted if word not in known]
    if unknown:
        raise Violation.field(
            Problem.BAD_REQUEST,
            "types",
            f"no such event type: {', '.join(w[:40] or '(empty)' for w in unknown[:5])}",
        )
    return frozenset(wanted)
