"""Tickets at a gateway: one place in a stream for each, used up by nothing less, over with the key that asked."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import Any, cast

import asyncpg
import httpx
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from infra.local.pods import Pod
from infra.local.ports import free_port
from tests.conftest import OpenShop, StartApiPod, StartGateway
from tests.gateway.stream_till import open_stream, stream_path
from tests.gateway.till import open_till, refusal, socket_url
from tests.shop import Shop, bearer

CODES = ["bellwire.v1", "bellwire.codes"]
ELSEWHERE = "https://evil.example"
PAGE = "https://till.example"


def with_ticket(ticket: str, *more: str) -> str:
    return "?" + "&".join([f"ticket={ticket}", *more])


async def at_the_stream(pod: Pod, tenant: str, query: str, **headers: str) -> tuple[int, dict[str, Any]]:
    """How the other door refuses."""
    async with httpx.AsyncClient(base_url=pod.url, trust_env=False) as http:
        answer = await http.get(stream_path(tenant, query), headers=headers)
    return answer.status_code, answer.json()


async def at_a_page(pod: Pod, tenant: str, query: str) -> tuple[int, str]:
    """The code and the reason that a page sees."""
    url = socket_url(pod, tenant, query)
    async with connect(url, subprotocols=cast("Any", CODES), proxy=None) as socket:
        try:
            raise AssertionError(f"{await socket.recv()!r} was sent")
        except ConnectionClosed as exc:
            assert exc.rcvd is not None
            return exc.rcvd.code, exc.rcvd.reason


async def is_refused(pod: Pod, shop: Shop, ticket: str) -> None:
    """At both doors, and in a page's words."""
    query = with_ticket(ticket)
    assert (await refusal(pod, shop.slug, query))[0] == 401
    assert (await at_the_stream(pod, shop.slug, query))[0] == 401
    assert await at_a_page(pod, shop.slug, query) == (4401, "unauthorized")


@pytest.mark.parametrize("door", [open_till, open_stream], ids=["socket", "stream"])
async def test_a_ticket_opens_one_stream_of_its_terminal_and_no_second_one(
    gateway: Pod, shop: Shop, door: Callable[..., Any]
) -> None:
    await shop.order()
    ticket = await shop.ticket()
    async with door(gateway, shop.slug, None, with_ticket(ticket, "after=0", "types=new_order")) as till:
        assert till.hello["terminal"] == shop.terminals[0].terminal_id
        await shop.order()
        await till.has(2)
        assert till.offsets == ["1-1", "1-2"]
        await is_refused(gateway, shop, ticket)
        # Those that came too late have no place, and took nobody's.
        await shop.order()
        await till.has(3)


async def test_a_page_needs_no_subprotocol_and_may_offer_ours(gateway: Pod, shop: Shop) -> None:
    for offered, granted in ((None, None), (CODES, "bellwire.v1")):
        url = socket_url(gateway, shop.slug, with_ticket(await shop.ticket()))
        async with connect(url, subprotocols=cast("Any", offered), proxy=None) as socket:
            assert socket.subprotocol == granted
            assert '"hello"' in str(await socket.recv())


async def test_no_refusal_uses_a_ticket_up(
    gateway: Pod, share_gateway: StartGateway, shop: Shop, open_shop: OpenShop
) -> None:
    other = await open_shop()
    second = await shop.add_terminal("second")
    ticket = await shop.ticket()
    for pod, tenant, more, headers, status in (
        (gateway, shop.slug, ["after=x"], {}, 400),
        (gateway, shop.slug, ["types=nonsense"], {}, 400),
        (gateway, shop.slug, ["since=1-1"], {}, 400),
        (gateway, shop.slug, [f"ticket={ticket}"], {}, 400),
        (gateway, shop.slug, [], bearer(shop.terminal_key), 400),
        (gateway, shop.slug, [], bearer("nonsense"), 400),
        (gateway, shop.slug, [f"key={shop.terminal_key}"], {}, 400),
        (gateway, shop.slug, [], {"Origin": ELSEWHERE}, 403),
        (gateway, other.slug, [], {}, 404),
        (gateway, "no-such-tenant", [], {}, 404),
    ):
        query = with_ticket(ticket, *more)
        assert (await refusal(pod, tenant, query, additional_headers=headers))[0] == status, more
        assert (await at_the_stream(pod, tenant, query, **headers))[0] == status, more
    offered = ["bellwire.v1", f"bearer.{shop.terminal_key}"]
    assert (await refusal(gateway, shop.slug, with_ticket(ticket), subprotocols=offered))[0] == 400
    full = share_gateway({"BELLWIRE_MAX_SOCKETS": "1"})
    async with open_till(full, shop.slug, second.key):
        assert (await at_a_page(full, shop.slug, with_ticket(ticket)))[0] == 4503
        assert (await at_the_stream(full, shop.slug, with_ticket(ticket)))[0] == 503
    async with open_till(gateway, shop.slug, None, with_ticket(ticket)):
        pass


async def test_of_two_that_come_at_once_at_two_gateways_exactly_one_gets_in(
    gateways: tuple[Pod, Pod], shop: Shop
) -> None:
    async def socket(pod: Pod, tenant: str, ticket: str) -> int:
        try:
            async with connect(socket_url(pod, tenant, with_ticket(ticket)), proxy=None):
                return 200
        except InvalidStatus as exc:
            return exc.response.status_code

    async def stream(pod: Pod, tenant: str, ticket: str) -> int:
        async with (
            httpx.AsyncClient(base_url=pod.url, trust_env=False) as http,
            http.stream("GET", stream_path(tenant, with_ticket(ticket))) as answer,
        ):
            return answer.status_code

    ways: list[Callable[[Pod, str, str], Awaitable[int]]] = [socket, stream]
    for _ in range(15):
        ticket = await shop.ticket()
        came = [way(pod, shop.slug, ticket) for pod in gateways for way in ways for _ in range(2)]
        statuses = await asyncio.gather(*came)
        assert sorted(statuses) == [200] + [401] * 7


async def test_a_ticket_and_what_it_opened_end_with_the_key_that_asked(gateway: Pod, shop: Shop) -> None:
    terminal = shop.terminals[0]
    path = shop.path(f"terminals/{terminal.terminal_id}")
    operator = bearer(shop.operator_key)
    unused = await shop.ticket()
    async with open_till(gateway, shop.slug, None, with_ticket(await shop.ticket())) as till:
        rotated = await shop.http.post(f"{path}/rotate", json={"overlapSeconds": 0}, headers=operator)
        assert (await till.closed())[0] == 1012
    await is_refused(gateway, shop, unused)
    key = rotated.json()["key"]
    unused = await shop.ticket(key)
    async with open_stream(gateway, shop.slug, None, with_ticket(await shop.ticket(key))) as stream:
        # With an overlap the old key goes on, and so does what it asked for.
        rotated = await shop.http.post(f"{path}/rotate", json={"overlapSeconds": 60}, headers=operator)
        kept = await shop.ticket(key)
        async with open_till(gateway, shop.slug, None, with_ticket(kept)):
            pass
        assert (await stream.ended()) is not None
    newest = rotated.json()["key"]
    both = [await shop.ticket(newest), unused]
    async with open_till(gateway, shop.slug, None, with_ticket(await shop.ticket(newest))) as till:
        assert (await shop.http.delete(path, headers=operator)).status_code == 204
        assert (await till.closed())[0] == 4403
    for ticket in both:
        await is_refused(gateway, shop, ticket)


async def test_an_expired_key_takes_its_tickets_along(
    gateway: Pod, shop: Shop, database: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    ticket = await shop.ticket()
    await database.execute(
        "UPDATE api_keys SET expires_at = clock_timestamp() WHERE tenant = $1 AND kind = 'term'", shop.slug
    )
    await is_refused(gateway, shop, ticket)


async def test_tickets_of_a_shop_that_is_off_rest_and_go_on_when_it_is_on_again(
    gateway: Pod, shop: Shop
) -> None:
    async def switch(off: bool) -> None:
        path, operator = f"/api/tenant/{shop.slug}", bearer(shop.operator_key)
        assert (await shop.http.patch(path, json={"disabled": off}, headers=operator)).status_code == 200

    ticket = await shop.ticket()
    async with open_till(gateway, shop.slug, None, with_ticket(await shop.ticket())) as till:
        await switch(True)
        assert (await till.closed())[0] == 4403
    await is_refused(gateway, shop, ticket)
    await switch(False)
    async with open_till(gateway, shop.slug, None, with_ticket(ticket)):
        pass


@pytest.mark.parametrize(
    "ticket", ["", "nonsense", "bw_ticket_", "bw_ticket_" + "0" * 64, "bw_ticket_" + "0" * 63, "%00"]
)
async def test_a_ticket_that_never_was_is_401(gateway: Pod, shop: Shop, ticket: str) -> None:
    await is_refused(gateway, shop, ticket)


async def test_tickets_need_no_redis(
    start_gateway: StartGateway, start_api_pod: StartApiPod, shop: Shop
) -> None:
    nowhere = {"BELLWIRE_REDIS_URL": f"redis://127.0.0.1:{free_port()}/0"}
    api, pod = start_api_pod(nowhere), start_gateway(nowhere)
    async with httpx.AsyncClient(base_url=api.url) as http:
        ticket = await shop.at(http).ticket()
    async with open_till(pod, shop.slug, None, with_ticket(ticket)) as till:
        await shop.order()
        await till.has(1)
        await is_refused(pod, shop, ticket)


async def test_a_page_of_a_listed_origin_may_read_what_its_ticket_opens_and_the_refusal(
    share_gateway: StartGateway, shop: Shop
) -> None:
    pod = share_gateway({"BELLWIRE_ALLOWED_ORIGINS": PAGE})
    query = with_ticket(await shop.ticket())
    async with open_stream(pod, shop.slug, None, query, Origin=PAGE) as stream:
        assert stream.response.headers["access-control-allow-origin"] == PAGE
        async with httpx.AsyncClient(base_url=pod.url, trust_env=False) as http:
            again = await http.get(stream_path(shop.slug, query), headers={"Origin": PAGE})
        assert (again.status_code, again.headers["access-control-allow-origin"]) == (401, PAGE)


async def test_no_log_no_metric_and_no_problem_document_holds_a_ticket(
    start_gateway: StartGateway, shop: Shop
) -> None:
    lines: list[str] = []
    pod = start_gateway({"BELLWIRE_LOG_LEVEL": "debug"}, lines)
    ticket = await shop.ticket()
    told = []
    async with open_till(pod, shop.slug, None, with_ticket(ticket)) as till:
        for query in (
            with_ticket(ticket), with_ticket(ticket, f"ticket={ticket}"), with_ticket(ticket, f"{ticket}=1"),
            f"?types={ticket}", f"?after={ticket}", f"?{ticket}", f"?Ticket={ticket.upper()}", f"?key={ticket}",
        ):  # fmt: skip
            told += [await refusal(pod, shop.slug, query), await at_the_stream(pod, shop.slug, query)]
        with contextlib.suppress(InvalidStatus):
            async with connect(f"{pod.url.replace('http', 'ws', 1)}/ws/pos/{ticket}", proxy=None):
                pass
        async with httpx.AsyncClient(base_url=pod.url, trust_env=False) as http:
            told.append((0, {"page": (await http.get("/metrics")).text}))
            told.append((0, (await http.get(f"/{ticket}")).json()))
    assert {status for status, _ in told[:2]} == {401}
    assert {status for status, _ in told[2:16]} == {400}
    seen = (str(told) + "\n".join(lines) + str(till.said)).lower()
    assert ticket.removeprefix("bw_ticket_")[:12] not in seen
    assert 'bellwire_gateway_tickets_total{outcome="used"} 1.0' in seen


async def test_wrong_tickets_make_their_address_wait_and_a_good_one_from_there_gets_in(
    share_gateway: StartGateway, shop: Shop, database: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    pod = share_gateway({"BELLWIRE_STRANGER_RATE": "1", "BELLWIRE_TRUST_FORWARDED_FOR": "true"})
    there = {"X-Forwarded-For": "198.51.100.9"}
    used = with_ticket(await shop.ticket())
    async with open_stream(pod, shop.slug, None, used):
        pass
    async with httpx.AsyncClient(base_url=pod.url, trust_env=False) as http:
        asked = [http.get(stream_path(shop.slug, used), headers=there) for _ in range(40)]
        statuses = [answer.status_code for answer in await asyncio.gather(*asked)]
    assert statuses.count(401) >= 10
    assert set(statuses) == {401, 429}
    good = with_ticket(await shop.ticket())
    async with open_till(pod, shop.slug, None, good, additional_headers=there):
        pass
    # An `EventSource` comes back with its used ticket by itself: no attack that an operator has to read of.
    assert not await database.fetchval(
        "SELECT count(*) FROM audit_trail WHERE tenant = $1 AND action = 'key.refused'", shop.slug
    )
