"""Search a tenant's orders: the newest that are what is asked for, and the head of the log they were read at.

Rows and head are of one statement, so whoever goes on with the stream behind that head misses nothing and repeats
nothing. A search looks through so many orders and no more: a page may be short, and name where to go on.
"""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from api.db.orders import COLUMNS, StoredOrder, order_of
from backbone.contract.names import folded
from backbone.eventlog.postgres import Database

LOOKED_THROUGH = 2000
"""So many orders a page looks through at most."""
MOST_BYTES = 4 * 1024 * 1024
"""Behind so many bytes of orders that are bigger than an event may be, a page ends."""

_NEWEST = 2**62
# Orders are numbered in the order of their commits, and know the moment at which their transaction began; a clock that
# is changed by less than this between the two finds them all.
_SLACK = "interval '10 minutes'"
_BEHIND = f"""
    o.order_seq > coalesce((
        SELECT b.order_seq FROM orders b WHERE b.tenant = $1 AND b.created_at < {{moment}} - {_SLACK}
        ORDER BY b.created_at DESC LIMIT 1
    ), 0)
"""  # noqa: S608 - put together from constants
_BEFORE = f"""
    o.order_seq < coalesce((
        SELECT b.order_seq FROM orders b WHERE b.tenant = $1 AND b.created_at >= {{moment}} + {_SLACK}
        ORDER BY b.created_at LIMIT 1
    ), {_NEWEST})
"""  # noqa: S608 - put together from constants

# A number of the world has one name; bare digits may be those of a national number, from before the tenant's country.
_PHONE = """
    order_phone(o.customer_number, o.customer_phone) = ANY ({names})
    AND (
        order_phone(o.customer_number, o.customer_phone) = ({names})[1] OR coalesce(o.customer_number, '') NOT LIKE '+%'
    )
"""
_UNACKED = """
    o.status = 'pending' AND EXISTS (
        SELECT FROM unseen_orders u WHERE u.tenant = $1 AND u.event_seq = o.event_seq
        AND u.seen_at IS NULL AND still_unseen(u) AND u.counts_from <= now()
    )
"""
# Orders and their events are numbered in one order; so the next page begins in both where this one ended.
_UNSEEN = f"""
    SELECT o.* FROM unseen_orders u JOIN orders o ON o.tenant = u.tenant AND o.event_seq = u.event_seq
    WHERE u.tenant = $1 AND u.seen_at IS NULL AND still_unseen(u) AND u.counts_from <= now() AND o.status = 'pending'
      AND {{where}} AND u.event_seq < coalesce((
          SELECT b.event_seq FROM orders b
          WHERE b.tenant = $1 AND b.order_seq >= $2 AND b.event_seq IS NOT NULL ORDER BY b.order_seq LIMIT 1
      ), {_NEWEST})
    ORDER BY u.event_seq DESC LIMIT {{most}}
"""  # noqa: S608 - put together from constants


@dataclass(frozen=True, slots=True)
class OrderFilter:
    """Everything that an order has to be; None asks for nothing.

    `number` is the order's running number, `phone` the names of a phone number, its own digits first.
    `since` and `until` bound the moment of placing: a day of the tenant's zone, both inclusive, or a moment, `until`
    exclusive.
    """

    statuses: tuple[str, ...] | None = None
    number: int | None = None
    phone: tuple[str, ...] | None = None
    source: str | None = None
    since: date | datetime | None = None
    until: date | datetime | None = None
    unacked: bool = False
    external_id: str | None = None
    station: str | None = None


@dataclass(frozen=True, slots=True)
class OrderPage:
    """Orders, newest first. `offset` is the log's head that they are of; `last` is the number to go on behind."""

    orders: tuple[StoredOrder, ...]
    offset: str
    last: int | None


class Statement:
    """A statement and its arguments, put together from our own texts; what was asked for is an argument."""

    def __init__(
        self, tenant: str, asked: OrderFilter, before: int, limit: int, looked_through: int = LOOKED_THROUGH
    ) -> None:
        self.arguments: list[Any] = [tenant, before, limit]
        self._looked_through = looked_through
        # By what was asked: what an order has to be.
        self._conditions: dict[str, str] = {}
        self._range = ["o.tenant = $1", "o.order_seq < $2"]
        self._statuses = ""
        if asked.number is not None:
            self._conditions["number"] = f"o.order_seq = {self._argument(asked.number, 'bigint')}"
        if asked.external_id is not None:
            self._conditions["external_id"] = f"o.external_id = {self._argument(asked.external_id, 'text')}"
        if asked.station is not None:
            # As a stream's filter: an order without any station is everybody's.
            station = self._argument([folded(asked.station)], "text[]")
            self._conditions["station"] = f"(o.stations = '{{}}' OR o.stations && {station})"
        if asked.unacked:
            self._conditions["unacked"] = _UNACKED
        if asked.phone is not None:
            names = self._argument(list(asked.phone), "text[]")
            self._conditions["phone"] = _PHONE.format(names=names)
        if asked.statuses is not None:
            self._statuses = self._argument(list(asked.statuses), "text[]")
            self._conditions["status"] = f"o.status = ANY ({self._statuses})"
        if asked.source is not None:
            self._conditions["source"] = f"lower(o.source) = lower({self._argument(asked.source, 'text')})"
        if asked.since is not None:
            since = self._moment(asked.since, last=False)
            self._conditions["since"] = f"o.created_at >= {since}"
            self._range.append(_BEHIND.format(moment=since))
        if asked.until is not None:
            until = self._moment(asked.until, last=True)
            self._conditions["until"] = f"o.created_at < {until}"
            self._range.append(_BEFORE.format(moment=until))

    def sql(self) -> str:
        """The whole of it. A page that is not full says how far it came, unless that was to the end."""
        candidates, left = self._candidates()
        return f"""
            WITH found AS MATERIALIZED (
                SELECT o.* FROM ({candidates}) o WHERE {left} ORDER BY o.order_seq DESC LIMIT $3
            ), page AS MATERIALIZED (
                SELECT o.* FROM (
                    SELECT o.*, coalesce(sum(o.weight) OVER (
                        ORDER BY o.order_seq DESC ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
                    ), 0) AS newer_bytes FROM found o
                ) o WHERE o.newer_bytes < {MOST_BYTES}
            )
            SELECT s.epoch || '-' || s.seq AS head, CASE
                WHEN (SELECT count(*) FROM page) < (SELECT count(*) FROM found) THEN (SELECT min(order_seq) FROM page)
                WHEN (SELECT count(*) FROM found) < $3 THEN (
                    SELECT min(o.order_seq) FROM ({candidates}) o HAVING count(*) >= {self._looked_through}
                )
            END AS reached, p.*
            FROM tenant_streams s LEFT JOIN (SELECT {COLUMNS} FROM page o) p ON true
            WHERE s.tenant = $1 ORDER BY p.order_seq DESC
        """  # noqa: S608 - put together from constants

    def _candidates(self) -> tuple[str, str]:
        """The orders to look through, newest first, along the index that leaves least; and what is left to be asked."""
        by = next(
            (
                name
                for name in ("number", "external_id", "unacked", "phone", "status")
                if name in self._conditions
            ),
            None,
        )
        left = [condition for name, condition in self._conditions.items() if name != by]
        most = self._looked_through if left else "$3"
        where = " AND ".join(self._range)
        end = f"ORDER BY o.order_seq DESC LIMIT {most}"
        if by == "unacked":
            found = _UNSEEN.format(where=where, most=most)
        elif by == "status":
            # Each status has its own newest; they are few.
            found = f"""
                SELECT o.* FROM unnest({self._statuses}) AS s (status) CROSS JOIN LATERAL (
                    SELECT o.* FROM orders o WHERE {where} AND o.status = s.status {end}
                ) o {end}
            """  # noqa: S608 - put together from constants
        else:
            narrow = where if by is None else f"{where} AND {self._conditions[by]}"
            found = f"SELECT o.* FROM orders o WHERE {narrow} {end}"  # noqa: S608 - put together from constants
        return found, " AND ".join(left) or "true"

    def _argument(self, value: Any, kind: str) -> str:
        self.arguments.append(value)
        return f"${len(self.arguments)}::{kind}"

    def _moment(self, bound: date | datetime, *, last: bool) -> str:
        if isinstance(bound, datetime):
            return self._argument(bound, "timestamptz")
        day = self._argument(bound, "date")
        begins = f"({day} + 1)" if last else day
        # A query of its own, which is asked once; as a condition's part it was asked of each order that was passed.
        return f"(SELECT day_begins({begins}, n.time_zone) FROM tenants n WHERE n.tenant = $1)"  # noqa: S608


async def search_orders(
    database: Database, tenant: str, asked: OrderFilter, before: int | None, limit: int
) -> OrderPage | None:
    """Return up to `limit` orders, newest first, older than the one numbered `before`; None without such a tenant.

    Raises:
        Unavailable: PostgreSQL.
    """
    # One more than asked for tells whether there is a next page.
    statement = Statement(tenant, asked, _NEWEST if before is None else before, limit + 1)
    rows = await database.fetch(statement.sql(), *statement.arguments)
    if not rows:
        return None
    offset, reached = rows[0]["head"], rows[0]["reached"]
    found = tuple(order_of(row) for row in rows if row["order_id"] is not None)
    if len(found) > limit:
        return OrderPage(found[:limit], offset, found[limit - 1].order_seq)
    return OrderPage(found, offset, reached)
