"""Terminals, gateways and polls around the real functions of the database, and notes of what each terminal held.

A history is a list of small steps; a step that does not apply does nothing, so any part of a history is one too. The
gateways' memory is ours (`Line`), written behind as a pod does it; what the rows are made to say is PostgreSQL's.
"""

import uuid
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import asyncpg

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"
Step = tuple[Any, ...]

FILTERS: dict[str, tuple[list[str] | None, list[str] | None, list[str] | None]] = {
    "all": (None, None, None),
    "bar": (None, ["bar"], None),
    "kitchen": (None, ["kitchen"], None),
    "both": (None, ["bar", "kitchen"], None),
    "drinks": (None, None, ["drinks"]),
    "bar drinks": (["new_order", "order_updated"], ["bar"], ["drinks"]),
    "no orders": (["order_updated"], None, None),
}
STATIONS = ("bar", "kitchen", "", "bar+kitchen", "bar/drinks", "kitchen/drinks", "/food", "bar/food+drinks")
"""Of an order: its stations, and behind a stroke its categories."""
SPEAKS = ("ack", "flush", "land", "poll_ack", "fork")
GATEWAYS = ("old", "new-1", "new-2")

OLD_ACK = """
    WITH moved AS (
        UPDATE terminals SET acked_epoch = $2, acked_seq = $3, acked_at = clock_timestamp()
        WHERE terminal_id = $1 AND (acked_seq IS NULL OR (acked_epoch, acked_seq) < ($2, $3))
        RETURNING terminal_id, acked_seq, tenant, acked_at
    )
    INSERT INTO terminal_acks (terminal_id, acked_seq, tenant, acked_at)
    SELECT terminal_id, acked_seq, tenant, acked_at FROM moved ON CONFLICT DO NOTHING
"""
PLACE = (
    "SELECT place_order($1, NULL, NULL, $2, 'online', 'pickup', 'Ada', NULL, NULL, NULL, 0, '0',"
    " '{}', '{}', '{}', '{}', '{}')"
)
BEGIN = "SELECT begin_readings($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)"
ADVANCE = "SELECT * FROM advance_readings($1, $2, $3, $4, $5, $6, $7, $8, $9)"
POLL = "SELECT poll_reading($1, $2, $3, NULL, NULL, $4, $5, $6, $7, $8, $9, $10)"
ACK = "SELECT * FROM ack_reading($1, $2, $3, $4, $5)"
SEE = "SELECT * FROM see_orders($1, $2, $3)"
RECEIPTS = "SELECT o.order_id, r.terminal_id FROM orders o, receipts_of(o) r WHERE o.tenant = $1"


def passes(filter_: str, station: str) -> bool:
    """Whether an order of such stations and categories passes a filter: the judge's own reading of the contract."""
    if filter_ == "no orders":
        return False
    of, kinds = names_of(station)
    wanted = {"bar": "bar", "bar drinks": "bar", "kitchen": "kitchen"}.get(filter_)
    by_station = not of or wanted is None or wanted in of
    return by_station and (not kinds or "drinks" not in filter_ or "drinks" in kinds)


def names_of(station: str) -> tuple[list[str], list[str]]:
    """The stations and categories of an order."""
    of, _, kinds = station.partition("/")
    return [name for name in of.split("+") if name], [name for name in kinds.split("+") if name]


@dataclass(frozen=True)
class Order:
    """An order in the log: its name, and where it is made."""

    id: uuid.UUID
    station: str


@dataclass(eq=False)
class Line:
    """A connection as its gateway knows it; `flight` is on its way to the device, or into the void."""

    reading: uuid.UUID
    terminal: int
    door: str
    filter: str
    gateway: str
    epoch: int
    began: int
    position: int
    flight: list[tuple[int, Order | None]] = field(default_factory=list)
    stretch: int = 0
    said: int | None = None
    prior: list[tuple[int, int, int, int | None]] = field(default_factory=list)
    read: bool = True
    gone: bool = False
    chain: frozenset[uuid.UUID] = frozenset()


@dataclass
class Device:
    """The events that a terminal holds. `cursor` is the last offset of its stream; `pages` those of its polls."""

    cursor: int | None = None
    held: set[uuid.UUID] = field(default_factory=set)
    via: dict[uuid.UUID, uuid.UUID] = field(default_factory=dict)
    line: Line | None = None
    received: bool = False
    chain: frozenset[uuid.UUID] = frozenset()
    filter: str | None = None
    pages: dict[str, tuple[int, uuid.UUID, frozenset[uuid.UUID]]] = field(default_factory=dict)


class World:
    """One tenant with two terminals, the second of which is the pickup screen; three gateways, one of them old."""

    def __init__(self, database: Connection, fault: str = "", roles: list[str] | None = None) -> None:
        self.database = database
        self.fault = fault
        self.roles = roles
        self.tenant = f"w-{uuid.uuid4().hex[:12]}"
        self.terminals = (uuid.uuid4(), uuid.uuid4())
        self.devices = (Device(), Device())
        self.lines: dict[str, list[Line]] = {name: [] for name in GATEWAYS}
        self.log: list[Order] = []
        self.epoch = 1
        self.floor = 0
        self.saved = 0
        self.late: list[tuple[int, int, int, uuid.UUID | None]] = []
        self.truth: set[tuple[int, uuid.UUID]] = set()
        self.must: set[tuple[int, uuid.UUID]] = set()
        self.lossy = False
        self.mixed = False

    async def open(self) -> None:
        """Make the tenant."""
        run = self.database.execute
        await run(
            "INSERT INTO tenants (tenant, name, alarm_roles) VALUES ($1, $1, $2)", self.tenant, self.roles
        )
        await run("INSERT INTO tenant_streams (tenant) VALUES ($1)", self.tenant)
        for terminal, role in zip(self.terminals, ("kitchen", None), strict=True):
            await run(
                "INSERT INTO terminals (terminal_id, tenant, name, role) VALUES ($1, $2, 'till', $3)",
                terminal, self.tenant, role,
            )  # fmt: skip
        await run("DELETE FROM gateways")
        for gateway in GATEWAYS[1:]:
            await run("INSERT INTO gateways VALUES ($1, clock_timestamp(), true)", gateway)
        self.epoch = await self.database.fetchval(
            "SELECT epoch FROM tenant_streams WHERE tenant = $1", self.tenant
        )

    async def play(self, steps: list[Step]) -> None:
        """Do one step after the other; after each the rows claim nothing that is not so."""
        for step in steps:
            await getattr(self, step[0])(*step[1:])
            if step[0] in SPEAKS:
                await self.judge(step)
        await self.judge(("the end",))
        assert await self.unseen() <= {order.id for order in self.log}
        if not self.mixed:
            unseen = self.unseen_by_receipts(await self.receipts())
            assert await self.unseen() == unseen, "false silence: what is unseen is not what has no receipt"

    async def judge(self, step: Step) -> None:
        """No receipt is false."""
        false = await self.receipts() - self.truth
        assert not false, f"false receipts behind {step}: {self.spell(false)}"

    async def settle(self) -> None:
        """Everything under way arrives and is written."""
        while self.late:
            await self.land()
        for _ in range(2):
            for gateway in GATEWAYS:
                await self.flush(gateway)

    def unseen_by_receipts(self, receipts: set[tuple[int, uuid.UUID]]) -> set[uuid.UUID]:
        """The orders that nobody who counts has a receipt of."""
        counting = (0,) if self.roles else (0, 1)
        return {order.id for order in self.log} - {order for t, order in receipts if t in counting}

    async def receipts(self) -> set[tuple[int, uuid.UUID]]:
        """The database's answer."""
        rows = await self.database.fetch(RECEIPTS, self.tenant)
        return {(self.terminals.index(row["terminal_id"]), row["order_id"]) for row in rows}

    async def unseen(self) -> set[uuid.UUID]:
        """Which orders the database would alarm for."""
        rows = await self.database.fetch("SELECT order_id FROM unseen_orders WHERE tenant = $1", self.tenant)
        return {row["order_id"] for row in rows}

    def spell(self, pairs: set[tuple[int, uuid.UUID]]) -> list[tuple[int, str]]:
        """Receipts by their place in the log."""
        places = {order.id: f"{at + 1} {order.station}" for at, order in enumerate(self.log)}
        return sorted((t, places.get(order, "lost")) for t, order in pairs)

    # -- the log -------------------------------------------------------------------------------------------------

    async def order(self, station: str) -> None:
        self.saved += 1
        await self.database.execute(f"SAVEPOINT before_{len(self.log)}")
        order = Order(uuid.uuid4(), station)
        await self.database.fetchval(PLACE, self.tenant, order.id)
        if station:
            for table in ("orders", "unseen_orders"):
                await self.database.execute(
                    f"UPDATE {table} SET stations = $2, categories = $3 WHERE order_id = $1",
                    order.id, *names_of(station),
                )  # fmt: skip
        self.log.append(order)

    async def fork(self, back: int, stale: bool) -> None:
        """The database goes back to what it was before the last orders, as a promoted standby does."""
        fork = len(self.log) - back
        if fork < self.floor or back == 0:
            return
        await self.database.execute(f"ROLLBACK TO SAVEPOINT before_{fork}")
        await self.database.execute(
            "UPDATE cluster_epochs SET timeline = 'over' WHERE epoch = (SELECT max(epoch) FROM cluster_epochs)"
        )
        lost = {order.id for order in self.log[fork:]}
        del self.log[fork:]
        if stale:
            for gateway in GATEWAYS:
                await self.flush(gateway)
        self.epoch = await self.database.fetchval("SELECT enter_epoch()")
        if stale:
            for gateway in GATEWAYS:
                await self.flush(gateway)
        self.lossy = True
        for line in (line for lines in self.lines.values() for line in lines):
            line.epoch = self.epoch
            line.flight = [(seq, order) for seq, order in line.flight if seq <= fork]
            line.began, line.position = min(line.began, fork), min(line.position, fork)
            line.said = None if line.said is None else min(line.said, fork)
            line.prior = [(s, min(b, fork), min(p, fork), w) for s, b, p, w in line.prior]
        for device in self.devices:
            device.held -= lost
            device.cursor = None if device.cursor is None else min(device.cursor, fork)
            device.pages = {}

    async def trim(self, upto: int) -> None:
        self.floor = max(self.floor, min(upto, len(self.log)))

    # -- streams -------------------------------------------------------------------------------------------------

    async def connect(self, t: int, door: str, gateway: str, how: str, filter_: str) -> None:
        device = self.devices[t]
        after: int | None = {"live": None, "zero": 0, "acked": await self.acked(t, filter_), "cursor": device.cursor,
                             "page": device.pages[filter_][0] if filter_ in device.pages else None}[how]  # fmt: skip
        head = len(self.log)
        named = after is not None and self.floor <= after <= head and how != "acked"
        if self.fault in ("after=acked is a word", "skips are words"):
            named = named or how == "acked" or self.fault == "skips are words"
        start = head if after is None or after > head else max(after, self.floor)
        if device.line is not None:
            device.line.read = False
        chain: frozenset[uuid.UUID] = frozenset()
        if how == "cursor" and device.filter == filter_ and after is not None and after >= self.floor:
            chain = device.chain
        line = Line(uuid.uuid4(), t, door, filter_, gateway, self.epoch, start, start)
        if gateway == "old":
            self.mixed = True
            await self.database.execute(
                "INSERT INTO gateways VALUES ('old', clock_timestamp()) ON CONFLICT DO NOTHING"
            )
        else:
            await self._begin(line, named)
            line.chain = chain | {line.reading}
        self.lines[gateway].append(line)
        device.line, device.received, device.filter, device.chain = line, False, filter_, line.chain
        device.cursor = after if after is not None and after == start else start

    async def _begin(self, line: Line, named: bool) -> None:
        types, stations, categories = FILTERS[line.filter]
        await self.database.execute(
            BEGIN, [line.reading], [self.terminals[line.terminal]], [self.tenant], [line.door], line.gateway, [None],
            [None], [types and ",".join(types)], [stations and ",".join(stations)],
            [categories and ",".join(categories)], [line.epoch], [line.began], [named],
        )  # fmt: skip

    async def phantom(self, t: int, gateway: str) -> None:
        """A handshake that came to nothing."""
        line = Line(uuid.uuid4(), t, "websocket", "all", gateway, self.epoch, len(self.log), len(self.log))
        if gateway != "old":
            await self._begin(line, False)
            line.gone, line.read = True, False
            self.lines[gateway].append(line)
            self.lossy = True

    async def acked(self, t: int, filter_: str) -> int:
        row = await self.database.fetchrow(
            "SELECT epoch, seq FROM newest_ack($1, $2, $3, $4)", self.terminals[t], *FILTERS[filter_]
        )
        return 0 if row is None or row["seq"] is None else row["seq"]

    async def send(self, t: int, count: int) -> None:
        line = self.devices[t].line
        if line is not None and line.read and not line.gone:
            self._send(line, count)

    async def send_dead(self, gateway: str) -> None:
        for line in self.lines[gateway]:
            if not line.read and not line.gone:
                self._send(line, 99)

    def _send(self, line: Line, count: int) -> None:
        if line.position < self.floor:
            line.flight.append((self.floor, None))
            line.prior.append((line.stretch, line.began, line.position, line.said))
            line.stretch += 1
            line.began, line.position, line.said = self.floor, self.floor, None
        for order in self.log[line.position : line.position + count]:
            line.position += 1
            if passes(line.filter, order.station):
                line.flight.append((line.position, order))

    async def receive(self, t: int, count: int) -> None:
        device = self.devices[t]
        line = device.line
        for _ in range(count):
            if line is None or not line.read or line.gone or not line.flight:
                break
            seq, order = line.flight.pop(0)
            device.cursor, device.received = seq, True
            if order is not None:
                device.held.add(order.id)
                device.via[order.id] = line.reading

    async def ack(self, t: int, way: str) -> None:
        device = self.devices[t]
        line = device.line
        if line is None or not line.read or line.gone or device.cursor is None:
            return
        if not device.received and way not in ("again", "ahead"):
            return
        seq = device.cursor
        if way != "ahead":
            self._note(t, seq, line.chain, way)
        if way == "ahead":
            # A careless client: it acks the head that it heard of. Events that were sent to it count.
            seq = len(self.log)
            sent = {order.id for _, order in line.flight if order is not None}
            self.truth |= {
                (t, order.id) for order in self.log[: line.position] if order.id in device.held | sent
            }
        if line.door == "websocket" and way in ("own", "again", "ahead"):
            if line.gateway == "old":
                await self.database.execute(OLD_ACK, self.terminals[t], line.epoch, seq)
                return
            for at, (stretch, began, position, said) in enumerate(line.prior):
                line.prior[at] = (stretch, began, position, max(said or 0, min(seq, position)))
            reach = seq if self.fault == "acks are not capped" else min(seq, line.position)
            line.said = max(line.said or 0, reach)
        elif way == "late":
            self.late.append((t, self.epoch, seq, line.reading))
        elif way != "ahead":
            name = None if way == "unnamed" or line.gateway == "old" else line.reading
            await self._http_ack(t, self.epoch, seq, name)

    async def land(self) -> None:
        """An ack that was under way arrives."""
        if self.late:
            await self._http_ack(*self.late.pop(0))

    async def _http_ack(self, t: int, epoch: int, seq: int, reading: uuid.UUID | None) -> None:
        if (epoch, seq) <= (self.epoch, len(self.log)):
            await self.database.fetchrow(ACK, self.tenant, self.terminals[t], reading, epoch, seq)

    def _note(self, t: int, seq: int, chain: frozenset[uuid.UUID], way: str) -> None:
        device = self.devices[t]
        for order in self.log[:seq]:
            if order.id in device.held:
                self.truth.add((t, order.id))
                if device.via[order.id] in chain and way not in ("unnamed",):
                    self.must.add((t, order.id))

    async def die(self, t: int, forgets: bool) -> None:
        device = self.devices[t]
        if device.line is not None:
            device.line.read = False
        device.line = None
        if forgets:
            device.cursor, device.chain, device.filter, device.pages = None, frozenset(), None, {}

    async def notice(self, gateway: str) -> None:
        """The gateway sees which of its sockets are dead."""
        for line in self.lines[gateway]:
            line.gone = line.gone or not line.read

    async def flush(self, gateway: str) -> None:
        """Write the news of a gateway."""
        words: list[tuple[Any, ...]] = []
        for line in self.lines[gateway]:
            if gateway != "old":
                for stretch, began, position, said in line.prior:
                    words.append((line.reading, stretch, line.epoch, began, position, said, None, 0.0, 1000))
                words.append((
                    line.reading, line.stretch, line.epoch, line.began, line.position, line.said, None,
                    0.0 if line.gone else None, 1000 if line.gone else None,
                ))  # fmt: skip
            line.prior = []
        self.lines[gateway] = [line for line in self.lines[gateway] if not line.gone]
        if words:
            await self.database.fetch(ADVANCE, *map(list, zip(*words, strict=True)))

    async def crash(self, gateway: str) -> None:
        """A gateway is killed with what it had not written; its lease runs out."""
        self.lossy = self.lossy or bool(self.lines[gateway])
        for line in self.lines[gateway]:
            line.read, line.gone = False, True
        self.lines[gateway] = []

    # -- polls and lists -----------------------------------------------------------------------------------------

    async def poll(self, t: int, how: str, filter_: str, limit: int, lost: bool) -> None:
        device = self.devices[t]
        page = device.pages.get(filter_)
        own = device.cursor if device.filter == filter_ else None
        after: int | None = {"live": None, "zero": 0, "acked": await self.acked(t, filter_),
                             "cursor": page[0] if page else None, "stream": own}[how]  # fmt: skip
        head = len(self.log)
        named = after is not None and self.floor <= after <= head and how != "acked"
        if self.fault in ("after=acked is a word", "skips are words"):
            named = named or how == "acked" or self.fault == "skips are words"
        start = head if after is None or after > head else max(after, self.floor)
        end = min(head, start + limit)
        reading = await self.database.fetchval(
            POLL,
            self.tenant,
            self.terminals[t],
            uuid.uuid4(),
            *FILTERS[filter_],
            self.epoch,
            start,
            named,
            end,
        )
        if lost:
            return
        chain = page[2] if page is not None and how == "cursor" else frozenset()
        device.pages[filter_] = (end, reading, chain | {reading})
        for order in self.log[start:end]:
            if passes(filter_, order.station):
                device.held.add(order.id)
                device.via[order.id] = reading

    async def poll_ack(self, t: int, filter_: str, way: str) -> None:
        page = self.devices[t].pages.get(filter_)
        if page is None:
            return
        seq, reading, chain = page
        self._note(t, seq, chain, way)
        if way == "late":
            self.late.append((t, self.epoch, seq, reading))
        else:
            await self._http_ack(t, self.epoch, seq, None if way == "unnamed" else reading)

    async def shown(self, t: int, place: int) -> None:
        """A list showed an order."""
        if self.log:
            order = self.log[place % len(self.log)]
            self.truth.add((t, order.id))
            self.must.add((t, order.id))
            await self.database.fetchrow(SEE, self.tenant, self.terminals[t], [order.id])
