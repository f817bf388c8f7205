"""Two devices with one key are shown in the terminal's connections, and counted; one reconnect is none."""

import contextlib
from typing import Any

from api.background.shared_keys import EVERY_SECONDS
from infra.local.counters import read_total
from infra.local.pods import Pod
from tests.gateway.till import open_till
from tests.shop import Shop, Terminal, bearer
from tests.waiting import eventually


async def connections(shop: Shop, till: Terminal, key: str) -> dict[str, Any]:
    answer = await shop.http.get(shop.path(f"terminals/{till.terminal_id}/connections"), headers=bearer(key))
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def shown(shop: Shop, till: Terminal, replaced: int) -> bool:
    """Whether its key is shown as shared, once so many of its connections are known to have been replaced."""

    async def look() -> dict[str, Any]:
        return await connections(shop, till, shop.operator_key)

    found = await eventually(look, lambda f: sum(c["code"] == 4409 for c in f["connections"]) == replaced)
    # A shop sees no addresses, and the same word.
    assert (await connections(shop, till, shop.storefront_key))["sharedKey"] is found["sharedKey"]
    shared: bool = found["sharedKey"]
    return shared


async def exchange(gateways: tuple[Pod, Pod], shop: Shop, till: Terminal, agents: list[str]) -> None:
    """Connect once for each of `agents`, each of which throws out the one before, on a gateway or on the other."""
    async with contextlib.AsyncExitStack() as stack:
        before = None
        for place, agent in enumerate(agents):
            pod = gateways[place // 2 % 2]
            held = await stack.enter_async_context(
                open_till(pod, shop.slug, till.key, user_agent_header=agent)
            )
            if before is not None:
                assert (await before.closed())[0] == 4409
            before = held


async def test_two_devices_are_shown_after_four_exchanges_and_not_after_three(
    gateways: tuple[Pod, Pod], shop: Shop
) -> None:
    till, other = await shop.add_terminal("copied"), await shop.add_terminal("single")
    await exchange(gateways, shop, other, ["tablet", "tablet"])
    await exchange(gateways, shop, till, ["tablet", "copy", "tablet", "copy"])
    assert not await shown(shop, till, 3)
    await exchange(gateways, shop, till, ["tablet", "copy"])
    assert await shown(shop, till, 4)
    assert not await shown(shop, other, 1)


async def test_two_devices_that_cannot_be_told_apart_are_shown_because_they_are_quick(
    gateways: tuple[Pod, Pod], shop: Shop
) -> None:
    till = await shop.add_terminal("copied")
    await exchange(gateways, shop, till, ["tablet"] * 5)
    assert await shown(shop, till, 4)


async def test_a_till_that_says_goodbye_and_comes_back_is_one_device(
    gateways: tuple[Pod, Pod], shop: Shop
) -> None:
    till = await shop.add_terminal("restless")
    for agent in ["tablet", "copy"] * 4:
        await exchange(gateways, shop, till, [agent])
    assert not await shown(shop, till, 0)
    assert (await connections(shop, till, shop.storefront_key))["sharedKey"] is False


async def test_terminals_whose_key_is_shared_are_counted(
    gateways: tuple[Pod, Pod], api_pods: tuple[Pod, Pod], shop: Shop
) -> None:
    till = await shop.add_terminal("copied")
    await exchange(gateways, shop, till, ["tablet", "copy"] * 3)
    assert await shown(shop, till, 5)

    async def told() -> list[float]:
        return [read_total([pod.url], "bellwire_shared_keys") for pod in api_pods]

    # Other tests' terminals may be among them.
    await eventually(told, lambda found: min(found) >= 1, seconds=EVERY_SECONDS + 10)
