"""An Idempotency-Key belongs to its owner: a terminal, whichever of its keys it uses, or a shop's storefront."""

import asyncio
import itertools
import uuid

import asyncpg
import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from infra.local.pods import Pod
from tests.api.footprint import held_up
from tests.conftest import OpenShop
from tests.shop import Shop, bearer

REPLAYED = "idempotency-replayed"


async def test_each_owner_of_a_value_gets_an_order_of_its_own_and_keeps_it(
    shop: Shop, api_pods: tuple[Pod, Pod]
) -> None:
    second = await shop.add_terminal("second")
    keys = [shop.terminal_key, second.key, shop.storefront_key]
    async with httpx.AsyncClient(base_url=api_pods[1].url) as other:
        for _ in range(2):
            answers = [await shop.try_order(key, "1") for key in keys]
            assert [answer.status_code for answer in answers] == [201] * 3
            assert len({answer.json()["orderId"] for answer in answers}) == 3
            again = [await shop.at(other).try_order(key, "1") for key in keys]
            assert [answer.content for answer in again] == [answer.content for answer in answers]
            assert {answer.headers[REPLAYED] for answer in again} == {"true"}
        for key in keys:
            assert (await shop.try_order(key, "1", customerName="Grace")).status_code == 422
    assert len(await shop.events()) == 3


async def test_owners_of_one_value_at_the_same_time_do_not_wait_for_each_other(
    shop: Shop, api_pods: tuple[Pod, Pod], database_url: str
) -> None:
    tills = [await shop.add_terminal(f"till {number}") for number in range(6)]
    async with httpx.AsyncClient(base_url=api_pods[1].url, timeout=30) as other:
        doors = itertools.cycle((shop, shop.at(other)))
        async with held_up(database_url, shop.slug):
            asked = [asyncio.create_task(next(doors).try_order(till.key, "1")) for till in tills]
            await asyncio.sleep(0.4)
            repeated = await shop.try_order(tills[0].key, "1")
            assert repeated.json()["type"] == "urn:bellwire:problem:still-running"
        answers = await asyncio.gather(*asked)
    assert [answer.status_code for answer in answers] == [201] * len(tills)
    assert len({answer.json()["orderId"] for answer in answers}) == len(tills)


async def test_two_tills_that_count_their_redemptions_both_spend(shop: Shop) -> None:
    second = await shop.add_terminal("second")
    number = (await shop.sell_card(10))["cardNumber"]
    for _ in range(2):
        first = await shop.redeem_card(number, 4, idempotency_key="7")
        other = await shop.http.post(
            shop.path(f"gift-cards/{number}/redeem"),
            json={"amount": 4},
            headers={**bearer(second.key), "Idempotency-Key": "7"},
        )
        assert (first.json()["balance"], other.json()["balance"]) == (6, 2)


async def test_ledgers_and_histories_name_who_did_it(
    shop: Shop, database: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    order = await shop.order()
    await shop.step(order["orderId"], "preparing")
    await shop.redeem_card((await shop.sell_card(10))["cardNumber"], 4)
    await shop.change_points("5551234", "add", 4)
    found = await database.fetch(
        """
        SELECT h.made_by FROM order_status_history h JOIN orders o USING (order_id) WHERE o.tenant = $1
        UNION ALL SELECT made_by FROM pos_gift_card_transactions WHERE tenant = $1
        UNION ALL SELECT made_by FROM pos_loyalty_transactions WHERE tenant = $1
        """,
        shop.slug,
    )
    told = [row["made_by"].split("/") for row in found]
    assert sorted(kind for kind, _, _ in told) == ["store", "store", "term", "term", "term"]
    terminal = shop.terminals[0].terminal_id
    assert all((kind == "term") == (whose == terminal) and len(name) == 12 for kind, whose, name in told)


# -- pods of two versions --------------------------------------------------------------------------------------------


REQUESTS = st.lists(
    st.tuples(
        st.sampled_from(["old", "new"]),
        st.sampled_from(["A", "B", "C"]),
        st.sampled_from(["1", "2"]),
        st.sampled_from(["x", "y"]),
    ),
    max_size=14,
)


@given(REQUESTS)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_a_retry_at_a_pod_of_either_version_is_answered_with_its_own_attempt(
    database: "asyncpg.Connection[asyncpg.Record]", requests: list[tuple[str, str, str, str]]
) -> None:
    """By the database's functions, which pods of both versions call. An old pod writes for nobody known."""
    tenant = f"shop-{uuid.uuid4().hex[:12]}"
    done: dict[tuple[str, str, str], tuple[str, bool]] = {}
    transaction = database.transaction()
    await transaction.start()
    try:
        await database.execute("INSERT INTO tenants (tenant, name) VALUES ($1, 'x')", tenant)
        rows: list[tuple[str | None, str, str, str]] = []
        for number, (version, owner, key, body) in enumerate(requests):
            asking = owner if version == "new" else None
            await database.execute(
                "SELECT set_config('bellwire.by', $1, true)", "" if asking is None else f"term/{owner}/k"
            )
            check = await database.fetchrow(
                "SELECT * FROM idempotency_check($1, $2, $3)", tenant, key, body.encode()
            )
            assert check is not None
            same_value = [row for row in rows if row[1] == key]
            if asking is None:
                expected = [row for row in same_value if row[2] == body] or same_value
            else:
                expected = [row for row in same_value if row[0] == asking] or [
                    row for row in same_value if row[0] is None and row[2] == body
                ]
            if not expected:
                assert check["outcome"] is None
                result = str(number)
                await database.execute(
                    "SELECT idempotency_keep($1, $2, $3, 'ok', $4, NULL)", tenant, key, body.encode(), result
                )
                rows.append((asking, key, body, result))
            elif expected[0][2] != body:
                assert check["outcome"] == "key_reused"
            else:
                assert check["replayed"]
                assert check["result"] in [row[3] for row in expected]
                # A retry of a new pod's attempt is never answered with another's.
                if asking is not None and (asking, key, body) in done:
                    assert check["result"] == done[asking, key, body][0]
            if asking is not None and check["outcome"] is None:
                done[asking, key, body] = (rows[-1][3], True)
    finally:
        await transaction.rollback()


@pytest.mark.parametrize("first", ["shop", "open_shop"])
async def test_a_value_of_another_tenant_is_another_value(
    shop: Shop, open_shop: OpenShop, first: str
) -> None:
    other = await open_shop()
    pair = (shop, other) if first == "shop" else (other, shop)
    answers = [await one.try_order(one.terminal_key, "1") for one in pair]
    assert [answer.status_code for answer in answers] == [201, 201]
