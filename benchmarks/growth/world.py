"""A database of a given size, filled without the product, and the names of what is in it.

All of its shops are alike. Row `n` of a table is of shop `1 + (n - 1) % shops`, so a shop's rows lie as scattered as if
all shops had been at work at once.
"""

import hashlib
import random
from dataclasses import dataclass
from uuid import UUID

from backbone.contract.offset import Offset
from infra.local.history import Connection, write_rows

EVENTS_AN_ORDER = 10
OPEN_ORDERS = 20
DUE = 50
FUTURE_DAYS = 7
EPOCH = 1


@dataclass(frozen=True, slots=True)
class World:
    """Sizes: `events` of all shops, `terminals` and `unseen_a_shop` (orders) of each, `connections` of each terminal.

    `days` is how many partitions the log has, those ahead of today among them.
    """

    shops: int = 20
    terminals: int = 5
    connections: int = 10
    events: int = 10_000
    days: int = 15
    unseen_a_shop: int = OPEN_ORDERS

    @property
    def events_a_shop(self) -> int:
        return self.events // self.shops

    @property
    def orders_a_shop(self) -> int:
        return self.events_a_shop // EVENTS_AN_ORDER

    def shop(self, number: int) -> str:
        """The name of a shop; they are numbered from 1, as all else is."""
        return f"s{number}"

    def order(self, shop: int, number: int) -> UUID:
        """The id of a shop's order by its running number."""
        return _named(f"grown order {(number - 1) * self.shops + shop}")

    def terminal(self, shop: int, number: int) -> UUID:
        """The id of one of a shop's terminals."""
        return _named(f"grown till {(number - 1) * self.shops + shop}")

    def key_hash(self, shop: int, number: int) -> bytes:
        """The hash of that terminal's key."""
        return hashlib.sha256(f"grown key {(number - 1) * self.shops + shop}".encode()).digest()

    def head(self) -> Offset:
        """Where each shop's log ends after the fill."""
        return Offset(EPOCH, self.events_a_shop)

    def any_shop(self) -> int:
        """One of them."""
        return random.randint(1, self.shops)


def phone(number: int) -> str:
    """The digits of the number of who placed order `number`; everybody places five."""
    return f"4917{10_000_000 + number // 5}"


def _named(text: str) -> UUID:
    return UUID(hashlib.md5(text.encode()).hexdigest())


_UNSEEN = """
    INSERT INTO unseen_orders (tenant, event_seq, event_epoch, order_id, placed_at, counts_from, alarm_at)
    SELECT tenant, event_seq, event_epoch, order_id, created_at, created_at,
           now() + CASE WHEN row_number() OVER (ORDER BY order_id) <= $2 THEN interval '-1 second'
                        ELSE interval '1 day' END
    FROM orders WHERE order_seq > $1
"""


async def fill(database: Connection, world: World) -> None:
    """Fill a migrated, empty database, and leave it as it is kept in the long run."""
    assert await database.fetchval("SELECT max(epoch) FROM cluster_epochs") == EPOCH
    # Nothing that is written here needs its foreign keys looked at, row by row.
    await database.execute("SET session_replication_role = replica")
    past = world.days - FUTURE_DAYS - 1
    await database.execute("SELECT ensure_event_partitions(current_date - $1::integer, $2)", past, world.days)
    await database.execute("SELECT drop_event_partitions(current_date - $1::integer)", past)
    shops, tills = world.shops, world.shops * world.terminals
    events, orders, connections = world.events_a_shop, world.orders_a_shop, world.connections
    shop, nth = f"'s' || 1 + (n - 1) % {shops}", f"(1 + (n - 1) / {shops})"
    of_reading = f"(1 + (n - 1) / {tills})"

    async def write(table: str, rows: int, **said: str) -> None:
        await write_rows(database, table, rows, shop=shop, tag="grown", **said)

    await write("tenants", shops)
    await write("tenant_streams", shops, events=str(events), orders=str(orders))
    await write("terminals", tills, acked=str(events))
    await write("api_keys", tills)
    reading = {
        "till": f"(1 + (n - 1) % {tills})",
        "began": f"{events}::bigint * ({of_reading} - 1) / {connections}",
        "sent": f"{events}::bigint * {of_reading} / {connections}",
        "said": f"{events}::bigint * {of_reading} / {connections}",
        "ended_at": f"now() - ({connections} - {of_reading}) * interval '1 hour'",
    }
    await write("readings", tills * connections, said_at=reading["ended_at"], **reading)
    await write("coverage", tills * connections, **reading)
    await write(
        "pos_sync_logs", events * shops, seq=nth, payload="decode(repeat('7b', 350), 'hex')",
        committed_at=f"now() - ({events} - {nth}) * interval '{past} days' / {events}",
    )  # fmt: skip
    await write(
        "orders", orders * shops, number=nth, event=f"{nth} * {EVENTS_AN_ORDER}", external=f"'W-' || {nth}",
        phone=f"'+4917' || 10000000 + {nth} / 5", placed_at=f"now() - ({orders} - {nth}) * interval '10 seconds'",
        status=f"CASE WHEN {nth} > {orders - world.unseen_a_shop} THEN 'pending' ELSE 'completed' END",
    )  # fmt: skip
    for table in ("order_items", "order_status_history"):
        await write(table, orders * shops)
    await database.execute(_UNSEEN, orders - world.unseen_a_shop, DUE)
    await database.execute("RESET session_replication_role")
    await database.execute("VACUUM (ANALYZE)")
