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

# The offset as `offset.py` has it, the type's name, milliseconds.
_LIVE_HEADER = re.compile(rb"(0|[1-9][0-9]{0,8})-(0|[1-9][0-9]{0,17}) ([a-z_]{1,64}) ([0-9]{1,15}) ")


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


class Event(NamedTuple):
    """One committed fact as it travels: `payload` is the finished JSON object that every door sends.

    `committed_ms` is the commit timestamp in Unix milliseconds, the database's clock.
    """

    offset: Offset
    type: str
    committed_ms: int
    payload: bytes


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
    """Return the message of the live channel: a header of three words, then the payload untouched."""
    return b"%d-%d %s %d %s" % (
        event.offset.epoch,
        event.offset.seq,
        event.type.encode(),
        event.committed_ms,
        event.payload,
    )


def decode_live(message: bytes) -> Event:
    """Read what `encode_live` wrote.

    Raises:
        Violation: the message is not of this form (another program writes to our channel).

    >>> decode_live(b'1-42 new_order 1700000000123 {"type":"new_order"}')
    Event(offset=Offset(epoch=1, seq=42), type='new_order', committed_ms=1700000000123, payload=b'{"type":"new_order"}')
    """
    header = _LIVE_HEADER.match(message)
    if header is None:
        raise Violation(Problem.BAD_REQUEST, "not a live message")
    epoch, seq, type_, committed_ms = header.groups()
    return Event(Offset(int(epoch), int(seq)), type_.decode(), int(committed_ms), message[header.end() :])


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
