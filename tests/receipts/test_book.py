"""The judge of a busy day, judged: lies and losses that are planted into a small one are found."""

from collections.abc import Callable
from math import inf

import pytest

from tests.receipts.book import Ack, Book, Circumstances, Reading, Word
from tests.receipts.tills import Moved
from tests.receipts.verdict import Event, Order, Receipt, ShopDay, judge_day, passes

NEVER_KILLED = Circumstances(lambda _gateway, _began, at: at < inf, lambda at: at, 0.5)
DEADLINE, REPEATS = 4, 1
BAR = frozenset({"new_order"})
NO_ORDERS = frozenset({"order_updated"})


def killed(at: float) -> Circumstances:
    """A gateway that died at that moment, with all that it knew for less than a second."""
    return Circumstances(
        lambda _, began, told: told < inf and not began <= at <= told + 1, lambda at: at, 0.5
    )


def stream(
    at: float, began: int, through: int, acked: int | None = None, *, named: bool = True, filter_: object = None,
    heard: bool = True, door: str = "websocket",
) -> Reading:  # fmt: skip
    """A stream that began and came so far at once, was acked half a second later, and ended behind that."""
    reading = Reading(door, filter_, "gateway", at, began, named, name=str(at), ended=at + 0.9)
    for seq in range(began + 1, through + 1):
        reading.give(at, seq)
    if acked is not None:
        reading.acks.append(Ack(acked, at + 0.5, at + 0.5 if heard else None))
    return reading


def page(at: float, began: int, through: int, name: str) -> Reading:
    """A page of a poll that named its offset; without a name its answer was lost."""
    reading = Reading("polling", None, "", at, began, True, name=name, ended=at if name else inf)
    for seq in range(began + 1, through + 1):
        reading.give(at, seq)
    return reading


def words(
    *readings: Reading, around: Circumstances = NEVER_KILLED, upto: int = 6
) -> tuple[list[int], list[int]]:
    """The orders that may have a receipt, and those that must."""
    book = Book(list(readings))
    book.settle(around)
    found = {seq: book.word(seq, passes, around) for seq in range(1, upto + 1)}
    return [seq for seq, word in found.items() if word.may < inf], [
        seq for seq, word in found.items() if word.must < inf
    ]


CASES: dict[str, tuple[list[Reading], list[int], list[int]]] = {
    "an ack covers what was given": ([stream(10, 0, 4, 3)], [1, 2, 3], [1, 2, 3]),
    "an ack covers nothing before the begin": ([stream(10, 2, 4, 4, named=False)], [3, 4], [3, 4]),
    "an ack covers nothing that a filter kept back": ([stream(10, 0, 4, 4, filter_=NO_ORDERS)], [], []),
    "a reading goes on": ([stream(10, 0, 2), stream(20, 2, 4, 4)], [1, 2, 3, 4], [1, 2, 3, 4]),
    "a skip is not gone on over": (
        [stream(1, 0, 2), stream(20, 3, 4, named=False), stream(30, 4, 5, 5)], [4, 5], [4, 5],
    ),
    "another filter does not go on": ([stream(10, 0, 2), stream(20, 2, 4, 4, filter_=BAR)], [3, 4], [3, 4]),
    "what another filter may have given is open": (
        [stream(10, 0, 2), stream(20, 0, 2, filter_=BAR), stream(30, 2, 4, 4)], [1, 2, 3, 4], [3, 4],
    ),
    "an ack that nobody heard is open": ([stream(10, 0, 2, 2, heard=False)], [1, 2], []),
    "a poll whose answer was lost gave no offset": (
        [page(10, 0, 2, "chain"), stream(20, 0, 2, filter_=BAR), page(30, 2, 2, ""), stream(40, 2, 4, 4)],
        [1, 2, 3, 4], [3, 4],
    ),
    "a chain stands where it began, and another filter behind that may have given its offset": (
        [page(10, 0, 2, "chain"), stream(20, 0, 2, filter_=BAR), page(30, 2, 3, "chain"), stream(40, 3, 4, 4)],
        [1, 2, 3, 4], [4],
    ),
    "an answer that was lost may have begun anywhere": (
        [stream(10, 0, 2), Reading("websocket", None, "gateway", 12, None, False), stream(20, 2, 4, 4)],
        [1, 2, 3, 4], [3, 4],
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_receipts_follow_from_the_notes_as_the_contract_says(case: str) -> None:
    readings, may, must = CASES[case]
    assert words(*readings) == (may, must)


def test_an_ack_of_the_last_second_of_a_gateway_may_be_lost_and_one_from_before_may_not() -> None:
    assert words(stream(10, 0, 2, 2), around=killed(10.7)) == ([1, 2], [])
    assert words(stream(10, 0, 2, 2), around=killed(12.0)) == ([1, 2], [1, 2])
    # The one that comes back and acks again makes up for it, if its offset is written.
    assert words(stream(10, 0, 2, 2), stream(20, 2, 3, 3), around=killed(12.0))[1] == [1, 2, 3]
    assert words(stream(10, 0, 2), stream(20, 2, 3, 3), around=killed(10.5))[1] == [3]


def a_day() -> ShopDay:
    """Three orders at 100 s: the first is acked at once, the second never, the third behind its first alarm."""
    book = Book([stream(101, 0, 1, 1), stream(105.5, 1, 3)])
    log = [Event(seq, "new_order", 100, {"orderId": f"o{seq}"}) for seq in (1, 2, 3)]
    log += [
        _attempt(4, 104.5, 2, 1), _attempt(5, 104.5, 3, 1), _attempt(7, 108.5, 2, 2),
    ]  # fmt: skip
    log.insert(5, Event(6, "order_acknowledged", 107, {"orderId": "o3", "terminalId": "till", "attempts": 1}))
    orders = [Order(f"o{seq}", seq, 100.0) for seq in (1, 2, 3)]
    orders[0].receipts.append(Receipt("till", "stream", 101.5))
    orders[2].receipts.append(Receipt("till", "list", 106.1))
    return ShopDay(
        "shop", DEADLINE, REPEATS, frozenset({"till"}), {"till": book}, {"till": {"o3": Word(106, 106.5)}}, {}, {},
        log, orders, {"o2"}, NEVER_KILLED,
    )  # fmt: skip


def _attempt(seq: int, at: float, order: int, attempt: int) -> Event:
    data = {"orderId": f"o{order}", "orderOffset": f"1-{order}", "attempt": attempt}
    return Event(seq, "order_unacknowledged", at, data)


def _renumber(day: ShopDay) -> None:
    day.log[:] = [Event(place + 1, event.type, event.at, event.data) for place, event in enumerate(day.log)]


def without(type_: str, order: str) -> Callable[[ShopDay], None]:
    """The day without such an event."""

    def lie(day: ShopDay) -> None:
        day.log[:] = [event for event in day.log if (event.type, event.data["orderId"]) != (type_, order)]
        _renumber(day)

    return lie


def besides(*events: Event) -> Callable[[ShopDay], None]:
    """The day with events more."""

    def lie(day: ShopDay) -> None:
        day.log += events
        _renumber(day)

    return lie


LIES: dict[str, tuple[Callable[[ShopDay], None], str]] = {
    "a false receipt": (lambda day: day.orders[1].receipts.append(Receipt("till", "stream", 107)), "false receipt"),
    "a receipt of nobody": (lambda day: day.orders[1].receipts.append(Receipt("who", "list", 107)), "false receipt"),
    "a receipt too early": (
        lambda day: day.orders[0].receipts.__setitem__(0, Receipt("till", "stream", 100.5)), "at the earliest",
    ),
    "a receipt that is missing": (lambda day: day.orders[0].receipts.clear(), "no receipt of till"),
    "an unseen order that is not listed": (lambda day: day.unacked.clear(), "unacked=true"),
    "an alarm that is missing": (without("order_unacknowledged", "o2"), "has no attempt 1"),
    "an alarm of what was seen": (besides(_attempt(8, 109, 1, 1)), "was seen or moved on"),
    "an alarm too early": (besides(_attempt(8, 103, 2, 1)), "before its moment"),
    "an attempt twice": (besides(_attempt(8, 109, 2, 2)), "the attempts"),
    "an attempt too many": (besides(_attempt(8, 117, 2, 3)), "repeats are to come"),
    "an end that is missing": (without("order_acknowledged", "o3"), "has no end"),
    "an end twice": (
        besides(Event(8, "order_acknowledged", 109, {"orderId": "o3", "terminalId": "till", "attempts": 1})),
        "2 ends",
    ),
    "an end of what nobody has": (
        besides(Event(8, "order_acknowledged", 109, {"orderId": "o2", "terminalId": "till", "attempts": 2})),
        "who cannot have seen it",
    ),
    "an event that was not given": (lambda day: day.books["till"].readings[1].got.remove(2), "was given"),
    "an order that is lost": (lambda day: day.orders.__delitem__(2), "not those that were placed"),
    "an alarm behind a step": (
        besides(Event(8, "order_updated", 107, {"orderId": "o2"}), _attempt(9, 108.6, 2, 2)), "behind its end",
    ),
}  # fmt: skip


@pytest.mark.parametrize("lie", LIES)
def test_a_lie_that_is_planted_into_a_good_day_is_found(lie: str) -> None:
    assert judge_day([a_day()])[0] == []
    day = a_day()
    plant, says = LIES[lie]
    plant(day)
    complaints, _ = judge_day([day])
    assert any(says in text for text in complaints), complaints


def test_an_order_that_was_moved_on_needs_no_alarm_and_no_end() -> None:
    day = a_day()
    day.moved = {"o2": Moved(102, 102.2)}
    without("order_unacknowledged", "o2")(day)
    day.unacked = set()
    assert judge_day([day])[0] == []
