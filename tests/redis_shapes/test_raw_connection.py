"""A connection that redis-py made and that we read ourselves: whole messages, one end, whatever the way there."""

import asyncio
import random
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trustme
from redis.asyncio import Redis
from redis.asyncio.connection import AbstractConnection
from redis.exceptions import ConnectionError as LinkLost
from redis.exceptions import InvalidResponse, MovedError, ResponseError

from backbone.eventlog.live import LiveFeed
from backbone.eventlog.node import connect
from backbone.eventlog.raw_connection import RawConnection, Replies, pack, take_over
from backbone.eventlog.stream import Outcome, Stream
from backbone.eventlog.topology import Topology
from infra.local.valkey import Valkey
from tests.redis_shapes.test_feed import event, settings_of

pytestmark = pytest.mark.usefixtures("loop_in_debug_mode")

SECONDS = 10


@asynccontextmanager
async def link_to(url: str) -> AsyncIterator[tuple[Redis, AbstractConnection]]:
    client = connect(settings_of(url), url)
    try:
        yield client, client.connection_pool.make_connection()
    finally:
        await client.aclose()


@asynccontextmanager
async def wire_to(url: str, heard: Replies) -> AsyncIterator[RawConnection]:
    async with link_to(url) as (_, link):
        wire = await take_over(link, heard.extend)
        yield wire
        await wire.close()


@asynccontextmanager
async def tls_in_front_of(server: Valkey, folder: Path) -> AsyncIterator[str]:
    """Valkey without TLS, and somebody before it who has it; yields the URL's end."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(folder / "ca.pem")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)

    async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(1 << 16):
                writer.write(data)
        except OSError:
            pass
        finally:
            writer.close()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        inner_reader, inner_writer = await asyncio.open_connection("127.0.0.1", server.port)
        await asyncio.gather(carry(reader, inner_writer), carry(inner_reader, writer))

    relay = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
    port = relay.sockets[0].getsockname()[1]
    try:
        yield f"127.0.0.1:{port}/0?ssl_ca_certs={folder / 'ca.pem'}"
    finally:
        relay.close()


def message(number: int, size: int) -> bytes:
    body = b"%d " % number + b"x" * size
    return b">3\r\n$8\r\nsmessage\r\n$1\r\nc\r\n$%d\r\n%b\r\n" % (len(body), body)


async def test_messages_are_handed_over_whole_and_in_order_however_the_bytes_are_cut(valkey: Valkey) -> None:
    seed = random.randrange(1 << 30)
    print("seed", seed)
    chance = random.Random(seed)
    for _ in range(30):
        heard: Replies = []
        async with wire_to(valkey.url, heard) as wire:
            stream = b"".join(message(number, chance.choice((0, 5, 400, 70_000))) for number in range(20))
            while stream:
                cut = chance.choice((1, 2, 3, 100, 5_000, 100_000))
                wire.data_received(stream[:cut])
                stream = stream[cut:]
            assert [int(data.split()[0]) for _, _, data in heard] == list(range(20))


async def test_what_arrives_together_is_handed_over_together(valkey: Valkey) -> None:
    batches: list[Replies] = []
    async with link_to(valkey.url) as (_, link):
        wire = await take_over(link, batches.append)
        wire.write(pack(("PING",)) * 100)
        async with asyncio.timeout(SECONDS):
            while sum(map(len, batches)) < 100:
                await asyncio.sleep(0.01)
        assert len(batches) < 50
        await wire.close()


async def test_an_error_of_a_command_is_a_value_and_moved_says_whereto(valkey: Valkey) -> None:
    heard: Replies = []
    async with wire_to(valkey.url, heard) as wire:
        wire.write(pack(("NO-SUCH-COMMAND",)) + pack(("PING",)))
        async with asyncio.timeout(SECONDS):
            while len(heard) < 2:
                await asyncio.sleep(0.01)
        wire.data_received(b"-MOVED 866 10.0.0.7:7002\r\n")
        assert isinstance(heard[0], ResponseError)
        assert heard[1] == b"PONG"
        assert isinstance(heard[2], MovedError)
        assert (heard[2].slot_id, heard[2].host, heard[2].port) == (866, "10.0.0.7", 7002)
        assert wire.open


async def test_a_peer_that_breaks_the_protocol_is_left(valkey: Valkey) -> None:
    heard: Replies = []
    async with wire_to(valkey.url, heard) as wire:
        wire.data_received(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        assert isinstance(wire.ended.exception(), InvalidResponse)


async def test_a_bug_in_who_is_told_ends_the_wire_is_said_and_nothing_is_handed_over_after_it(
    valkey: Valkey,
) -> None:
    told: list[Replies] = []

    def tell(replies: Replies) -> None:
        told.append(replies)
        raise ZeroDivisionError

    async with link_to(valkey.url) as (_, link):
        wire = await take_over(link, tell)
        wire.data_received(message(1, 0))
        wire.data_received(message(2, 0))
        assert isinstance(wire.ended.exception(), ZeroDivisionError)
        assert len(told) == 1
        await wire.close()


async def test_a_connection_that_ended_before_it_was_taken_over_is_refused(valkey: Valkey) -> None:
    # The end was told to the reader that the library had; nobody would tell it a second time.
    async with link_to(valkey.url) as (client, link):
        await link.connect()
        await link.send_command("CLIENT", "ID")
        mine = await link.read_response()
        assert await client.execute_command("CLIENT", "KILL", "ID", mine) == 1
        async with asyncio.timeout(SECONDS):
            while not await link.can_read():
                await asyncio.sleep(0.01)
        with pytest.raises(LinkLost):
            await take_over(link, lambda _: None)


async def test_a_cut_connection_is_at_its_end_at_once(valkey: Valkey) -> None:
    heard: Replies = []
    async with wire_to(valkey.url, heard) as wire, link_to(valkey.url) as (client, _):
        wire.write(pack(("CLIENT", "ID")))
        async with asyncio.timeout(SECONDS):
            while not heard:
                await asyncio.sleep(0.01)
            assert await client.execute_command("CLIENT", "KILL", "ID", heard[0]) == 1
            await asyncio.wait([wire.ended])
        assert isinstance(wire.ended.exception(), OSError | LinkLost)


async def test_through_tls_with_a_user_and_a_password_everything_is_heard_and_published(
    tmp_path: Path,
) -> None:
    server = Valkey(options=["--user", "till", "on", ">geheim", "~bellwire:*", "&bellwire:*", "+@all"])
    server.start()
    try:
        async with tls_in_front_of(server, tmp_path) as place:
            # A quarter of a second is little for a handshake on a busy machine.
            settings = settings_of(f"rediss://till:geheim@{place}").model_copy(
                update={"redis_timeout_seconds": 5}
            )
            heard: list[int] = []
            stream = Stream(settings)
            feed = LiveFeed(
                settings, stream.topology, lambda _, found: heard.append(found.offset.seq), lambda _: None
            )
            running = asyncio.create_task(feed.run())
            feed.want("tls")
            async with asyncio.timeout(SECONDS):
                while feed.unheard():
                    await asyncio.sleep(0.01)
                batch = [("tls", event(seq)) for seq in range(1, 101)]
                assert await stream.publish(batch) == {Outcome.OK: 100}
                while len(heard) < 100:
                    await asyncio.sleep(0.01)
            assert heard == list(range(1, 101))
            await stream.close()
            running.cancel()
            await asyncio.wait([running], timeout=SECONDS)
    finally:
        server.stop()


async def test_a_user_who_may_not_hear_a_tenant_is_not_believed_to_hear_it(
    caplog: pytest.LogCaptureFixture,
) -> None:
    server = Valkey(options=["--user", "deaf", "on", ">geheim", "~*", "&bellwire:{canary*", "+@all"])
    server.start()
    try:
        settings = settings_of(f"redis://deaf:geheim@127.0.0.1:{server.port}/0")
        feed = LiveFeed(settings, Topology(settings), lambda *_: None, lambda _: None)
        running = asyncio.create_task(feed.run())
        async with asyncio.timeout(SECONDS):
            while not feed.trusted:
                await asyncio.sleep(0.01)
            feed.want("kitchen")
            while not any(record.message == "live.lost" for record in caplog.records):
                await asyncio.sleep(0.01)
        assert feed.unheard() == {"kitchen"}
        running.cancel()
        await asyncio.wait([running], timeout=SECONDS)
    finally:
        server.stop()
