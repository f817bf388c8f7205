"""A terminal's own notes of what it was given and what it said of it; and which receipts follow from them, by the
contract alone (docs/protocol.md, section 10).

Values only: no server, no clock; times are numbers that rise. Some things a terminal cannot know: how far a stream came
into a socket that was dead already, what a pod that was killed had written. So each receipt has two moments: from when
on it *may* be there, and from when on it *must* be. Where nothing was lost, what may be must be.
"""

from bisect import bisect_right
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from math import inf


@dataclass(eq=False, slots=True)
class Ack:
    """The word "all up to `seq`", said at `at`. `heard`: when the terminal knew that it had arrived; None: never.

    `sure`: it named its reading, and no more than it had been given.
    """

    seq: int
    at: float
    heard: float | None = None
    sure: bool = True


@dataclass(eq=False, slots=True)
class Reading:
    """A stream, or one page of a poll, as the terminal knows it.

    `began`: behind which offset; None when the answer was lost, and then it is not before `least`. `named`: that is the
    offset that the terminal named. `came`: how far it was known to have come, and when. `ended`: by when the server
    knew that the stream was over.
    """

    door: str
    filter: Hashable
    gateway: str
    at: float
    began: int | None
    named: bool
    name: str = ""
    least: int = 0
    ended: float = inf
    came: list[tuple[float, int]] = field(default_factory=list)
    got: list[int] = field(default_factory=list)
    acks: list[Ack] = field(default_factory=list)
    may_from: int = 0
    must_from: int = 0

    def give(self, at: float, seq: int, event: bool = True) -> None:
        """The terminal was given everything up to `seq`; with the event that is there."""
        if not self.came or self.came[-1][1] < seq:
            self.came.append((at, seq))
        if event:
            self.got.append(seq)

    def through(self, at: float = inf) -> int:
        """How far it had come at that moment, for all that the terminal knew."""
        return max((seq for when, seq in self.came if when <= at), default=self.began or 0)

    def reached(self, seq: int) -> float:
        """When the terminal knew that it had come so far."""
        return next((when for when, come in self.came if come >= seq), self.at)


@dataclass(frozen=True, slots=True)
class Circumstances:
    """The rest of the world, as far as it decides what a receipt may be.

    `firm`: whether what a gateway knew at a moment was written for certain, of a reading that began at another: a
    terminal takes from its socket what a gateway wrote before it died. `head`: an offset that the log had not
    passed by then. `slack`: how long what is written behind may take.
    """

    firm: Callable[[str, float, float], bool]
    head: Callable[[float], float]
    slack: float


@dataclass(slots=True)
class Word:
    """From when on there may be a receipt, and from when on there must be; infinite: never."""

    may: float = inf
    must: float = inf

    def add(self, may: float, must: float = inf) -> None:
        """Another reason for it."""
        self.may, self.must = min(self.may, may), min(self.must, must)


@dataclass(eq=False, slots=True)
class Book:
    """The notes of one terminal: its readings in the order in which it asked for them."""

    readings: list[Reading] = field(default_factory=list)

    def open(self, reading: Reading) -> Reading:
        """Note a reading that was asked for just now."""
        self.readings.append(reading)
        return reading

    def settle(self, around: Circumstances) -> None:
        """Decide where what each reading's acks cover begins."""
        ranks: dict[str, int] = {}
        lost: dict[Hashable, int] = {}
        for place, mine in enumerate(self.readings):
            if mine.name:
                # A chain of polls may have begun with an answer that was lost.
                ranks.setdefault(mine.name, lost.get(mine.filter, place) if mine.door == "polling" else place)
            elif mine.door == "polling":
                lost.setdefault(mine.filter, place)
        for place, mine in enumerate(self.readings):
            mine.may_from, mine.must_from = self._begin(mine, self.readings[:place], ranks, around)

    def word(self, seq: int, passes: Callable[[Hashable], bool], around: Circumstances) -> Word:
        """The word of the terminal's acks about the order at `seq`; behind `settle`."""
        word = Word()
        for reading in self.readings:
            if not reading.acks or not passes(reading.filter):
                continue
            for ack in reading.acks:
                if reading.may_from < seq <= ack.seq:
                    word.add(ack.at)
                    if ack.sure and reading.must_from < seq:
                        word.add(ack.at, _must(reading, ack, around))
        return word

    def tell(self, upto: int) -> str:
        """The readings that an order may be in, for people: place, door, gateway, begin, where it counts from, acks."""
        return "; ".join(
            f"{place} {one.door} {one.gateway} at {one.at:.2f} {one.filter and sorted(map(str, one.filter))}"  # type: ignore[call-overload]
            f" began {one.began}{' named' * one.named} may {one.may_from} must {one.must_from}"
            f" through {one.through()} ended {one.ended:.2f} acks"
            f" {[(ack.seq, round(ack.at, 2), ack.heard and round(ack.heard, 2), ack.sure) for ack in one.acks]}"
            for place, one in enumerate(self.readings)
            if one.began is None or (one.may_from < upto and (one.acks or one.through() >= upto))
        )

    @staticmethod
    def _begin(
        mine: Reading, before: list[Reading], ranks: dict[str, int], around: Circumstances
    ) -> tuple[int, int]:
        """From where on the acks of a reading count at most, and at least."""
        if mine.began is None:
            return mine.least, 1 << 62
        if not mine.named or mine.began == 0:
            return mine.began, mine.began
        offset = mine.began
        # Those that may have given the offset, and of these the ones that have for certain.
        maybe = [one for one in before if _reaches(one, offset, around)]
        same = [one for one in maybe if one.filter == mine.filter]
        certain = [one for one in same if one.began is not None and one.through(mine.at) >= offset]
        # Of several, the one that claims least.
        claims = [one.may_from for one in certain]
        may = max(claims) if claims else min((one.may_from for one in same), default=offset)
        # A poll whose answer was lost goes on in a chain that nobody knows, and gave nothing.
        written = [one for one in certain if not _lost(one) and _written(one, offset, around)]
        must = max(one.must_from for one in same) if written else offset
        if written and mine.door != "polling":
            places = {id(one): place for place, one in enumerate(before)}
            newest = max(ranks.get(one.name, places[id(one)]) for one in written)
            if any(
                one.filter != mine.filter and one.door != "polling" and places[id(one)] > newest
                for one in maybe
            ):
                # A stream with another filter came between, and may have given it.
                must = offset
        return min(may, offset), min(must, offset)


def _must(reading: Reading, ack: Ack, around: Circumstances) -> float:
    """From when on what an ack says must be stored; infinite where it may be lost."""
    if ack.heard is None:
        return inf
    if reading.door == "polling":
        return ack.heard
    # At a socket the ack itself is written behind, at a stream how far it came; either may die with its gateway.
    told = ack.at if reading.door == "websocket" else reading.reached(ack.seq)
    return max(ack.heard, told) + around.slack if around.firm(reading.gateway, reading.at, told) else inf


def _reaches(one: Reading, offset: int, around: Circumstances) -> bool:
    """Whether a reading may have come to an offset."""
    if (one.least if one.began is None else one.began) > offset:
        return False
    if one.door == "polling":
        return one.began is None or one.ended == inf or one.through() >= offset
    # A stream whose end was not written may have come anywhere.
    return (
        one.began is None
        or not around.firm(one.gateway, one.at, one.ended)
        or around.head(one.ended) >= offset
    )


def _lost(one: Reading) -> bool:
    """Whether it is a poll whose answer did not come."""
    return one.door == "polling" and not one.name


def _written(one: Reading, offset: int, around: Circumstances) -> bool:
    """Whether it is written for certain that a reading came to an offset."""
    return one.door == "polling" or around.firm(one.gateway, one.at, one.reached(offset))


def head_of(moments: list[float], slack: float) -> Callable[[float], float]:
    """The head of a log whose events were committed at these moments, a little later than a given one."""

    def head(at: float) -> float:
        return inf if at == inf else bisect_right(moments, at + slack)

    return head
