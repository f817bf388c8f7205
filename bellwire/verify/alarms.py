"""Judge the alarms that a log lists: each attempt once and in its turn, and an end only where something began. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass

from bellwire.verify.notes import Listed, Violation

ATTEMPTS = 11


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
