"""Every server that can be had here is really subscribed and really delivers; what is counted is what arrived."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from benchmarks.fanout.backends import Backends
from benchmarks.fanout.contestants import Contestants, gather
from benchmarks.fanout.crowd import Crowd, build
from benchmarks.fanout.gateway import Gateway
from benchmarks.fanout.latency import measure_wait
from benchmarks.fanout.measure import broadcast_at, measure, measure_together
from benchmarks.fanout.placement import NOWHERE, Placement
from benchmarks.fanout.servers import QUIET, Piped

pytestmark = pytest.mark.long

SOCKETS = 12
SECONDS = 1.0
ALWAYS = ("C send() loop", "bellwire gateway", "websockets.broadcast", "Starlette send_text")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("fanout")


@pytest.fixture(scope="module")
async def backends() -> AsyncIterator[Backends]:
    found = Backends()
    yield found
    await found.stop()


@pytest.fixture(scope="module")
async def program(folder: Path) -> Path:
    return await build("loadclient", folder)


@pytest.fixture(scope="module")
async def contestants(folder: Path, backends: Backends) -> Contestants:
    return await gather(folder, backends, NOWHERE, patient=False)


@pytest.fixture(params=["ours", "all"])
def taking_part(request: pytest.FixtureRequest, contestants: Contestants) -> Contestants:
    """Our gateway and the limit alone, and then everybody."""
    return contestants if request.param == "all" else contestants.only([Gateway.name])


async def test_who_needs_nothing_but_python_and_a_compiler_always_takes_part(
    contestants: Contestants,
) -> None:
    assert set(ALWAYS) <= set(contestants.makers)


async def test_who_is_missing_is_named_with_the_reason(contestants: Contestants) -> None:
    for name in ("nchan", "Node ws", "Socket.IO", "picows", "Centrifugo"):
        takes_part = any(name in each for each in contestants.makers)
        assert takes_part or any(name in reason for reason in contestants.left_out), name


@pytest.mark.timeout(400)
async def test_every_server_delivers_every_event_to_every_socket(
    contestants: Contestants, program: Path
) -> None:
    for name, make in contestants.makers.items():
        phase = await measure(make(), program, SOCKETS, 10, 50.0)
        assert (phase.server, phase.complete) == (name, 10)
        assert 0 < phase.us_per_delivery < 100_000
        assert 0 < phase.last_p50_ms <= phase.last_p99_ms


async def test_all_at_once_every_server_has_its_own_crowd_and_its_own_time(
    contestants: Contestants, program: Path
) -> None:
    servers = [contestants.makers[name]() for name in ALWAYS]
    phases = await measure_together(servers, program, SOCKETS, 11, 20.0)
    assert [phase.server for phase in phases] == list(ALWAYS)
    assert [phase.complete for phase in phases] == [11] * len(ALWAYS)
    assert len({phase.us_per_delivery for phase in phases}) == len(ALWAYS)


@pytest.mark.timeout(400)
async def test_where_there_are_rooms_an_event_is_for_the_sockets_of_one(
    contestants: Contestants, program: Path
) -> None:
    knowing = contestants.with_rooms()
    assert set(knowing.makers) >= {"bellwire gateway"}
    assert all(
        name in " ".join(knowing.left_out) for name in contestants.makers if name not in knowing.makers
    )
    rooms = ["shop0", "shop1", "shop2", "shop3"]
    for name, make in knowing.makers.items():
        phase = await measure(make(), program, SOCKETS, 8, 50.0, rooms)
        assert (phase.server, phase.rooms, phase.complete) == (name, 4, 8)
        assert 0 < phase.us_per_delivery < 100_000


@pytest.mark.timeout(400)
async def test_a_quiet_tenant_hears_its_own_events_and_no_others(
    taking_part: Contestants, program: Path
) -> None:
    for name, make in taking_part.makers.items():
        server = make()
        if not server.rooms:
            continue
        try:
            seats = await server.start(SOCKETS)
            crowd = await Crowd.start(program, server.port, seats)
            quiet = await Crowd.start(program, server.port, await server.quiet_seats(3))
            assert (await crowd.ask("open"))["opened"] == SOCKETS
            assert (await quiet.ask("open"))["opened"] == 3
            # A server that answers a handshake before it has subscribed is given time; frames are counted from here.
            await asyncio.sleep(0.5)
            await broadcast_at(server, 50.0, 4)
            await broadcast_at(server, 50.0, 7, (QUIET,))
            assert (await crowd.events(4 * SOCKETS, 30))["events"] == 4 * SOCKETS, name
            assert (await quiet.events(7 * 3, 30))["events"] == 7 * 3, name
        finally:
            await crowd.stop()
            await quiet.stop()
            await server.stop()


async def test_waits_are_measured_for_the_crowd_and_for_the_quiet_tenant(
    contestants: Contestants, program: Path
) -> None:
    wait = await measure_wait(contestants.makers["bellwire gateway"](), program, SOCKETS, 10.0, SECONDS)
    assert wait.complete == wait.broadcasts == 10
    assert 0 < wait.last_p50_ms <= wait.last_p99_ms <= wait.last_max_ms
    assert wait.quiet_alone_p99_ms is not None
    assert wait.quiet_beside_p99_ms is not None


async def test_an_arrival_is_never_later_than_its_reading(contestants: Contestants, program: Path) -> None:
    server = contestants.makers["C send() loop"]()
    crowd = None
    try:
        seats = await server.start(SOCKETS)
        crowd = await Crowd.start(program, server.port, seats, arrivals=True)
        await crowd.ask("open")
        published = await broadcast_at(server, 50.0, 10)
        await crowd.events(10 * SOCKETS, 30)
        delays = await crowd.ask("delays")
        assert {at for at, _, _ in delays} == set(published)
        assert all(0 < arrived <= seen for _, seen, arrived in delays)
        # Were the stamps not the kernel's, both would be the same.
        assert any(arrived < seen for _, seen, arrived in delays)
    finally:
        if crowd is not None:
            await crowd.stop()
        await server.stop()


async def test_an_event_that_only_some_sockets_have_is_not_complete(
    contestants: Contestants, program: Path
) -> None:
    server = contestants.makers["bellwire gateway"]()
    crowd = None
    try:
        seats = [*await server.start(SOCKETS), *await server.quiet_seats(3)]
        crowd = await Crowd.start(program, server.port, seats)
        assert (await crowd.ask("open"))["opened"] == SOCKETS + 3
        await broadcast_at(server, 50.0, 1)
        report = await crowd.events(SOCKETS, 30)
        assert (report["events"], report["complete"]) == (SOCKETS, 0)
    finally:
        if crowd is not None:
            await crowd.stop()
        await server.stop()


async def test_a_socket_counts_as_open_only_when_it_was_welcomed(program: Path, folder: Path) -> None:
    server = Piped("C send() loop", await build("sendloop", folder))
    crowd = None
    try:
        seats = [f"{seat}\tat your service" for seat in await server.start(SOCKETS)]
        crowd = await Crowd.start(program, server.port, seats)
        opening = asyncio.create_task(crowd.ask("open"))
        await broadcast_at(server, 50.0, 25)
        assert not opening.done(), "frames without the word are no welcome, however many come"
        async with asyncio.timeout(60):
            # A socket that was still in its handshake hears it the next time.
            while not opening.done():
                await server.say("at your service")
                await asyncio.sleep(0.05)
        assert opening.result()["opened"] == SOCKETS
    finally:
        if crowd is not None:
            await crowd.stop()
        await server.stop()


async def test_a_server_goes_to_its_core_and_the_load_to_the_others() -> None:
    placement = Placement([4, 5, 6], "/usr/bin/taskset")
    assert placement.server("node", "x.js") == ["/usr/bin/taskset", "--cpu-list", "4", "node", "x.js"]
    assert "core 4" in placement.describe()
    assert "[5, 6]" in placement.describe()


@pytest.mark.parametrize("placement", [Placement([3], "/usr/bin/taskset"), Placement([0, 1], None)])
async def test_where_nothing_can_be_parted_everything_stays(placement: Placement) -> None:
    assert placement.server("node", "x.js") == ["node", "x.js"]
    assert "share" in placement.describe()


async def test_the_limit_ends_with_whoever_started_it(folder: Path) -> None:
    program = await build("sendloop", folder)
    process = await asyncio.create_subprocess_exec(
        program, "0", stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    assert process.stdin is not None
    process.stdin.close()
    assert await asyncio.wait_for(process.wait(), 30) == 0
