"""One line to one server: each gets their own answers, and a line on which somebody waited in vain is left."""

import asyncio
import os
import random
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import pytest

from backbone.contract.errors import Unavailable
from backbone.contract.offset import Offset
from backbone.eventlog.keys import stream_key
from backbone.eventlog.node import Node, connect
from backbone.eventlog.raw_connection import pack
from backbone.eventlog.stream import Outcome, Stream
from infra.local.valkey import Valkey
from tests.redis_shapes.test_feed import event, settings_of

pytestmark = pytest.mark.usefixtures("loop_in_debug_mode")

SECONDS = 10


@pytest.fixture
def own() -> Iterator[Valkey]:
    """A server that the test may break."""
    server = Valkey()
    server.start()
    yield server
    server.stop()


@asynccontextmanager
async def node_at(server: Valkey) -> AsyncIterator[Node]:
    node = Node(settings_of(server.url), server.url, "node", lambda: None)
    try:
        yield node
    finally:
        await node.close()


async def until_it_answers(node: Node) -> None:
    async with asyncio.timeout(SECONDS):
        while True:
            try:
                await node.run([("PING",)])
            except Unavailable:
                await asyncio.sleep(0.05)
            else:
                return


async def test_whoever_asks_at_once_with_others_gets_their_own_answers_though_some_give_up(
    valkey: Valkey,
) -> None:
    seed = random.randrange(1 << 30)
    print("seed", seed)
    chance = random.Random(seed)
    loop = asyncio.get_running_loop()
    async with node_at(valkey) as node:

        async def ask(name: str) -> int:
            words = [f"{name}-{number}" for number in range(chance.choice((1, 2, 50)))]
            await asyncio.sleep(chance.uniform(0, 0.01))
            answers = await node.run([("ECHO", word) for word in words], loop.time() + SECONDS)
            assert [answer.decode() for answer in answers] == words
            return len(answers)

        for turn in range(20):
            tasks = [asyncio.create_task(ask(f"{turn}-{number}")) for number in range(30)]
            await asyncio.sleep(chance.uniform(0, 0.008))
            for task in chance.sample(tasks, 10):
                task.cancel()
            found = await asyncio.gather(*tasks, return_exceptions=True)
            assert sum(isinstance(answer, int) for answer in found) >= 20
            assert all(isinstance(answer, int | asyncio.CancelledError) for answer in found), found


async def test_an_answer_that_comes_too_late_is_nobodys(own: Valkey) -> None:
    loop = asyncio.get_running_loop()
    async with node_at(own) as node:
        await node.run([("PING",)])
        for _ in range(3):
            os.kill(own.pid, signal.SIGSTOP)
            try:
                with pytest.raises(Unavailable):
                    await node.run([("ECHO", "too late")], loop.time() + 0.1)
            finally:
                os.kill(own.pid, signal.SIGCONT)
            await until_it_answers(node)
            assert await node.run([("ECHO", "mine")], loop.time() + SECONDS) == [b"mine"]


async def test_a_connection_that_was_swallowed_on_its_way_is_left_for_a_new_one(own: Valkey) -> None:
    # As when a firewall forgets a connection: the server is well, this one connection is not, and nobody says so.
    swallowed: set[int] = set()
    lost: list[bytes] = []
    connections = 0

    async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int) -> None:
        try:
            while data := await reader.read(1 << 16):
                if number in swallowed:
                    lost.append(data)
                else:
                    writer.write(data)
        except OSError:
            pass
        finally:
            writer.close()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        number = connections
        inner_reader, inner_writer = await asyncio.open_connection("127.0.0.1", own.port)
        await asyncio.gather(carry(reader, inner_writer, number), carry(inner_reader, writer, number))

    relay = await asyncio.start_server(serve, "127.0.0.1", 0)
    url = f"redis://127.0.0.1:{relay.sockets[0].getsockname()[1]}/0"
    node = Node(settings_of(url), url, "node", lambda: None)
    await node.run([("PING",)])
    swallowed.add(1)
    with pytest.raises(Unavailable):
        await node.run([("PING",)])
    await until_it_answers(node)
    assert connections > 1
    assert lost == [pack(("PING",))], "it was asked again over the one that does not answer"
    await node.close()
    relay.close()


async def test_a_server_started_anew_in_a_quiet_moment_costs_no_call(own: Valkey) -> None:
    async with node_at(own) as node:
        await node.run([("PING",)])
        await asyncio.to_thread(own.restart)
        # The next caller finds the end of the old connection known already.
        await asyncio.sleep(0.1)
        assert await node.run([("PING",)], asyncio.get_running_loop().time() + SECONDS) == [b"PONG"]


async def test_calls_under_way_fail_when_the_node_is_closed_and_later_ones_too(own: Valkey) -> None:
    node = Node(settings_of(own.url), own.url, "node", lambda: None)
    await node.run([("PING",)])
    until = asyncio.get_running_loop().time() + 3 * SECONDS
    waiting = asyncio.create_task(node.run([("BLPOP", "nothing", "0")], until))
    await asyncio.sleep(0.05)
    await node.close()
    done, _ = await asyncio.wait([waiting], timeout=SECONDS)
    assert done
    assert isinstance(waiting.exception(), Unavailable)
    with pytest.raises(Unavailable):
        await node.run([("PING",)])


async def test_what_is_published_is_bounded_expires_and_is_refused_a_second_time(own: Valkey) -> None:
    settings = settings_of(own.url).model_copy(
        update={"stream_events": 100, "stream_seconds": 777, "redis_timeout_seconds": 5}
    )
    stream = Stream(settings)
    batch = [("kitchen", event(seq)) for seq in range(1, 1001)]
    assert await stream.publish(batch) == {Outcome.OK: 1000}
    assert await stream.publish(batch[-10:]) == {Outcome.STALE: 10}
    client = connect(settings, own.url)
    assert 100 <= await client.xlen(stream_key("kitchen")) <= 220
    assert 700 < await client.ttl(stream_key("kitchen")) <= 777
    await client.config_set("maxmemory", "1")
    assert await stream.publish([("kitchen", event(1001))]) == {Outcome.FAILED: 1}
    run = await stream.read("kitchen", Offset(1, 990), Offset(1, 1000), 100)
    assert run == tuple(found for _, found in batch[990:])
    await client.aclose()
    await stream.close()
