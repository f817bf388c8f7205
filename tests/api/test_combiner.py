"""Orders of a tenant that come at the same time share a commit, and each is answered for itself."""

import asyncio
import uuid
from collections.abc import AsyncIterator

import pytest
from prometheus_client import REGISTRY

from api.combiner import Combiner
from api.core.order_event import new_order_forms
from api.core.order_items import Item
from api.core.orders import NewOrder, reckon
from api.db.orders import Placing
from api.db.writes import Attempt
from backbone.contract.errors import Problem, Unavailable, Violation
from backbone.contract.event import MAX_EVENT_BYTES
from backbone.eventlog.postgres import Database, open_database
from backbone.runtime.settings import PodSettings, load_settings
from tests.api.footprint import held_up
from tests.conftest import MakeDatabase

pytestmark = pytest.mark.usefixtures("loop_in_debug_mode")


@pytest.fixture
async def place(migrated_database: MakeDatabase, redis_url: str) -> AsyncIterator[tuple[str, Database]]:
    url = await migrated_database()
    settings = load_settings(PodSettings, database_url=url, redis_url=redis_url)
    database = await open_database(settings, size=4, application="test-combiner")
    await database.fetch("INSERT INTO tenants (tenant, name) VALUES ('hot', 'Hot'), ('calm', 'Calm')")
    await database.fetch("INSERT INTO tenant_streams (tenant) VALUES ('hot'), ('calm')")
    yield url, database
    await database.close()


def placing(
    tenant: str = "hot", key: str | None = None, name: str = "Ada", source: str = "online"
) -> Placing:
    order = NewOrder(source, "pickup", name, None, None, (Item("Ayran", 1000, 205),), None)
    fingerprint = None if key is None else name.encode().ljust(32, b".")[:32]
    bill = reckon(order)
    # The fullest form alone: what does not fit cannot be written.
    forms = new_order_forms(order, bill)[:1]
    return Placing(Attempt(tenant, key, fingerprint), uuid.uuid4(), order, bill, forms)


def shared() -> tuple[float, float]:
    """How many commits went from lines, and how many orders they held."""
    found = [REGISTRY.get_sample_value(f"bellwire_api_orders_a_commit_{name}") for name in ("count", "sum")]
    return found[0] or 0.0, found[1] or 0.0


async def test_orders_that_wait_together_are_committed_together_in_the_order_they_came(
    place: tuple[str, Database],
) -> None:
    _, database = place
    combiner = Combiner(database, 16, 5)
    before = shared()
    orders = [placing(name=f"Guest {n}", source="online" if n % 3 else "phone") for n in range(40)]
    answers = await asyncio.gather(*(combiner.place(order) for order in orders))
    commits, placed = (after - earlier for after, earlier in zip(shared(), before, strict=True))
    # The first goes alone; who waits meanwhile goes by sixteens.
    assert (commits, placed) == (3, 39)
    assert {answer.outcome for answer in answers} == {"ok"}
    for number, (order, answer) in enumerate(zip(orders, answers, strict=True), 1):
        assert f'"orderId":"{order.order_id}"'.encode() in answer.result
        assert f'"orderNumber":"ORD-{number}"'.encode() in answer.result
        assert len(answer.events) == (order.order.source == "online")
        for event in answer.events:
            assert str(order.order_id).encode() in event.payload
    seqs = [event.offset.seq for answer in answers for event in answer.events]
    assert seqs == list(range(1, len(seqs) + 1))
    assert not combiner._queues


async def test_one_that_cannot_be_written_fails_alone(place: tuple[str, Database]) -> None:
    _, database = place
    combiner = Combiner(database, 16, 5)
    # Small enough for the pod's own look, too large with the envelope around it.
    [small] = placing(name="").forms or [b""]
    bulk = placing(name="x" * (MAX_EVENT_BYTES - len(small) - 20))
    orders = [placing(), placing(), bulk, placing()]
    answers = await asyncio.gather(*(combiner.place(order) for order in orders), return_exceptions=True)
    refused = answers.pop(2)
    assert isinstance(refused, Violation)
    assert refused.problem is Problem.EVENT_TOO_LARGE
    assert [getattr(answer, "outcome", answer) for answer in answers] == ["ok"] * 3
    row = await database.fetch_row("SELECT seq, order_seq FROM tenant_streams WHERE tenant = 'hot'")
    assert row is not None
    assert (row["seq"], row["order_seq"]) == (3, 3)


async def test_a_key_is_answered_once_in_line_and_again_afterwards(place: tuple[str, Database]) -> None:
    url, database = place
    combiner = Combiner(database, 16, 5)
    async with held_up(url, "hot"):
        first = asyncio.create_task(combiner.place(placing()))
        await asyncio.sleep(0.1)
        waiting = asyncio.create_task(combiner.place(placing(key="k")))
        await asyncio.sleep(0.1)
        # In line, and told at once: not only when its turn comes.
        assert (await combiner.place(placing(key="k"))).outcome == "still_running"
        assert not waiting.done()
    assert ((await first).outcome, (await waiting).replayed) == ("ok", False)
    again = await combiner.place(placing(key="k"))
    assert (again.result, again.replayed, again.events) == ((await waiting).result, True, ())
    other = await combiner.place(placing(key="k", name="Grace"))
    assert other.outcome == "key_reused"


async def test_a_line_that_stands_still_refuses_what_it_did_not_take_and_holds_up_nobody_else(
    place: tuple[str, Database],
) -> None:
    url, database = place
    combiner = Combiner(database, 16, 0.3)
    async with held_up(url, "hot"):
        first = asyncio.create_task(combiner.place(placing()))
        await asyncio.sleep(0.05)
        late = [asyncio.create_task(combiner.place(placing(key=f"k{n}"))) for n in range(10)]
        assert (await combiner.place(placing("calm"))).outcome == "ok"
        refused = await asyncio.gather(*late, return_exceptions=True)
        assert all(isinstance(answer, Unavailable) for answer in refused)
        assert not first.done()
    assert (await first).outcome == "ok"
    # Nothing was done, so the same key is a first time.
    answer = await combiner.place(placing(key="k0"))
    assert (answer.outcome, answer.replayed) == ("ok", False)
    assert not combiner._queues
