"""The world of `tests.receipts.world`, whose terminals keep books as well: two judges beside one database.

Steps are the clock. Histories that fork, are trimmed, or meet pods of the version before have no book.
"""

import uuid
from collections import defaultdict
from math import inf
from typing import Any

from tests.receipts.book import Ack, Book, Circumstances, Reading
from tests.receipts.world import Step, World, passes


class NotedWorld(World):
    """The same steps, written down."""

    def __init__(self, *words: Any, **more: Any) -> None:
        super().__init__(*words, **more)
        self.books = (Book(), Book())
        self.now = 0.0
        self.flushes: defaultdict[str, list[float]] = defaultdict(list)
        self.crashes: defaultdict[str, list[float]] = defaultdict(list)
        self.notes: dict[uuid.UUID, Reading] = {}
        self.newest_page: dict[tuple[int, str], Reading] = {}
        self.under_way: list[Ack] = []
        self.listed: set[tuple[int, uuid.UUID]] = set()

    async def judge(self, step: Step) -> None:
        """No receipt is false; for the book neither."""
        await super().judge(step)
        may, _ = self.by_the_book()
        false = await self.receipts() - may - self.listed
        assert not false, f"false receipts behind {step}, by the book: {self.spell(false)}"

    async def complete(self) -> None:
        """None is missing that must be there by the book; when everything is written."""
        _, must = self.by_the_book()
        missing = must - await self.receipts()
        assert not missing, f"missing receipts, by the book: {self.spell(missing)}"

    def by_the_book(self) -> tuple[set[tuple[int, uuid.UUID]], set[tuple[int, uuid.UUID]]]:
        """The receipts that may be, and those that must."""
        around = Circumstances(self._firm, lambda at: inf if at == inf else len(self.log), 0)
        may: set[tuple[int, uuid.UUID]] = set()
        must: set[tuple[int, uuid.UUID]] = set()
        for t, book in enumerate(self.books):
            book.settle(around)
            for place, order in enumerate(self.log):
                station = order.station
                word = book.word(place + 1, lambda name, station=station: passes(str(name), station), around)  # type: ignore[misc]
                if word.may < inf:
                    may.add((t, order.id))
                if word.must < inf:
                    must.add((t, order.id))
        return may, must

    def _firm(self, gateway: str, began: float, at: float) -> bool:
        """Whether the news of then was written before anything killed it."""
        written = min((when for when in self.flushes[gateway] if when > at), default=inf)
        return written < inf and not any(began <= when <= written for when in self.crashes[gateway])

    # -- the steps, and what a terminal notes of them ------------------------------------------------------------

    async def connect(self, t: int, door: str, gateway: str, how: str, filter_: str) -> None:
        self.now += 1
        device = self.devices[t]
        page = device.pages.get(filter_)
        offset = {"zero": 0, "cursor": device.cursor, "page": page[0] if page else None}.get(how)
        await super().connect(t, door, gateway, how, filter_)
        line = device.line
        assert line is not None
        named = offset is not None and offset == line.began
        self.notes[line.reading] = self.books[t].open(
            Reading(door, filter_, gateway, self.now, line.began, named, name=str(line.reading))
        )

    async def phantom(self, t: int, gateway: str) -> None:
        self.now += 1
        await super().phantom(t, gateway)
        self.books[t].open(Reading("websocket", "all", gateway, self.now, None, False))

    async def receive(self, t: int, count: int) -> None:
        self.now += 1
        device = self.devices[t]
        await super().receive(t, count)
        if device.line is not None and device.line.read and device.received and device.cursor is not None:
            self.notes[device.line.reading].give(self.now, device.cursor)

    async def ack(self, t: int, way: str) -> None:
        self.now += 1
        device = self.devices[t]
        line = device.line
        speaks = line is not None and line.read and not line.gone and device.cursor is not None
        if speaks and (device.received or way in ("again", "ahead")):
            assert line is not None
            assert device.cursor is not None
            ack = Ack(
                len(self.log) if way == "ahead" else device.cursor, self.now, None if way == "late" else self.now,
                sure=way not in ("ahead", "unnamed"),
            )  # fmt: skip
            self.notes[line.reading].acks.append(ack)
            if way == "late":
                self.under_way.append(ack)
        await super().ack(t, way)

    async def land(self) -> None:
        self.now += 1
        if self.late:
            self.under_way.pop(0).heard = self.now
        await super().land()

    async def notice(self, gateway: str) -> None:
        self.now += 1
        self._end(gateway, read=False)
        await super().notice(gateway)

    async def flush(self, gateway: str) -> None:
        self.now += 1
        await super().flush(gateway)
        self.flushes[gateway].append(self.now)

    async def crash(self, gateway: str) -> None:
        self.now += 1
        self._end(gateway, read=True)
        self.crashes[gateway].append(self.now)
        await super().crash(gateway)

    def _end(self, gateway: str, *, read: bool) -> None:
        for line in self.lines[gateway]:
            if line.reading in self.notes and (read or not line.read):
                self.notes[line.reading].ended = min(self.notes[line.reading].ended, self.now)

    async def poll(self, t: int, how: str, filter_: str, limit: int, lost: bool) -> None:
        self.now += 1
        device = self.devices[t]
        page = device.pages.get(filter_)
        own = device.cursor if device.filter == filter_ else None
        offset = {"zero": 0, "cursor": page[0] if page else None, "stream": own}.get(how)
        acked = await self.acked(t, filter_) if how == "acked" else None
        await super().poll(t, how, filter_, limit, lost)
        head = len(self.log)
        named = offset is not None and offset <= head
        if lost:
            began = offset if named else None
            self.books[t].open(Reading("polling", filter_, "", self.now, began, named))
            return
        end, name, _ = device.pages[filter_]
        wanted = acked if acked is not None else offset
        began = head if wanted is None or wanted > head else wanted
        reading = Reading("polling", filter_, "", self.now, began, named, name=str(name), ended=self.now)
        reading.give(self.now, end)
        self.newest_page[t, filter_] = self.books[t].open(reading)

    async def poll_ack(self, t: int, filter_: str, way: str) -> None:
        self.now += 1
        page = self.devices[t].pages.get(filter_)
        if page is not None:
            ack = Ack(page[0], self.now, None if way == "late" else self.now, sure=way != "unnamed")
            self.newest_page[t, filter_].acks.append(ack)
            if way == "late":
                self.under_way.append(ack)
        await super().poll_ack(t, filter_, way)

    async def shown(self, t: int, place: int) -> None:
        await super().shown(t, place)
        if self.log:
            self.listed.add((t, self.log[place % len(self.log)].id))
