"""A terminal goes from door to door, also in mid-outage: the same events under the same offsets, none twice."""

import asyncio
import itertools
import sys
from collections.abc import Awaitable, Callable

import httpx
import pytest
from websockets.exceptions import ConnectionClosed, InvalidHandshake

from bellwire.doctor.door import look_at_door
from infra.local.shops import Terminal
from tests.conftest import ROOT
from tests.endtoend.conftest import Town
from tests.endtoend.test_cluster import holder_of_sockets, place, through_the_balancer
from tests.gateway.stream_till import open_stream
from tests.shop import bearer

pytestmark = pytest.mark.timeout(240)

A_VISIT = 4
"""Events that it takes at one door before it goes to the next."""


class Wanderer:
    """A terminal that knows one address and the last offset that it stored; nothing else survives a change of door."""

    def __init__(self, town: Town, terminal: Terminal, after: str) -> None:
        self.town = town
        self.terminal = terminal
        self.after = after
        self.offsets: list[str] = []
        self.visits: dict[str, int] = {}

    async def wander(self, count: int) -> None:
        """Take `count` events, a few at each door."""
        doors: list[Callable[[], Awaitable[list[str]]]] = [self.by_socket, self.by_stream, self.by_poll]
        for door in itertools.cycle(doors):
            if len(self.offsets) >= count:
                return
            taken: list[str] = []
            try:
                async with asyncio.timeout(5):
                    taken = await door()
            except (
                TimeoutError,
                OSError,
                httpx.HTTPError,
                ConnectionClosed,
                InvalidHandshake,
                AssertionError,
            ):
                # Cut, refused or silent: what it took is told by `take`, and the next door is the next chance.
                await asyncio.sleep(0.1)
            if taken:
                self.visits[door.__name__] = self.visits.get(door.__name__, 0) + 1

    def take(self, offsets: list[str]) -> list[str]:
        """Store what came, each at once."""
        self.offsets += offsets
        if offsets:
            self.after = offsets[-1]
        return offsets

    async def by_socket(self) -> list[str]:
        taken: list[str] = []
        async with through_the_balancer(self.town, "kitchen", self.terminal, f"?after={self.after}") as till:
            while len(taken) < A_VISIT:
                message = await till.next()
                if "data" in message:
                    taken += self.take([message["offset"]])
        return taken

    async def by_stream(self) -> list[str]:
        taken: list[str] = []
        async with open_stream(
            self.town.cluster.url, "kitchen", self.terminal.key, Last_Event_ID=self.after
        ) as stream:
            while len(taken) < A_VISIT:
                message = await stream.next()
                assert message is not None, "the stream ended"
                if "data" in message:
                    taken += self.take([message["offset"]])
        return taken

    async def by_poll(self) -> list[str]:
        answer = await self.town.http.get(
            "/api/tenant/kitchen/events",
            params={"after": self.after, "limit": A_VISIT, "wait": 3},
            headers=bearer(self.terminal.key),
        )
        assert answer.status_code == 200, answer.text
        return self.take([event["offset"] for event in answer.json()["events"]])


@pytest.mark.long
async def test_a_terminal_changes_doors_under_a_killed_valkey_and_killed_gateways_and_misses_and_repeats_nothing(
    town: Town,
) -> None:
    valkey = town.cluster.own_valkey
    first = (await place(town, 1))[0]
    wanderers = [Wanderer(town, terminal, first) for terminal in town.kitchen.terminals[:3]]
    walks = [asyncio.create_task(wanderer.wander(150)) for wanderer in wanderers]
    placed = []
    try:
        for number in range(150):
            placed += await place(town, 1)
            await asyncio.sleep(0.05)
            if number == 30:
                valkey.kill()
            if number in (50, 90):
                holder_of_sockets(town).kill()
            if number == 70:
                await asyncio.to_thread(valkey.start)
        async with asyncio.timeout(120):
            await asyncio.gather(*walks)
    finally:
        for walk in walks:
            walk.cancel()
    for wanderer in wanderers:
        assert wanderer.offsets == placed
        assert set(wanderer.visits) == {"by_socket", "by_stream", "by_poll"}


async def test_the_doctor_finds_api_and_gateway_behind_the_door(town: Town) -> None:
    facts = await asyncio.to_thread(look_at_door, town.cluster.url)
    assert (facts.trouble, facts.api_status, facts.handshake_status) == (None, 401, 401)


async def test_an_event_comes_through_the_balancer_by_stream_without_waiting_for_the_next_one(
    town: Town,
) -> None:
    async with open_stream(town.cluster.url, "kitchen", town.kitchen.terminals[0].key) as stream:
        for _ in range(5):
            placed = (await place(town, 1))[0]
            assert (await stream.until("new_order"))["offset"] == placed


async def test_an_order_of_500_lines_is_told_in_short_at_every_door_and_tail_fetches_the_rest(
    town: Town,
) -> None:
    first = (await place(town, 1))[0]
    items = [
        {"name": f"Sandwich {number}", "quantity": 2, "unitPrice": 7.25, "notes": "no mayo, " * 10,
         "modifiers": [{"name": "Avocado", "unitPrice": 1.5}]}
        for number in range(500)
    ]  # fmt: skip
    answer = await town.order(items=items)
    assert answer.status_code == 201, answer.text
    terminal = town.kitchen.terminals[0]
    async with through_the_balancer(town, "kitchen", terminal, f"?after={first}") as till:
        by_socket = await till.until("new_order")
    async with open_stream(town.cluster.url, "kitchen", terminal.key, Last_Event_ID=first) as stream:
        by_stream = await stream.until("new_order")
    polled = await town.http.get(
        "/api/tenant/kitchen/events", params={"after": first}, headers=bearer(terminal.key)
    )
    [by_poll] = polled.json()["events"]
    assert by_socket == by_stream == by_poll
    assert (by_poll["data"]["itemsOmitted"], by_poll["data"]["itemCount"]) == (True, 500)
    tail = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bellwire", "tail", "--url", town.cluster.url, "--key", terminal.key,
        "--after", first, "--count", "1", cwd=ROOT, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    output, _ = await asyncio.wait_for(tail.communicate(), 30)
    assert "8750.00  Ada: 2 × Sandwich 0, " in output.decode()
    assert "2 × Sandwich 499" in output.decode()
