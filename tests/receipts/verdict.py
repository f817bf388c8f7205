"""The verdict on a day: what the cluster says of receipts and alarms, beside what follows from everybody's own notes.

Pure. `Day` is what was noted and what was listed in the end; each complaint is a sentence.
"""

from collections import Counter
from collections.abc import Hashable, Iterator, Mapping
from dataclasses import dataclass, field
from math import inf
from typing import Any

from tests.alarms.shop import moment
from tests.receipts.book import Book, Circumstances, Word
from tests.receipts.tills import Moved

ENDS_SECONDS = 3.0
LATE_SECONDS = 2.0
CLOCK_SECONDS = 0.25
"""Two processes of one machine, and a database, tell one moment so far apart."""


@dataclass(frozen=True, slots=True)
class Event:
    """An event of a shop's log."""

    seq: int
    type: str
    at: float
    data: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Receipt:
    """The cluster's word that somebody has an order."""

    receiver: str
    by: str
    acked_at: float


@dataclass(slots=True)
class Order:
    """An order: when it was placed, and the receipts that the cluster lists of it."""

    id: str
    seq: int
    placed: float
    receipts: list[Receipt] = field(default_factory=list)
    words: dict[tuple[str, str], Word] = field(default_factory=dict)


@dataclass(slots=True)
class ShopDay:
    """A shop's settings, notes and lists. `counts`: whose receipts count; `unacked`: what is listed as unseen.

    `delivered`: what its endpoints took whose 2xx is a receipt.
    """

    slug: str
    deadline: int
    repeats: int
    counts: frozenset[str]
    books: dict[str, Book]
    shown: dict[str, dict[str, Word]]
    delivered: dict[str, dict[int, Word]]
    moved: Mapping[str, Moved]
    log: list[Event]
    orders: list[Order]
    unacked: set[str]
    around: Circumstances


@dataclass(slots=True)
class Figures:
    """The counts of a day. `open_words`: receipts that might be there or not, for what was lost with a pod."""

    orders: int = 0
    receipts: int = 0
    due: int = 0
    open_words: int = 0
    lateness: list[float] = field(default_factory=list)
    ends: list[float] = field(default_factory=list)
    attempts: Counter[int] = field(default_factory=Counter)
    left_open: int = 0


def passes(filter_: Hashable) -> bool:
    """Whether a filter lets orders through."""
    return filter_ is None or (isinstance(filter_, frozenset) and "new_order" in filter_)


def judge_day(shops: list[ShopDay]) -> tuple[list[str], Figures]:
    """All that is wrong, and what was counted."""
    found: list[str] = []
    figures = Figures()
    for shop in shops:
        _weigh(shop)
        found += [f"{shop.slug}: {text}" for text in _judge_streams(shop)]
        found += [f"{shop.slug}: {text}" for text in _judge_receipts(shop, figures)]
    late = max([LATE_SECONDS, *(_late(shop, event) for shop in shops for event in _alarms(shop))])
    looked = sorted(event.at for shop in shops for event in _alarms(shop))
    for shop in shops:
        found += [f"{shop.slug}: {text}" for text in _judge_alarms(shop, late + 1, looked, figures)]
    return found, figures


def _weigh(shop: ShopDay) -> None:
    for terminal, book in shop.books.items():
        book.settle(shop.around)
        for order in shop.orders:
            order.words[terminal, "stream"] = book.word(order.seq, passes, shop.around)
            order.words[terminal, "list"] = shop.shown[terminal].get(order.id, Word())
    for endpoint, words in shop.delivered.items():
        for order in shop.orders:
            order.words[endpoint, "webhook"] = words.get(order.seq, Word())


# -- streams -------------------------------------------------------------------------------------------------------


def _judge_streams(shop: ShopDay) -> Iterator[str]:
    """Each reading brought the exact run of the log behind where it began."""
    seqs = [event.seq for event in shop.log]
    if seqs != list(range(1, len(seqs) + 1)):
        yield f"its log is not 1 … {len(seqs)}"
        return
    placed = Counter(event.data["orderId"] for event in shop.log if event.type == "new_order")
    if placed != Counter(order.id for order in shop.orders):
        yield "the orders of its log are not those that were placed"
    for terminal, book in shop.books.items():
        for reading in book.readings:
            if not reading.got or reading.began is None:
                continue
            types = reading.filter if isinstance(reading.filter, frozenset) else None
            run = [
                event.seq
                for event in shop.log[reading.began : reading.got[-1]]
                if types is None or event.type in types
            ]
            if run != reading.got:
                yield f"{terminal} was given {_differ(run, reading.got)} by {reading.door} behind {reading.began}"


def _differ(wanted: list[int], got: list[int]) -> str:
    return f"not {sorted(set(wanted) - set(got))[:5]}, or {sorted(set(got) - set(wanted))[:5]} too many, or a mess"


# -- receipts ------------------------------------------------------------------------------------------------------


def _judge_receipts(shop: ShopDay, figures: Figures) -> Iterator[str]:
    listed_unseen = set()
    for order in shop.orders:
        figures.orders += 1
        kinds: dict[str, list[tuple[str, Word]]] = {}
        for (receiver, by), word in order.words.items():
            kinds.setdefault(receiver, []).append((by, word))
        listed = {receipt.receiver: receipt for receipt in order.receipts}
        if len(listed) != len(order.receipts):
            yield f"order {order.seq} lists a receiver twice"
        for receiver, receipt in listed.items():
            word = dict(kinds.get(receiver, [])).get(receipt.by, Word())
            if word.may == inf:
                yield f"order {order.seq} has a false receipt: {receipt}"
            elif receipt.acked_at < word.may - CLOCK_SECONDS:
                yield f"order {order.seq} was acked at {word.may:.3f} at the earliest, and has {receipt}"
        for receiver, words in kinds.items():
            must, may = min(word.must for _, word in words), min(word.may for _, word in words)
            figures.due += must < inf
            figures.open_words += may < inf and must == inf
            if must < inf and receiver not in listed:
                told = shop.books[receiver].tell(order.seq) if receiver in shop.books else ""
                yield f"order {order.seq} has no receipt of {receiver}, which is due since {must:.3f}: {told}"
        figures.receipts += len(listed)
        if not shop.counts & listed.keys() and order.id not in shop.moved:
            listed_unseen.add(order.id)
    if shop.unacked != listed_unseen:
        both = [order.seq for order in shop.orders if order.id in shop.unacked ^ listed_unseen]
        yield f"unacked=true and the receipts differ about orders {both}"


# -- alarms --------------------------------------------------------------------------------------------------------


def _alarms(shop: ShopDay) -> Iterator[Event]:
    return (event for event in shop.log if event.type == "order_unacknowledged")


def _late(shop: ShopDay, event: Event) -> float:
    """How far behind its moment an attempt was committed."""
    placed = next((order.placed for order in shop.orders if order.id == event.data["orderId"]), event.at)
    return event.at - placed - moment(event.data["attempt"], shop.deadline)


def _judge_alarms(shop: ShopDay, late: float, looked: list[float], figures: Figures) -> Iterator[str]:
    told: dict[str, list[Event]] = {order.id: [] for order in shop.orders}
    for event in shop.log:
        if event.type.startswith("order_") and event.data.get("orderId") in told:
            told[event.data["orderId"]].append(event)
    for order in shop.orders:
        events = told[order.id]
        seen = Word()
        for (receiver, _), word in order.words.items():
            if receiver in shop.counts:
                seen.add(word.may, word.must)
        moved = shop.moved.get(order.id, Moved())
        for text in [
            *_judge_attempts(shop, order, events, seen, moved, late, looked, figures),
            *_judge_end(shop, order, events, seen, moved, late, figures),
        ]:
            yield f"order {order.seq} {text}"


def _judge_attempts(
    shop: ShopDay, order: Order, events: list[Event], seen: Word, moved: Moved, late: float, looked: list[float],
    figures: Figures,
) -> Iterator[str]:  # fmt: skip
    attempts = [event for event in events if event.type == "order_unacknowledged"]
    numbers = [event.data["attempt"] for event in attempts]
    if numbers != sorted(set(numbers)):
        yield f"has the attempts {numbers}"
    over, fixed = min(seen.may, moved.may), min(seen.must, moved.must)
    for event in attempts:
        figures.attempts[event.data["attempt"]] += 1
        figures.lateness.append(_late(shop, event))
        if event.data["orderOffset"] != f"1-{order.seq}":
            yield f"is {event.data['orderOffset']} in its alarm"
    for n in range(1, shop.repeats + 2):
        due = order.placed + moment(n, shop.deadline)
        come = [event.at for event in attempts if event.data["attempt"] == n]
        if come and min(come) < due - CLOCK_SECONDS:
            yield f"has attempt {n} {due - min(come):.2f} s before its moment"
        if come and fixed < max(come) - CLOCK_SECONDS:
            yield f"has attempt {n} at {max(come):.3f}, and was seen or moved on by {fixed:.3f}"
        following = order.placed + moment(n + 1, shop.deadline)
        # One whose moment passed while no pod looked is left out; other alarms in between say that they looked.
        idle = n + 1 in numbers and not any(due < at < following for at in looked)
        if not come and over > due + late and not idle:
            yield f"has no attempt {n}; nobody can have seen it before {over:.3f}, and that was due {due:.3f}"
        figures.left_open += not (fixed < due or over > due + late)
    if any(n > shop.repeats + 1 for n in numbers):
        yield f"has the attempts {numbers}, and {shop.repeats} repeats are to come"


def _judge_end(
    shop: ShopDay, order: Order, events: list[Event], seen: Word, moved: Moved, late: float, figures: Figures
) -> Iterator[str]:
    ends = [event for event in events if event.type == "order_acknowledged"]
    attempts = [event for event in events if event.type == "order_unacknowledged"]
    steps = [event for event in events if event.type == "order_updated"]
    if len(ends) > 1:
        yield f"has {len(ends)} ends"
    behind = [
        event.type
        for event in [*ends, *attempts]
        if (steps and event.seq > steps[0].seq) or (event in attempts and ends and event.seq > ends[0].seq)
    ]
    if behind:
        yield f"has {behind} behind its end"
    for end in ends:
        receiver = end.data.get("terminalId") or end.data.get("webhookId")
        words = [word for (who, _), word in order.words.items() if who == receiver]
        may = min((word.may for word in words), default=inf)
        if not attempts or end.data["attempts"] != attempts[-1].data["attempt"]:
            yield f"ends {end.data['attempts']} attempts, and there were {len(attempts)}"
        if receiver not in shop.counts or may > end.at + CLOCK_SECONDS:
            yield f"is ended by {receiver}, who cannot have seen it before {may:.3f}"
        figures.ends.append(end.at - max(seen.may, attempts[0].at if attempts else 0))
    # Where there was an alarm, the receipt that counts came behind it.
    if attempts and not ends and seen.must < inf and moved.may > seen.must + ENDS_SECONDS + late:
        yield f"has no end, and was seen at {seen.must:.3f}"
