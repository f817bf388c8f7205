"""The JavaScript SDK in Node against a whole cluster: once and in order by its own record, whatever is cut."""

import asyncio
import json
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest

from infra.local.cluster import Cluster
from tests.sdk.test_javascript import node
from tests.sdk.test_terminal import acked, gate_to, orders
from tests.shop import Shop, bearer

PROGRAM = Path(__file__).with_name("till.mjs")
SECONDS = 120.0


def flags() -> list[str]:
    """Node 20 has its WebSocket behind a flag; with it all doors are there."""
    version = subprocess.run([node(), "--version"], capture_output=True, text=True, check=True).stdout
    return ["--experimental-websocket"] if int(version.strip("v\n").split(".")[0]) < 22 else []


class Till:
    """A till of one shop, in a process of its own; its files are in `folder`."""

    def __init__(self, town: Cluster, shop: Shop, folder: Path, **wishes: Any) -> None:
        self.record = folder / "record"
        self.job: dict[str, Any] = {
            "url": town.url, "tenant": shop.slug, "key": shop.terminal_key, "record": str(self.record),
            "cursor": str(folder / "cursor"), "outbox": str(folder / "outbox"), "wishes": wishes,
        }  # fmt: skip

    async def start(self, **job: Any) -> asyncio.subprocess.Process:
        """Begin with a job."""
        words = [*flags(), "--no-warnings", str(PROGRAM), json.dumps({**self.job, **job})]
        return await asyncio.create_subprocess_exec(
            node(), *words, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
        )

    async def end(self, running: asyncio.subprocess.Process) -> dict[str, Any]:
        """Wait for what it says at its end."""
        try:
            async with asyncio.timeout(SECONDS):
                said, wrong = await running.communicate()
        finally:
            if running.returncode is None:
                running.kill()
        assert running.returncode == 0, wrong.decode()
        return dict(json.loads(said))

    async def run(self, **job: Any) -> dict[str, Any]:
        """Do a job to its end."""
        return await self.end(await self.start(**job))

    async def die(self, **job: Any) -> None:
        """Do a job until it kills itself."""
        running = await self.start(**job)
        async with asyncio.timeout(SECONDS):
            await running.communicate()
        assert running.returncode == -signal.SIGKILL

    def events(self) -> list[dict[str, Any]]:
        """All that it wrote down."""
        return [json.loads(line) for line in self.record.read_text().splitlines()]

    def offsets(self) -> list[str]:
        """The offsets of the new orders among them; an order that waits long has an alarm besides."""
        return [event["offset"] for event in self.events() if event["type"] in ("new_order", "snapshot")]

    async def wrote(self, offset: str) -> None:
        """Wait until it wrote this one down."""
        async with asyncio.timeout(SECONDS):
            while not self.record.exists() or offset not in self.record.read_text():
                await asyncio.sleep(0.05)


@pytest.mark.parametrize(
    ("door", "tickets"), [("websocket", False), ("websocket", True), ("sse", False), ("poll", False)]
)
async def test_a_node_till_handles_every_event_once_in_order_at_each_door_and_goes_on_after_a_restart(
    town: Cluster, corner: Shop, tmp_path: Path, door: str, tickets: bool
) -> None:
    placed = await orders(corner, 12)
    # A window that the replay passes by far: reading is stopped and goes on, and the stream is not left for it.
    till = Till(town, corner, tmp_path, doors=[door], tickets=tickets, window=2)
    told = await till.run(last=placed[-1])
    assert (told["error"], told["reports"], told["offset"]) == (None, [], placed[-1])
    placed += await orders(corner, 2)
    running = await till.start(last="never")
    try:
        await till.wrote(placed[-1])
        assert await acked(corner) == placed[-1]
    finally:
        running.kill()
        await running.communicate()
    assert till.offsets() == placed


async def test_gateways_that_are_killed_repeat_and_skip_nothing_in_a_node_till(
    town: Cluster, corner: Shop, tmp_path: Path
) -> None:
    till = Till(town, corner, tmp_path)
    running = await till.start(last="never")
    placed: list[str] = []
    try:
        for _ in range(3):
            placed += await orders(corner, 4)
            await till.wrote(placed[-1])
            for pod in town.gateways:
                pod.kill()
            placed += await orders(corner, 4)
            await till.wrote(placed[-1])
    finally:
        running.kill()
        await running.communicate()
    assert till.offsets() == placed
    everything = [event["offset"] for event in till.events()]
    assert len(set(everything)) == len(everything)


async def test_a_node_till_that_is_killed_in_a_handler_has_that_one_event_again_and_no_other(
    town: Cluster, corner: Shop, tmp_path: Path
) -> None:
    placed = await orders(corner, 5)
    till = Till(town, corner, tmp_path)
    await till.die(dieAt=placed[2])
    assert (await till.run(last=placed[4]))["error"] is None
    assert till.offsets() == [*placed[:3], *placed[2:]]


async def test_doors_that_a_network_shuts_are_walked_down_by_a_node_till(
    town: Cluster, corner: Shop, tmp_path: Path
) -> None:
    placed = await orders(corner, 3)
    async with gate_to(town) as gate:
        gate.shut("/sse/")
        told = await Till(town, corner, tmp_path, doors=["sse", "poll"]).run(url=gate.url, last=placed[-1])
    assert told["error"] is None
    assert [report["door"] for report in told["reports"] if report["kind"] == "wait"] == ["poll"]


async def test_a_websocket_that_never_opens_is_known_at_once_by_a_node_till_and_not_by_its_patience(
    town: Cluster, corner: Shop, tmp_path: Path
) -> None:
    placed = await orders(corner, 1)
    async with gate_to(town) as gate:
        gate.shut("/ws/")
        told = await Till(town, corner, tmp_path, doors=["websocket", "sse"]).run(
            url=gate.url, last=placed[-1]
        )
    assert told["error"] is None
    waits = [(report["door"], report["why"]) for report in told["reports"] if report["kind"] == "wait"]
    # A page is told nothing of it, so that three attempts are made before the door is given up.
    assert waits == [(door, "no WebSocket") for door in ("websocket", "websocket", "sse")]


async def test_commands_given_offline_are_done_once_after_a_restart_of_the_node_till(
    town: Cluster, corner: Shop, tmp_path: Path
) -> None:
    placed = [(await corner.order())["orderId"] for _ in range(4)]
    till = Till(town, corner, tmp_path)
    async with gate_to(town) as gate:
        gate.down = True
        told = await till.run(url=gate.url, commands=placed, leave=True)
        assert (told["done"], told["conflicts"], told["error"]) == ([], [], None)
        assert (await corner.step(placed[1], "cancelled")).status_code == 200
        gate.down = False
        told = await till.run(url=gate.url, commands=[])
    paths = [f"/api/tenant/{corner.slug}/orders/{order}/status" for order in placed]
    assert told["done"] == [paths[0], *paths[2:]]
    assert told["conflicts"] == [[paths[1], "wrong-step"]]
    for order in placed:
        answer = await corner.http.get(corner.path(f"orders/{order}"), headers=bearer(corner.terminal_key))
        wanted = "cancelled" if order == placed[1] else "preparing"
        assert [entry["status"] for entry in answer.json()["history"]] == ["pending", wanted]


async def test_of_two_node_tills_one_prints_each_order(town: Cluster, corner: Shop, tmp_path: Path) -> None:
    placed = await orders(corner, 4)
    tills = []
    for name, key in (("a", corner.terminal_key), ("b", (await corner.add_terminal("bar")).key)):
        (tmp_path / name).mkdir()
        till = Till(town, corner, tmp_path / name)
        till.job |= {"key": key, "claim": "print"}
        tills.append(till)
    told = await asyncio.gather(*(till.run(last=placed[-1], wishes={"start": "0"}) for till in tills))
    printed = [offset for till in tills if till.record.exists() for offset in till.offsets()]
    assert [one["error"] for one in told] == [None, None]
    assert sorted(printed) == sorted(placed)
    assert sum(claim["isMine"] for one in told for claim in one["claims"]) == len(placed)


async def test_a_thin_event_comes_in_full_and_a_start_from_the_open_orders_shows_them(
    town: Cluster, corner: Shop, tmp_path: Path
) -> None:
    items = [{"name": f"Sandwich {n}", "quantity": 1, "unitPrice": 7, "notes": "x" * 80} for n in range(300)]
    placed = await corner.order(items=items)
    till = Till(town, corner, tmp_path)
    assert (await till.run(last=placed["offset"]))["error"] is None
    (event,) = till.events()
    assert (event["items"], event["thin"]) == (300, False)
    (tmp_path / "cursor").unlink()
    await till.run(last=placed["offset"], wishes={"start": "snapshot"})
    snapshot = till.events()[-1]
    assert (snapshot["type"], snapshot["orders"]) == ("snapshot", [placed["orderId"]])


async def test_a_key_that_was_revoked_and_a_cursor_that_was_hurt_end_a_node_till_with_their_names(
    town: Cluster, corner: Shop, tmp_path: Path
) -> None:
    placed = await orders(corner, 1)
    till = Till(town, corner, tmp_path)
    assert (await till.run(last=placed[-1]))["error"] is None
    content = (tmp_path / "cursor").read_text()
    (tmp_path / "cursor").write_text(content.replace(placed[-1], "1-9999"))
    assert (await till.run(last="never"))["error"] == "CursorDamaged"
    (tmp_path / "cursor").write_text(content)
    path = corner.path(f"terminals/{corner.terminals[0].terminal_id}")
    assert (await corner.http.delete(path, headers=bearer(corner.operator_key))).status_code == 204
    for door in ("websocket", "sse", "poll"):
        told = await till.run(last="never", wishes={"doors": [door]})
        assert (told["error"], told["state"]) == ("Revoked", "revoked")
