"""Judge the alarms that a log lists, and those that it lacks. Pure.

Each attempt once and in its turn, an end only where something began; none of an order that was seen long ago, and
none missing of one that nobody saw.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from bellwire.verify.notes import Listed, Look, Notes, Violation

ATTEMPTS = 11
# An alarm comes within two seconds of its moment; one that is late by more is missing.
LATE_SECONDS = 5.0
# A gateway that stands still for ten seconds may hold an ack for that long, and the order alarms meanwhile.
HELD_SECONDS = 20.0


@dataclass(slots=True)
class _Alarm:
    """An order of this log, and how far its alarm has come."""

    offset: str
    number: object
    moved: bool = False
    attempt: int = 0
    ended: bool = False


def judge_alarms(tenant: str, listed: list[Listed]) -> Iterator[Violation]:
    """Return what is wrong with the alarms of one log; those of orders from before its begin are passed over."""
    orders: dict[object, _Alarm] = {}
    for event in listed:
        order = event.data.get("orderId")
        if event.type == "new_order":
            orders.setdefault(order, _Alarm(event.offset, event.data.get("orderNumber")))
            continue
        alarm = orders.get(order)
        if alarm is None:
            continue
        wrong: list[str] = []
        match event.type:
            case "order_updated":
                alarm.moved = alarm.moved or event.data.get("previousStatus") == "pending"
            case "order_unacknowledged":
                wrong = _of_attempt(alarm, event)
            case "order_acknowledged":
                wrong = _of_end(alarm, event)
        for text in wrong:
            yield Violation("alarm", tenant, f"{event.offset} {text}")


def _of_attempt(alarm: _Alarm, event: Listed) -> list[str]:
    """Return what is wrong with an attempt; one without a number is of a version that gives but one."""
    attempt = event.data.get("attempt", 1)
    wrong = _of_any(alarm, event)
    if event.data.get("orderOffset") != alarm.offset:
        wrong.append(f"names {event.data.get('orderOffset')}, and the order is {alarm.offset}")
    if type(attempt) is not int or not 1 <= attempt <= ATTEMPTS:
        return [*wrong, f"is attempt {attempt!r}"]
    if attempt <= alarm.attempt:
        wrong.append(f"is attempt {attempt} behind attempt {alarm.attempt}")
    alarm.attempt = max(alarm.attempt, attempt)
    return wrong


def _of_end(alarm: _Alarm, event: Listed) -> list[str]:
    """Return what is wrong with the word that an alarm is over."""
    wrong = _of_any(alarm, event)
    if event.data.get("attempts") != alarm.attempt or alarm.attempt == 0:
        wrong.append(f"ends {event.data.get('attempts')!r} attempts, and there were {alarm.attempt}")
    if ("terminalId" in event.data) == ("webhookId" in event.data):
        wrong.append("does not name the one who has the order")
    alarm.ended = True
    return wrong


def _of_any(alarm: _Alarm, event: Listed) -> list[str]:
    wrong = []
    if alarm.moved:
        wrong.append("is of an order that had moved on")
    if alarm.ended:
        wrong.append("is of an alarm that was over")
    if event.data.get("orderNumber") != alarm.number:
        wrong.append(f"calls {alarm.number} {event.data.get('orderNumber')}")
    waited = event.data.get("waitedSeconds")
    if type(waited) is not int or waited < 0:
        wrong.append(f"says that it waited {waited!r} seconds")
    return wrong


def judge_attention(notes: Notes) -> Iterator[Violation]:
    """Return the orders whose alarm should have come and did not, or came though they were seen, or has no end."""
    for look in notes.looks:
        raised, ended = _told_of(notes, look)
        seen_at = min((receipt.acked_at for receipt in look.receipts), default=None)
        if seen_at is not None:
            for event in raised:
                late = event.committed_at - seen_at
                if late > HELD_SECONDS:
                    text = f"{event.offset} is of {look.offset}, which was seen {late:.0f} s before"
                    yield Violation("alarm", look.tenant, text)
        if lacks := _silence(look, seen=seen_at is not None, raised=bool(raised), ended=ended):
            yield Violation("silence", look.tenant, f"{look.offset} {lacks}")


def is_silent(notes: Notes, look: Look) -> bool:
    """Whether something is missing that should be in the log by now."""
    raised, ended = _told_of(notes, look)
    return _silence(look, seen=bool(look.receipts), raised=bool(raised), ended=ended) is not None


def _told_of(notes: Notes, look: Look) -> tuple[list[Listed], bool]:
    """The attempts that the log has of an order, and whether it says that its alarm is over."""
    log = (*notes.listed.get(look.tenant, ()), *notes.later.get(look.tenant, ()))
    order = next((event.data["orderId"] for event in log if event.offset == look.offset), None)
    told = [event for event in log if event.data.get("orderId") == order]
    return (
        [event for event in told if event.type == "order_unacknowledged"],
        any(event.type == "order_acknowledged" for event in told),
    )


def _silence(look: Look, *, seen: bool, raised: bool, ended: bool) -> str | None:
    """Say in words which event is missing, if any."""
    if not look.pending or look.deadline_seconds is None:
        return None
    if seen:
        return "was seen, and its alarm has no end" if raised and not ended else None
    if raised or look.age_seconds <= look.deadline_seconds + LATE_SECONDS:
        return None
    return f"was placed {look.age_seconds:.0f} s ago, nobody saw it, and there is no alarm"
