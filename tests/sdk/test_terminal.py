"""The SDK against a whole cluster: every event once and in order, whatever is cut, killed, shut or offline."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from bellwire_terminal import (
    Conflict,
    CursorDamaged,
    DeadLetters,
    Event,
    FileCursor,
    Outbox,
    Replaced,
    Revoked,
    Terminal,
)
from bellwire_terminal.clock import Clock
from infra.local.cluster import Cluster
from tests.sdk.gate import Gate
from tests.shop import Shop, bearer

pytestmark = pytest.mark.timeout(300)

# None is waited for to its end unless something is broken: a pod that was killed may take long to come back.
SECONDS = 120.0


async def take(terminal: Terminal, many: int) -> list[Event]:
    """Handle so many events, and return them."""
    events: list[Event] = []
    async with asyncio.timeout(SECONDS):
        while len(events) < many:
            events.append(await anext(terminal))
        await terminal.handled()
    return events


async def orders(shop: Shop, many: int) -> list[str]:
    """Place orders one after the other, and return their offsets."""
    return [(await shop.order())["offset"] for _ in range(many)]


def a_terminal(town: Cluster, shop: Shop, **wishes: Any) -> Terminal:
    return Terminal(wishes.pop("url", town.url), shop.slug, shop.terminal_key, **wishes)


@asynccontextmanager
async def gate_to(town: Cluster) -> AsyncIterator[Gate]:
    """A network of the test's own before the cluster."""
    gate = Gate(town.url)
    await gate.open()
    try:
        yield gate
    finally:
        await gate.close()


@pytest.mark.parametrize("door", ["websocket", "sse", "poll"])
async def test_at_each_door_every_event_is_handled_once_in_order_and_acknowledged(
    town: Cluster, corner: Shop, tmp_path: Path, door: str
) -> None:
    placed = await orders(corner, 3)
    states: list[str] = []
    wishes = {"doors": [door], "cursor": FileCursor(tmp_path / "cursor"), "window": 2}
    async with a_terminal(
        town, corner, **wishes, on_state=lambda state: states.append(state["state"])
    ) as terminal:
        events = await take(terminal, 3)
        assert [event["offset"] for event in events] == placed
        placed = await orders(corner, 2)
        assert [event.offset for event in await take(terminal, 2)] == placed
        assert await acked(corner) == placed[-1]
    assert states[0] == "connecting"
    assert "live" in states
    placed = await orders(corner, 1)
    async with a_terminal(town, corner, **wishes) as terminal:
        assert [event.offset for event in await take(terminal, 1)] == placed


async def acked(shop: Shop) -> str:
    """This shop's terminal's newest ack, once it is the head: acks are written behind."""
    async with asyncio.timeout(SECONDS):
        while True:
            answer = await shop.http.get("/api/whoami", headers=bearer(shop.terminal_key))
            page = await shop.http.get(shop.path("events"), headers=bearer(shop.terminal_key))
            if answer.json()["ackedOffset"] == page.json()["head"]:
                return str(answer.json()["ackedOffset"])
            await asyncio.sleep(0.1)


async def test_a_killed_gateway_repeats_and_skips_nothing(town: Cluster, corner: Shop) -> None:
    async with a_terminal(town, corner) as terminal:
        placed = await orders(corner, 5)
        seen = await take(terminal, 5)
        for pod in town.gateways:
            pod.kill()
        placed += await orders(corner, 5)
        seen += await take(terminal, 5)
        assert [event.offset for event in seen] == placed


TILL = """
import asyncio, os, sys
from bellwire_terminal import FileCursor, Terminal

async def main(url, tenant, key, cursor, record, die_at):
    async def handle(event):
        with open(record, "a") as file:
            file.write(event.offset + "\\n"); file.flush(); os.fsync(file.fileno())
        if event.offset == die_at:
            os.kill(os.getpid(), 9)
    async with Terminal(url, tenant, key, cursor=FileCursor(cursor)) as terminal:
        await asyncio.wait_for(terminal.run(handle), 120)

asyncio.run(main(*sys.argv[1:]))
"""


async def test_killed_between_handler_and_ack_that_one_event_comes_again_and_no_other(
    town: Cluster, corner: Shop, tmp_path: Path
) -> None:
    placed = await orders(corner, 6)
    record = tmp_path / "record"

    def till(die_at: str) -> int:
        words = [town.url, corner.slug, corner.terminal_key, str(tmp_path / "cursor"), str(record), die_at]
        return subprocess.run([sys.executable, "-c", TILL, *words], check=False, timeout=130).returncode

    assert await asyncio.to_thread(till, placed[2]) == -signal.SIGKILL
    # The second one dies at the last event, so that there is an end.
    assert await asyncio.to_thread(till, placed[5]) == -signal.SIGKILL
    assert record.read_text().split() == [*placed[:3], *placed[2:]]


async def test_doors_that_are_shut_are_walked_down_and_up_again_without_a_loss(
    town: Cluster, corner: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bellwire_terminal.core.ladder.CLIMB_MS", 1_000)
    async with gate_to(town) as gate:
        gate.shut("/ws/")
        doors: list[str] = []
        told = lambda report: doors.append(report["door"]) if report["kind"] == "wait" else None  # noqa: E731
        async with a_terminal(town, corner, url=gate.url, on_report=told) as terminal:
            placed = await orders(corner, 2)
            seen = await take(terminal, 2)
            assert doors[0] == "sse"
            gate.shut("/ws/", "/sse/")
            gate.cut()
            placed += await orders(corner, 2)
            seen += await take(terminal, 2)
            assert doors[-1] == "poll"
            gate.shut()
            async with asyncio.timeout(SECONDS):
                while not any(path.startswith("/ws/") for path in gate.asked[-1:]):
                    await asyncio.sleep(0.05)
            placed += await orders(corner, 2)
            seen += await take(terminal, 2)
            assert [event.offset for event in seen] == placed


async def test_a_handler_that_always_raises_has_its_event_put_aside_and_the_stream_goes_on(
    town: Cluster, corner: Shop, tmp_path: Path
) -> None:
    placed = await orders(corner, 3)
    letters = DeadLetters(tmp_path / "dead")
    seen: list[str] = []
    reports: list[Any] = []
    done = asyncio.Event()

    async def handle(event: Event) -> None:
        seen.append(event.offset)
        if event.offset == placed[1]:
            raise RuntimeError("no paper")
        if event.offset == placed[2]:
            done.set()

    async with a_terminal(town, corner, dead_letters=letters, on_report=reports.append) as terminal:
        running = asyncio.ensure_future(terminal.run(handle))
        await asyncio.wait_for(done.wait(), SECONDS)
        assert seen == [placed[0], *[placed[1]] * 3, placed[2]]
        (letter,) = letters.entries()
        assert letter["event"]["offset"] == placed[1]
        assert letter["error"] == "RuntimeError: no paper"
        assert sum(report["kind"] == "handler" for report in reports) == 3
        await terminal.stop()
        await asyncio.wait_for(running, SECONDS)


async def test_a_replaced_terminal_asks_its_owner_and_stops_where_nobody_answers(
    town: Cluster, corner: Shop
) -> None:
    async with a_terminal(town, corner) as first:
        placed = await orders(corner, 1)
        assert [event.offset for event in await take(first, 1)] == placed
        live = asyncio.Event()
        told = lambda state: live.set() if state["state"] == "live" else None  # noqa: E731
        async with a_terminal(town, corner, start="head", on_state=told) as second:
            with pytest.raises(Replaced):
                await asyncio.wait_for(anext(first), SECONDS)
            # The head at which it begins is read a moment after the first one was sent away.
            await asyncio.wait_for(live.wait(), SECONDS)
            placed = await orders(corner, 1)
            assert [event.offset for event in await take(second, 1)] == placed


async def test_a_revoked_terminal_stops_for_good(town: Cluster, corner: Shop) -> None:
    async with a_terminal(town, corner) as terminal:
        placed = await orders(corner, 1)
        assert [event.offset for event in await take(terminal, 1)] == placed
        path = corner.path(f"terminals/{corner.terminals[0].terminal_id}")
        assert (await corner.http.delete(path, headers=bearer(corner.operator_key))).status_code == 204
        with pytest.raises(Revoked):
            await asyncio.wait_for(anext(terminal), SECONDS)
        assert terminal.state == {"state": "revoked"}


async def test_a_thin_event_is_delivered_in_full(town: Cluster, corner: Shop) -> None:
    items = [{"name": f"Sandwich {n}", "quantity": 1, "unitPrice": 7, "notes": "x" * 80} for n in range(300)]
    await corner.order(items=items)
    async with a_terminal(town, corner) as terminal:
        (event,) = await take(terminal, 1)
        assert [item["name"] for item in event.data["items"]] == [item["name"] for item in items]
        assert "itemsOmitted" not in event.data
        assert not event.thin


async def test_a_start_with_a_snapshot_shows_what_is_open_acknowledges_it_and_misses_nothing(
    town: Cluster, corner: Shop
) -> None:
    first = await corner.order()
    async with a_terminal(town, corner, start="snapshot") as terminal:
        (event,) = await take(terminal, 1)
        assert event.type == "snapshot"
        assert [order["orderId"] for order in event.data["orders"]] == [first["orderId"]]
        placed = await orders(corner, 1)
        assert [one.offset for one in await take(terminal, 1)] == placed
        async with asyncio.timeout(SECONDS):
            path = corner.path(f"orders/{first['orderId']}")
            while not (await corner.http.get(path, headers=bearer(corner.terminal_key))).json()["receipts"]:
                await asyncio.sleep(0.1)


async def test_a_damaged_cursor_opens_nothing_and_says_which_file(
    town: Cluster, corner: Shop, tmp_path: Path
) -> None:
    (tmp_path / "cursor").write_bytes(b"00000000 {}\n")
    with pytest.raises(CursorDamaged, match="cursor"):
        async with a_terminal(town, corner, cursor=FileCursor(tmp_path / "cursor")):
            pass
    placed = await orders(corner, 1)
    wishes = {"cursor": FileCursor(tmp_path / "cursor"), "on_damage": "acked"}
    async with a_terminal(town, corner, **wishes) as terminal:
        assert [event.offset for event in await take(terminal, 1)] == placed


async def a_card(shop: Shop, amount: float) -> str:
    answer = await shop.http.post(
        shop.path("gift-cards/purchase"),
        json={"amount": amount, "purchasedBy": "Ada"},
        headers=bearer(shop.storefront_key),
    )
    assert answer.status_code == 201, answer.text
    return str(answer.json()["cardNumber"])


async def test_an_hour_offline_with_35_commands_does_each_once_in_order_and_tells_the_conflicts(
    town: Cluster, corner: Shop, tmp_path: Path
) -> None:
    placed = [await corner.order() for _ in range(10)]
    card = await a_card(corner, 50)
    conflicts: list[Any] = []
    done: list[Any] = []
    async with gate_to(town) as gate:
        # An hour of the till's takes four seconds of ours.
        clock = Clock(speed=900.0)

        def an_outbox() -> Outbox:
            told = lambda command, why: conflicts.append((command["body"], why))  # noqa: E731
            return Outbox(
                tmp_path / "outbox",
                clock=clock,
                on_conflict=told,
                on_done=lambda command, _: done.append(command),
            )

        gate.down = True
        # The stream keeps our time: ten seconds of patience for a hello would be eleven milliseconds of it.
        wishes = {"url": gate.url, "cursor": FileCursor(tmp_path / "cursor")}
        async with a_terminal(town, corner, outbox=an_outbox(), **wishes) as terminal:
            began = clock.now_ms()
            for status in ("preparing", "ready", "completed"):
                for order in placed:
                    await terminal.step(order["orderId"], status)
            for _ in range(5):
                await terminal.redeem(card, 12, order_id=placed[0]["orderId"])
            while clock.now_ms() - began < 1_800_000:
                await asyncio.sleep(0.05)
        # The till was restarted in the midst of the hour, and another one was quicker with one order.
        step = await corner.step(placed[3]["orderId"], "cancelled")
        assert step.status_code == 200
        async with a_terminal(town, corner, outbox=an_outbox(), **wishes) as terminal:
            assert terminal.outbox.waiting == 35
            while clock.now_ms() - began < 3_600_000:
                await asyncio.sleep(0.05)
            gate.down = False
            async with asyncio.timeout(SECONDS):
                while terminal.outbox.waiting:
                    await asyncio.sleep(0.05)
    for number, order in enumerate(placed):
        path = corner.path(f"orders/{order['orderId']}")
        history = (await corner.http.get(path, headers=bearer(corner.terminal_key))).json()["history"]
        wanted = ["pending", "cancelled"] if number == 3 else ["pending", "preparing", "ready", "completed"]
        assert [entry["status"] for entry in history] == wanted
    answer = await corner.http.get(corner.path(f"gift-cards/{card}"), headers=bearer(corner.terminal_key))
    assert answer.json()["balance"] == 2
    problems = [why.problem for _, why in conflicts]
    assert problems == ["wrong-step"] * 3 + ["insufficient-balance"]
    assert [body["status"] for body, _ in conflicts[:3]] == ["preparing", "ready", "completed"]
    assert len(done) == 31


async def test_a_command_that_is_refused_raises_its_conflict_and_one_that_is_done_answers(
    town: Cluster, corner: Shop
) -> None:
    order = await corner.order()
    async with a_terminal(town, corner) as terminal:
        answer = await (await terminal.accept(order["orderId"], ready_at="2027-01-01T12:00:00Z"))
        assert answer["status"] == "preparing"
        assert answer["readyAt"].startswith("2027-01-01T12:00")
        with pytest.raises(Conflict) as refused:
            await (await terminal.accept(order["orderId"]))
        assert refused.value.problem == "wrong-step"
        points = await (await terminal.add_points("+491701234567", 7))
        assert points["newBalance"] == 7


def test_the_package_is_imported_in_less_time_than_websockets() -> None:
    script = "import time; began = time.process_time(); import websockets.asyncio.client; then = time.process_time(); "
    script += "import bellwire_terminal; print(then - began, time.process_time() - then)"
    env = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    runs = [
        subprocess.run([sys.executable, "-c", script], env=env, capture_output=True, check=True).stdout
        for _ in range(3)
    ]
    # Their time beside ours, from the same run: a slow machine is slow for both.
    assert min(float(ours) / float(theirs) for theirs, ours in (run.split() for run in runs)) < 0.6


def test_the_package_loads_no_library_but_websockets() -> None:
    script = (
        "import sys, json, bellwire_terminal; print(json.dumps([name.split('.')[0] for name in sys.modules]))"
    )
    loaded = set(
        json.loads(subprocess.run([sys.executable, "-c", script], capture_output=True, check=True).stdout)
    )
    assert not loaded & {"httpx", "aiohttp", "pydantic", "orjson", "click", "bellwire", "backbone"}
