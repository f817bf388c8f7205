"""Claims: of several terminals one does a thing with an order; the rules, and the answers word for word."""

import asyncio
import re
from datetime import UTC, datetime, timedelta
from typing import Any, TypeAlias

import asyncpg
import httpx
import pytest

from api.core.claims import MAX_PURPOSES, Claiming, Finishing
from tests.conftest import OpenShop
from tests.shop import Shop, Terminal, bearer

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"
STEP_WITHOUT_REASON = "SELECT * FROM change_order_status($1, NULL, NULL, $2, 'cancelled', ARRAY['pending'])"


async def two_tills(shop: Shop) -> tuple[str, Terminal, Terminal]:
    """An order, and the two terminals of its shop."""
    second = await shop.add_terminal("bar")
    return (await shop.order())["orderId"], shop.terminals[0], second


async def clock_jumps(database: Connection, order_id: str, seconds: float) -> None:
    """Let the database's clock jump, as far as the claims of an order can tell."""
    await database.execute(
        "UPDATE order_claims SET claimed_at = claimed_at - $2::interval, expires_at = expires_at - $2::interval,"
        " done_at = done_at - $2::interval WHERE order_id = $1",
        order_id,
        timedelta(seconds=seconds),
    )


def until(answer: httpx.Response) -> datetime:
    return datetime.fromisoformat(answer.json()["expiresAt"])


def granted(answer: httpx.Response, fence: int) -> None:
    document = answer.json()
    assert (answer.status_code, set(document)) == (200, {"claimed", "fence", "expiresAt"}), answer.text
    assert (document["claimed"], document["fence"]) == (True, fence)


def refused(answer: httpx.Response, code: str, **facts: Any) -> None:
    assert answer.headers["content-type"] == "application/problem+json"
    document = answer.json()
    assert (answer.status_code, document["type"]) == (409, f"urn:bellwire:problem:{code}"), answer.text
    assert document.items() >= facts.items()


def holder(terminal: Terminal) -> dict[str, str]:
    return {"terminalId": terminal.terminal_id, "name": terminal.name}


async def test_one_terminal_has_the_claim_may_ask_for_more_time_and_the_others_are_told_who_until_when(
    shop: Shop,
) -> None:
    order, counter, bar = await two_tills(shop)
    first = await shop.claim(order, key=counter.key)
    granted(first, 1)
    assert timedelta(seconds=20) < until(first) - datetime.now(UTC) < timedelta(seconds=40)
    refused(
        await shop.claim(order, key=bar.key, ttlSeconds=3600), "claim-held",
        holder=holder(counter), expiresAt=first.json()["expiresAt"], status=409,
    )  # fmt: skip
    again = await shop.claim(order, key=counter.key, ttlSeconds=600)
    granted(again, 1)
    assert until(again) > until(first) + timedelta(seconds=500)
    shorter = await shop.claim(order, key=counter.key, ttlSeconds=1)
    granted(shorter, 1)
    assert until(shorter) == until(again)


async def test_purposes_and_orders_are_claimed_apart(shop: Shop) -> None:
    order, counter, bar = await two_tills(shop)
    other = (await shop.order(orderSource="phone"))["orderId"]
    granted(await shop.claim(order, "print", counter.key), 1)
    granted(await shop.claim(order, "print-bar", bar.key), 1)
    granted(await shop.claim(other, "print", bar.key), 1)
    assert (await shop.finish(order, 1, "print-bar", bar.key)).status_code == 204
    granted(await shop.claim(order, "print", counter.key), 1)


@pytest.mark.parametrize("back", [False, True], ids=["by another", "by its last holder"])
async def test_a_claim_that_ran_out_is_taken_with_a_higher_fence(
    shop: Shop, database: Connection, back: bool
) -> None:
    order, counter, bar = await two_tills(shop)
    granted(await shop.claim(order, key=counter.key, ttlSeconds=30), 1)
    await clock_jumps(database, order, 31)
    granted(await shop.claim(order, key=counter.key if back else bar.key), 2)
    refused(await shop.finish(order, 1, key=counter.key), "stale-fence", fence=2)
    assert (await shop.finish(order, 2, key=counter.key if back else bar.key)).status_code == 204


async def test_what_is_done_stays_done_and_may_be_said_again(shop: Shop, database: Connection) -> None:
    order, counter, bar = await two_tills(shop)
    granted(await shop.claim(order, key=counter.key), 1)
    for _ in range(2):
        answer = await shop.finish(order, 1, key=counter.key)
        assert (answer.status_code, answer.content) == (204, b"")
    await clock_jumps(database, order, 100_000)
    assert (await shop.finish(order, 1, key=counter.key)).status_code == 204
    for key in (counter.key, bar.key):
        refused(await shop.claim(order, key=key), "claim-done", done=True, fence=1, holder=holder(counter))
    refused(await shop.finish(order, 1, key=bar.key), "claim-done", done=True)


async def test_done_comes_in_time_when_the_claim_ran_out_and_nobody_took_it(
    shop: Shop, database: Connection
) -> None:
    order, counter, _ = await two_tills(shop)
    granted(await shop.claim(order, key=counter.key, ttlSeconds=1), 1)
    await clock_jumps(database, order, 3600)
    assert (await shop.finish(order, 1, key=counter.key)).status_code == 204


async def test_done_takes_the_newest_fence_and_its_own_holder(shop: Shop, database: Connection) -> None:
    order, counter, bar = await two_tills(shop)
    missing = await shop.finish(order, 1, key=bar.key)
    assert (missing.status_code, missing.json()["type"]) == (404, "urn:bellwire:problem:not-found")
    granted(await shop.claim(order, key=counter.key), 1)
    refused(await shop.finish(order, 1, key=bar.key), "claim-held", holder=holder(counter))
    early = await shop.finish(order, 2, key=counter.key)
    assert (early.status_code, [error["loc"] for error in early.json()["errors"]]) == (422, ["fence"])
    await clock_jumps(database, order, 31)
    granted(await shop.claim(order, key=bar.key), 2)
    refused(await shop.finish(order, 1, key=counter.key), "stale-fence", fence=2, holder=holder(bar))
    refused(await shop.finish(order, 1, key=bar.key), "stale-fence", fence=2)
    assert (await shop.finish(order, 2, key=bar.key)).status_code == 204
    refused(await shop.finish(order, 1, key=counter.key), "stale-fence", done=True)


async def test_a_clock_that_was_set_back_gives_nobody_more_than_its_time_from_then(
    shop: Shop, database: Connection
) -> None:
    order, counter, bar = await two_tills(shop)
    granted(await shop.claim(order, key=counter.key, ttlSeconds=60), 1)
    await clock_jumps(database, order, -86_400)
    held = await shop.claim(order, key=bar.key)
    refused(held, "claim-held")
    assert until(held) - datetime.now(UTC) < timedelta(seconds=70)
    granted(await shop.claim(order, key=counter.key, ttlSeconds=60), 1)
    await clock_jumps(database, order, 61)
    granted(await shop.claim(order, key=bar.key), 2)


async def test_a_cancelled_order_is_not_claimed_and_what_was_printed_of_it_may_be_said(shop: Shop) -> None:
    order, counter, bar = await two_tills(shop)
    granted(await shop.claim(order, key=counter.key), 1)
    assert (await shop.step(order, "cancelled")).status_code == 200
    by = {"kind": "term", **holder(counter)}
    for key in (counter.key, bar.key):
        refused(await shop.claim(order, key=key), "wrong-step", status="cancelled", by=by)
    refused(await shop.claim(order, "label", bar.key), "wrong-step", status="cancelled")
    for _ in range(2):
        assert (await shop.finish(order, 1, key=counter.key)).status_code == 204
    refused(await shop.claim(order, key=bar.key), "wrong-step")


async def test_a_completed_order_is_claimed_like_any_other(shop: Shop) -> None:
    order, *_ = await two_tills(shop)
    for status in ("preparing", "ready", "completed"):
        assert (await shop.step(order, status)).status_code == 200
    granted(await shop.claim(order, "invoice"), 1)


async def test_an_order_that_a_pod_of_the_release_before_cancelled_is_not_claimed(
    shop: Shop, database: Connection
) -> None:
    order, counter, _ = await two_tills(shop)
    granted(await shop.claim(order, key=counter.key), 1)
    await database.fetch(STEP_WITHOUT_REASON, shop.slug, order)
    refused(await shop.claim(order, key=counter.key), "wrong-step", status="cancelled", by=None)


async def test_an_order_has_so_many_purposes_and_those_that_are_claimed_go_on(shop: Shop) -> None:
    order, counter, bar = await two_tills(shop)
    # All at once: the bound is exact.
    answers = await asyncio.gather(
        *(shop.claim(order, f"p-{n}", counter.key) for n in range(MAX_PURPOSES + 8))
    )
    codes = sorted(answer.status_code for answer in answers)
    assert codes == [200] * MAX_PURPOSES + [409] * 8
    (one, *_) = [n for n, answer in enumerate(answers) if answer.status_code == 200]
    refused(await shop.claim(order, "one-more", bar.key), "too-many-claims")
    granted(await shop.claim(order, f"p-{one}", counter.key), 1)
    refused(await shop.claim(order, f"p-{one}", bar.key), "claim-held")


async def test_an_idempotency_key_is_read_and_no_answer_is_kept_under_it(
    shop: Shop, database: Connection
) -> None:
    order, counter, bar = await two_tills(shop)
    headers = {**bearer(counter.key), "Idempotency-Key": "print-this"}
    path, body = shop.path(f"orders/{order}/claims"), {"purpose": "print"}
    granted(await shop.http.post(path, json=body, headers=headers), 1)
    await clock_jumps(database, order, 31)
    granted(await shop.claim(order, key=bar.key), 2)
    # A stored answer would say that the first one holds it.
    refused(await shop.http.post(path, json=body, headers=headers), "claim-held", holder=holder(bar))
    assert not await database.fetch("SELECT 1 FROM idempotency_keys WHERE tenant = $1", shop.slug)
    for wrong in ("with blank", "x" * 256):
        answer = await shop.http.post(path, json=body, headers={**headers, "Idempotency-Key": wrong})
        assert answer.status_code == 400
    twice = [*headers.items(), ("Idempotency-Key", "another")]
    assert (await shop.http.post(path, json=body, headers=twice)).status_code == 400
    assert (await shop.http.post(path + "/print/done", json={"fence": 2}, headers=twice)).status_code == 400


@pytest.mark.parametrize(
    ("body", "locs"),
    [
        ({}, ["purpose"]),
        ({"purpose": "Print"}, ["purpose"]),
        ({"purpose": ""}, ["purpose"]),
        ({"purpose": "a" * 33}, ["purpose"]),
        ({"purpose": "print\n"}, ["purpose"]),
        ({"purpose": None}, ["purpose"]),
        ({"purpose": "print", "ttlSeconds": 0}, ["ttlSeconds"]),
        ({"purpose": "print", "ttlSeconds": 3601}, ["ttlSeconds"]),
        ({"purpose": "print", "ttlSeconds": 1.5}, ["ttlSeconds"]),
        ({"purpose": "print", "ttlSeconds": True}, ["ttlSeconds"]),
        ({"purpose": "print", "ttlSeconds": None}, ["ttlSeconds"]),
        ({"purpose": "print", "ttl": 5}, ["ttl"]),
    ],
)
async def test_a_wrong_claim_is_told_by_its_fields(shop: Shop, body: dict[str, Any], locs: list[str]) -> None:
    order = (await shop.order())["orderId"]
    path = shop.path(f"orders/{order}/claims")
    answer = await shop.http.post(path, json=body, headers=bearer(shop.terminal_key))
    assert (answer.status_code, [error["loc"] for error in answer.json()["errors"]]) == (422, locs)
    granted(await shop.claim(order, "print"), 1)


@pytest.mark.parametrize("fence", [None, 0, -1, 1.5, "1", True, 2**53 + 1])
async def test_a_wrong_fence_is_told(shop: Shop, fence: Any) -> None:
    order = (await shop.order())["orderId"]
    granted(await shop.claim(order), 1)
    answer = await shop.finish(order, fence)
    assert (answer.status_code, [error["loc"] for error in answer.json()["errors"]]) == (422, ["fence"])


async def test_the_longest_purpose_and_the_ends_of_its_time_are_taken(shop: Shop) -> None:
    order = (await shop.order())["orderId"]
    longest = "0-a-z-9" + "x" * 25
    granted(await shop.claim(order, longest, ttlSeconds=3600), 1)
    granted(await shop.claim(order, "-", ttlSeconds=1), 1)
    assert (await shop.finish(order, 1, longest)).status_code == 204


async def test_only_terminals_of_the_shop_claim_and_only_what_is_there(
    shop: Shop, open_shop: OpenShop, database: Connection
) -> None:
    order = (await shop.order())["orderId"]
    stranger = await open_shop()
    for key in (shop.storefront_key, shop.operator_key):
        assert (await shop.claim(order, key=key)).status_code == 403
        assert (await shop.finish(order, 1, key=key)).status_code == 403
    assert (await shop.claim(order, key=stranger.terminal_key)).status_code == 404
    for unknown in (order[:-1] + ("1" if order[-1] == "0" else "0"), "print", order.replace("-", "")):
        assert (await stranger.claim(unknown)).status_code == 404
        assert (await shop.finish(unknown, 1)).status_code == 404
    assert (await stranger.claim(order)).status_code == 404
    assert (await stranger.finish(order, 1)).status_code == 404
    assert (await shop.finish(order, 1, "No-Purpose")).status_code == 404
    assert not await database.fetch("SELECT 1 FROM order_claims WHERE order_id = $1", order)


async def test_a_claim_makes_no_event_and_stands_in_the_orders_journey(
    shop: Shop, database: Connection
) -> None:
    order, counter, bar = await two_tills(shop)
    events = await shop.events()
    path = shop.path(f"orders/{order}/journey")
    journey = (await shop.http.get(path, headers=bearer(shop.storefront_key))).json()
    assert journey["claims"] == []
    granted(await shop.claim(order, key=counter.key), 1)
    await clock_jumps(database, order, 31)
    granted(await shop.claim(order, key=bar.key), 2)
    assert (await shop.finish(order, 2, key=bar.key)).status_code == 204
    assert await shop.events() == events
    journey = (await shop.http.get(path, headers=bearer(shop.storefront_key))).json()
    (claim,) = journey["claims"]
    moments = [claim.pop(name) for name in ("claimedAt", "doneAt", "expiresAt")]
    assert moments == sorted(moments)
    assert claim == {"purpose": "print", "fence": 2, **holder(bar)}


async def test_claims_are_counted_by_what_became_of_them(shop: Shop, database: Connection) -> None:
    async def counted() -> dict[str, float]:
        text = (await shop.http.get("/metrics")).text
        found = re.findall(r'^(bellwire_claims(?:_done)?_total)\{result="(\w+)"\} (\S+)$', text, re.M)
        return {f"{name} {result}": float(value) for name, result, value in found}

    before = await counted()
    assert len(before) == len(Claiming) + len(Finishing)
    order, counter, bar = await two_tills(shop)
    await shop.claim(order, key=counter.key)
    await shop.claim(order, key=counter.key)
    await shop.claim(order, key=bar.key)
    await clock_jumps(database, order, 31)
    await shop.claim(order, key=bar.key)
    await shop.finish(order, 1, key=counter.key)
    await shop.finish(order, 2, key=bar.key)
    after = await counted()
    rise = {name: after[name] - before[name] for name in after if after[name] != before[name]}
    assert rise == {
        "bellwire_claims_total granted": 1,
        "bellwire_claims_total renewed": 1,
        "bellwire_claims_total held": 1,
        "bellwire_claims_total taken_over": 1,
        "bellwire_claims_done_total stale": 1,
        "bellwire_claims_done_total done": 1,
    }


async def test_the_database_answers_what_the_core_knows_and_nothing_else(database: Connection) -> None:
    for function, outcomes in (("claim_order", Claiming), ("finish_claim", Finishing)):
        source = await database.fetchval("SELECT prosrc FROM pg_proc WHERE proname = $1", function)
        said = {
            word
            for line in re.findall(r"outcome := ([^;]+);", source)
            for word in re.findall(r"'(\w+)'", line)
        }
        assert said == {outcome.value for outcome in outcomes}


async def test_the_claims_of_a_test_tenant_go_with_its_orders(shop: Shop, database: Connection) -> None:
    headers = bearer(shop.operator_key)
    slug = "test-" + shop.slug
    made = await shop.http.post(
        "/api/tenants", json={"slug": slug, "name": "x", "test": True}, headers=headers
    )
    test = Shop(shop.http, slug, made.json()["storefrontKey"], shop.operator_key)
    await test.add_terminal("counter")
    order = (await test.order())["orderId"]
    granted(await test.claim(order), 1)
    assert (await shop.http.delete(f"/api/tenant/{slug}", headers=headers)).status_code == 204
    await database.execute(
        "UPDATE tenants SET deleted_at = deleted_at - interval '1 minute' WHERE tenant = $1", slug
    )
    while await database.fetchval("SELECT purge_deleted_tenant($1, 1000)", slug):
        pass
    for table in ("order_claims", "orders"):
        assert not await database.fetch(f"SELECT 1 FROM {table} WHERE tenant = $1", slug), table
