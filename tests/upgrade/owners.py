"""One value of `Idempotency-Key`, two terminals, pods of two releases, and a kill between an attempt and its retry.

A pod of the release before does not know owners. All the same a retry is
answered with its own attempt's answer, at a pod of either release, and each order is there once.
"""

import asyncio
import contextlib
import random
from typing import Any

import asyncpg
import httpx

from infra.local.pods import Pod
from tests.shop import ORDER, Operator, bearer

ROUNDS = 2
PATIENCE_SECONDS = 30.0


async def order_across(old: Pod, new: Pod, database_url: str, operator_key: str) -> list[str]:
    """Let terminals retry across the two pods, and return every broken promise in words."""
    chance = random.Random("owners")
    complaints: list[str] = []
    async with httpx.AsyncClient(base_url=new.url, timeout=10) as http:
        shop = await Operator(http, operator_key).open_shop()
        till, other = shop.terminals[0], await shop.add_terminal("other")
    made = 0
    for number in range(2 * ROUNDS):
        first, second = (old, new) if number % 2 else (new, old)
        value = str(number)
        mine = {**ORDER, "customerName": f"mine {number}"}
        theirs = {**ORDER, "customerName": f"theirs {number}"}
        attempt = asyncio.create_task(_place(first, till.key, value, mine))
        await asyncio.sleep(chance.uniform(0, 0.03))
        first.kill()
        answers = [await attempt, await _decided(second, till.key, value, mine)]
        # The other terminal has the same value; only a pod of this release knows that it is another one.
        others = [
            await _decided(new, other.key, value, theirs),
            await _decided(old, other.key, value, theirs),
        ]
        answers += [await _decided(pod, till.key, value, mine) for pod in (first, second)]
        made += 2
        for whose, found in (("mine", answers), ("theirs", others)):
            told = {answer for answer in found if answer is not None}
            if len(told) != 1 or next(iter(told))[0] != 201:
                complaints.append(f"{first.name} first, {whose}: one order, several answers: {told}")
        if answers[-1] == others[-1]:
            complaints.append(f"{first.name} first: one terminal was given the other one's order")
    connection = await asyncpg.connect(database_url)
    try:
        placed = await connection.fetchval("SELECT count(*) FROM orders WHERE tenant = $1", shop.slug)
    finally:
        await connection.close()
    if placed != made:
        complaints.append(f"{made} orders were made and {placed} are there")
    return complaints


async def _place(pod: Pod, key: str, value: str, body: dict[str, Any]) -> tuple[int, str] | None:
    with contextlib.suppress(httpx.HTTPError):
        async with httpx.AsyncClient(base_url=pod.url, timeout=10) as http:
            answer = await http.post(
                "/api/tenant/orders/create", json=body, headers={**bearer(key), "Idempotency-Key": value}
            )
            if answer.status_code not in (409, 429, 503):
                return answer.status_code, answer.text
    return None


async def _decided(pod: Pod, key: str, value: str, body: dict[str, Any]) -> tuple[int, str]:
    async with asyncio.timeout(PATIENCE_SECONDS):
        while (answer := await _place(pod, key, value, body)) is None:
            await asyncio.sleep(0.1)
        return answer
