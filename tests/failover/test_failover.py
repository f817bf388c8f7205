"""Real failovers of real servers: nobody diverges, whoever held what is no more is told where it forked.

The standby is cut off for real before the commits that are to be lost, and the primary is killed with SIGKILL.
"""

import asyncio
import contextlib
import random
import time
from collections.abc import AsyncIterator

import asyncpg
import pytest

from api.db.migrate import migrate
from backbone.contract.errors import Unavailable
from backbone.eventlog import log_reads
from backbone.eventlog.postgres import open_database
from backbone.runtime.settings import PodSettings, load_settings
from tests.failover.keeper import Keeper, seq_of
from tests.failover.site import Site


@pytest.fixture
async def site(pod_env: dict[str, str]) -> AsyncIterator[Site]:
    found = Site(pod_env)
    try:
        yield found
    finally:
        await found.stop()


async def read_all(keeper: Keeper, site: Site, which: int = 0) -> None:
    """It comes, reads everything there is, and goes away."""
    async with keeper.connected(site.gateways[which]):
        await keeper.holds(await site.shop.events())


async def test_after_the_promotion_of_a_standby_that_lagged_everybody_is_reset_to_the_fork(
    site: Site,
) -> None:
    await site.start()
    lag = random.randint(5, 50)
    live, away, behind, by_polling, early = [await site.keeper() for _ in range(5)]
    async with live.connected(site.gateways[0]):
        await site.order(4)
        await read_all(early, site)
        await site.order(6)
        await site.cut_off(site.second)
        await read_all(behind, site)
        await site.order(lag)
        lost = await site.shop.events()
        await live.holds(lost)
        await read_all(away, site, 1)
        await by_polling.poll()
        assert len(away.notes) == len(by_polling.notes) == 10 + lag

        await site.fail_over(site.second)
        promoted = time.monotonic()
        orders = await site.order(1)
        print(f"the first order was taken {time.monotonic() - promoted:.2f} s after the promotion")
        assert time.monotonic() - promoted < 20
        orders += await site.order(lag + 2)
        log = await site.shop.events()
        assert [seq_of(event["offset"]) for event in log] == list(range(1, 10 + lag + 3 + 1))
        assert [event["data"]["orderId"] for event in log[10:]] == orders
        assert log[:10] == lost[:10]
        epoch = log[-1]["offset"].partition("-")[0]
        assert int(epoch) > 1

        await live.holds(log)
        await read_all(early, site, 1)
        await read_all(behind, site, 1)
        await read_all(away, site)
        await by_polling.poll()
        await by_polling.holds(log)
    told = [{"to": f"{epoch}-10", "reason": "epoch"}]
    assert live.resets == away.resets == by_polling.resets == told
    assert behind.resets == early.resets == []
    assert behind.hello["resumed"]
    assert early.hello["resumed"]


async def test_after_two_failovers_the_earliest_fork_counts(site: Site) -> None:
    await site.start()
    live, away_since_first, away_since_second, by_polling = [await site.keeper() for _ in range(4)]
    async with live.connected(site.gateways[0]):
        await site.order(8)
        await site.cut_off(site.second)
        await site.order(6)
        await read_all(away_since_first, site)
        await by_polling.poll()
        await live.holds(await site.shop.events())
        await site.fail_over(site.second)

        # The new history goes on past where the lost one had ended, so that the newest fork alone would mislead.
        await site.order(12)
        await asyncio.to_thread(site.third.start)
        await site.cut_off(site.third)
        await site.order(5)
        await read_all(away_since_second, site, 1)
        await live.holds(await site.shop.events())
        second_epoch = away_since_second.cursor.partition("-")[0]
        await site.fail_over(site.third)

        await site.order(7)
        log = await site.shop.events()
        epoch = log[-1]["offset"].partition("-")[0]
        assert 1 < int(second_epoch) < int(epoch)
        assert len(log) == 8 + 12 + 7
        await live.holds(log)
        await read_all(away_since_first, site, 1)
        await read_all(away_since_second, site)
        await by_polling.poll()
        await by_polling.holds(log)
    assert away_since_first.resets == by_polling.resets == [{"to": f"{epoch}-8", "reason": "epoch"}]
    assert away_since_second.resets == [{"to": f"{epoch}-20", "reason": "epoch"}]
    assert live.resets == [
        {"to": f"{second_epoch}-8", "reason": "epoch"},
        {"to": f"{epoch}-20", "reason": "epoch"},
    ]


async def test_after_the_promotion_of_a_synchronous_standby_nobody_is_reset_and_no_order_is_lost(
    site: Site,
) -> None:
    await site.start(synchronous=True)
    live, away, by_polling = [await site.keeper() for _ in range(3)]
    async with live.connected(site.gateways[0]):
        orders = await site.order(10)
        await read_all(away, site, 1)
        await by_polling.poll()
        # Orders are under way when the primary dies; the storefront repeats those that were not answered.
        over = asyncio.Event()
        shoppers = [asyncio.create_task(site.order_until(over)) for _ in range(3)]
        await asyncio.sleep(0.15)
        await site.fail_over(site.second)
        over.set()
        for shopper in shoppers:
            orders += await shopper
        log = await site.shop.events()
        assert sorted(event["data"]["orderId"] for event in log) == sorted(orders)
        assert [seq_of(event["offset"]) for event in log] == list(range(1, len(orders) + 1))
        assert int(log[-1]["offset"].partition("-")[0]) > 1
        await live.holds(log)
        await read_all(away, site)
        await by_polling.poll()
        await by_polling.holds(log)
    assert live.resets == away.resets == by_polling.resets == []


async def test_a_standby_never_answers_as_if_it_were_the_truth(site: Site, redis_url: str) -> None:
    await asyncio.to_thread(site.first.start)
    await asyncio.to_thread(site.second.start)
    settings = load_settings(PodSettings, database_url=site.second.url, redis_url=redis_url)
    database = await open_database(settings, size=1, application="test-standby")
    try:
        with pytest.raises(Unavailable):
            await database.fetch("SELECT 1")
    finally:
        await database.close()


async def test_a_connection_that_ends_up_at_a_standby_learns_nothing_from_it(
    site: Site, redis_url: str
) -> None:
    # As behind a pooler, which may have another server behind it from one statement to the next.
    await asyncio.to_thread(site.first.start)
    await migrate(site.first.url)
    await asyncio.to_thread(site.second.start)
    await site.ask("INSERT INTO tenants VALUES ('shop', 'shop')")
    await site.ask("INSERT INTO tenant_streams (tenant) VALUES ('shop')")
    await site.follow(site.second)
    behind_pooler = await asyncpg.connect(site.second.url)
    try:
        for question in (log_reads._EXTENT, "SELECT settled_epoch()", "SELECT enter_epoch()"):
            arguments = ["shop"] if "$1" in question else []
            with pytest.raises(asyncpg.PostgresError):
                await behind_pooler.fetch(question, *arguments)
    finally:
        with contextlib.suppress(OSError):
            await behind_pooler.close()


async def test_an_address_of_several_hosts_leads_to_the_primary_past_dead_ones_and_standbys(
    site: Site, redis_url: str
) -> None:
    await asyncio.to_thread(site.first.start)
    await asyncio.to_thread(site.second.start)
    user, _, rest = site.first.url.partition("@")
    name = rest.partition("/")[2]
    # 192.0.2.1 belongs to nobody: what is sent there is swallowed or refused.
    hosts = (
        f"127.0.0.1:{site.third.port},127.0.0.1:{site.second.port},192.0.2.1:5432,127.0.0.1:{site.first.port}"
    )
    settings = load_settings(PodSettings, database_url=f"{user}@{hosts}/{name}", redis_url=redis_url)
    database = await open_database(settings, size=2, application="test-hosts")
    try:
        row = await database.fetch_row("SELECT inet_server_port() AS port")
        assert row is not None
        assert row["port"] == site.first.port
        await asyncio.to_thread(site.first.kill)
        await asyncio.to_thread(site.second.promote)
        async with asyncio.timeout(20):
            while True:
                with contextlib.suppress(Unavailable):
                    row = await database.fetch_row("SELECT inet_server_port() AS port")
                    break
        assert row is not None
        assert row["port"] == site.second.port
    finally:
        await database.close()
