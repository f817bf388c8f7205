"""Histories for `tests.receipts.world`, by chance: from a seed, so that each is as likely as any other.

Drawn as lists of steps, most came out with hardly an order that was given and acked. Part of the steps are whole
visits therefore: a terminal comes, is given something, acks it and is written down.
"""

import random
from collections.abc import Callable

from tests.receipts.world import FILTERS, STATIONS, Step

Kind = Callable[[random.Random], list[Step]]
HOW = ("cursor", "cursor", "cursor", "live", "zero", "acked", "page")
POLL_HOW = ("cursor", "cursor", "live", "zero", "acked", "stream")
ACKS = ("own", "own", "named", "late", "again")


def one_of(*words: str) -> Callable[[random.Random], str]:
    return lambda chance: chance.choice(words)


filter_ = one_of("all", "all", "all", "all", "bar", *FILTERS)
new = one_of("new-1", "new-2")
door = one_of("websocket", "websocket", "sse")


def till(chance: random.Random) -> int:
    return chance.choice((0, 0, 0, 1))


def few(chance: random.Random) -> int:
    return chance.choice((1, 2, 9))


def visit(chance: random.Random) -> list[Step]:
    """A stream from its begin to an ack, written down or not."""
    t, gateway = till(chance), new(chance)
    steps: list[Step] = [("connect", t, door(chance), gateway, chance.choice(HOW), filter_(chance))]
    steps += [("order", chance.choice(STATIONS))] * chance.choice((0, 1, 2))
    steps += [("send", t, few(chance)), ("receive", t, few(chance)), ("ack", t, chance.choice(ACKS))]
    return [*steps, ("flush", gateway)] if chance.random() < 0.7 else steps


def polled(chance: random.Random) -> list[Step]:
    """A poll, and an ack of its page."""
    t, asked = till(chance), filter_(chance)
    page: Step = ("poll", t, chance.choice(POLL_HOW), asked, chance.choice((1, 9, 9)), chance.random() < 0.2)
    return [page, ("poll_ack", t, asked, chance.choice(("named", "named", "late")))]


KINDS: dict[str, Kind] = {
    "order": lambda chance: [("order", chance.choice(STATIONS))],
    "visit": visit,
    "polled": polled,
    "connect": lambda c: [("connect", till(c), door(c), new(c), c.choice(HOW), filter_(c))],
    "old": lambda c: [("connect", till(c), door(c), "old", c.choice(HOW), filter_(c))],
    "send": lambda c: [("send", till(c), few(c))],
    "receive": lambda c: [("receive", till(c), few(c))],
    "ack": lambda c: [("ack", till(c), c.choice(ACKS))],
    "careless": lambda c: [("ack", till(c), c.choice(("unnamed", "ahead")))],
    "die": lambda c: [("die", till(c), c.random() < 0.5)],
    "notice": lambda c: [("notice", new(c))],
    "flush": lambda c: [("flush", new(c))],
    "crash": lambda c: [("crash", new(c))],
    "send_dead": lambda c: [("send_dead", new(c))],
    "land": lambda _: [("land",)],
    "fork": lambda c: [("fork", c.choice((1, 2)), c.random() < 0.5)],
    "trim": lambda c: [("trim", c.choice((1, 2, 3)))],
    "phantom": lambda c: [("phantom", till(c), new(c))],
    "poll": lambda c: [
        ("poll", till(c), c.choice(POLL_HOW), filter_(c), c.choice((1, 9, 9)), c.random() < 0.25)
    ],
    "poll_ack": lambda c: [("poll_ack", till(c), filter_(c), c.choice(("named", "named", "late")))],
    "poll_ack unnamed": lambda c: [("poll_ack", till(c), filter_(c), "unnamed")],
    "shown": lambda c: [("shown", till(c), c.randrange(6))],
}


def history_of(seed: int, kinds: tuple[str, ...]) -> list[Step]:
    """The history of a seed, of steps of these kinds."""
    chance = random.Random(seed)
    return [step for _ in range(chance.choice((6, 12, 25))) for step in KINDS[chance.choice(kinds)](chance)]


def shortest(steps: list[Step], fails: Callable[[list[Step]], bool]) -> list[Step]:
    """A history that fails, without the steps that it needs not to: any part of a history is one."""
    at = 0
    while at < len(steps):
        left = steps[:at] + steps[at + 1 :]
        if fails(left):
            steps = left
        else:
            at += 1
    return steps
