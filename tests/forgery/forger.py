"""A process that writes to Redis what no pod wrote: everything that can be made without the secret.

    python -m tests.forgery.forger REDIS_URL TENANT OTHER_TENANT TRIES SEED

Hears all channels of both tenants and reads their streams, so it knows every true message with its signature. Prints,
as JSON, how many tries of each kind it made. All that it makes up holds the word FORGED.
"""

import asyncio
import json
import random
import secrets
import sys
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

from redis.asyncio import Redis

from backbone.contract.event import encode_event
from backbone.contract.offset import Offset
from backbone.contract.signature import Signatures
from backbone.eventlog.keys import live_channel, signed_channel, stream_key

PAUSE_SECONDS = 0.0002
STREAM_EVERY = 5
"""A stream is written anew at one try in so many; it is a slow thing to do."""
KEPT = 200

Entry = tuple[str, dict[bytes, bytes]]


class Forger:
    """Its knowledge, and its tries."""

    def __init__(self, redis: Any, tenant: str, other: str, chance: random.Random) -> None:
        self._redis = redis
        self._tenant = tenant
        self._other = other
        self._chance = chance
        self._mine = Signatures(secrets.token_urlsafe(32))
        self.heard: dict[str, list[bytes]] = {tenant: [], other: []}
        self._known: set[bytes] = set()
        self.stream: list[Entry] = []
        self.others_stream: list[Entry] = []
        self.tried: Counter[str] = Counter()
        self._ways: dict[str, Callable[[], tuple[bytes, bytes]]] = {
            "made up": self._made_up, "made up, signed by a stranger": self._strangers,
            "true signature, other bytes": self._stolen, "relabelled": self._relabelled,
            "rewritten": self._rewritten, "other type": self._other_type, "old": self._old,
            "other tenant's": self._others, "later": self._later, "junk": self._junk,
        }  # fmt: skip

    def hear(self, message: dict[str, Any]) -> None:
        tenant = self._other if f"{{{self._other}}}" in message["channel"].decode() else self._tenant
        # Its own words come back to it; only what a pod signed is worth something.
        if message["data"] not in self._known and b":signed" in message["channel"]:
            self._known.add(message["data"])
            self.heard[tenant] = [*self.heard[tenant][-KEPT:], message["data"]]

    async def attempt(self) -> None:
        """One try."""
        if self.stream and self._chance.randrange(STREAM_EVERY) == 0:
            await self._rewrite_stream()
            return
        kind = self._chance.choice([*self._ways])
        signature, live = self._ways[kind]()
        # On the channel of old pods, too: who hears that one believes it.
        channel, data = self._chance.choice(
            [(signed_channel, signature + b" " + live), (signed_channel, live), (live_channel, live)]
        )
        self._known.add(data)
        await self._redis.execute_command("SPUBLISH", channel(self._tenant), data)
        self.tried[f"live: {kind}"] += 1

    # -- messages: a signature, and a live message --------------------------------------------------------------------

    def _next(self) -> Offset:
        known = self.heard[self._tenant]
        if not known:
            return Offset(1, 1)
        epoch, seq = known[-1].split(b" ")[1].split(b"-")
        return Offset(int(epoch), int(seq) + self._chance.choice((1, 1, 1, 2, 3)))

    def _live(self, offset: Offset, type_: str = "new_order") -> bytes:
        now = int(time.time() * 1000)
        payload = encode_event(self._tenant, offset, type_, now, b'{"customerName":"FORGED","orderId":"0"}')
        return b"%b %b %d %b" % (str(offset).encode(), type_.encode(), now, payload)

    def _true(self) -> tuple[bytes, bytes]:
        if not self.heard[self._tenant]:
            return b"0" * 32, self._live(Offset(1, 1))
        signature, _, live = self._chance.choice(self.heard[self._tenant]).partition(b" ")
        return signature, live

    def _made_up(self) -> tuple[bytes, bytes]:
        return secrets.token_hex(16).encode(), self._live(self._next())

    def _strangers(self) -> tuple[bytes, bytes]:
        live = self._live(self._next())
        return self._mine.sign(self._tenant, live), live

    def _stolen(self) -> tuple[bytes, bytes]:
        return self._true()[0], self._live(self._next())

    def _relabelled(self) -> tuple[bytes, bytes]:
        signature, live = self._true()
        return signature, str(self._next()).encode() + live[live.index(b" ") :]

    def _rewritten(self) -> tuple[bytes, bytes]:
        signature, live = self._true()
        return signature, live.replace(b"Guest", b"FORGED")

    def _other_type(self) -> tuple[bytes, bytes]:
        signature, live = self._true()
        return signature, live.replace(b" new_order ", b" order_updated ", 1)

    def _old(self) -> tuple[bytes, bytes]:
        return self._true()

    def _others(self) -> tuple[bytes, bytes]:
        if not self.heard[self._other]:
            return self._made_up()
        signature, _, live = self._chance.choice(self.heard[self._other]).partition(b" ")
        return signature, live

    def _later(self) -> tuple[bytes, bytes]:
        offset = self._chance.choice((Offset(1, 10**9), Offset(2, 1), Offset(9, 10**6)))
        return secrets.token_hex(16).encode(), self._live(offset)

    def _junk(self) -> tuple[bytes, bytes]:
        return secrets.token_bytes(self._chance.randrange(40)), b"FORGED" + secrets.token_bytes(50)

    # -- the stream ---------------------------------------------------------------------------------------------------

    async def _rewrite_stream(self) -> None:
        kind = self._chance.choice(
            ("made up", "rewritten", "relabelled", "unsigned", "other tenant's", "no entry", "old")
        )
        entries = [self._entry(kind, index, *entry) for index, entry in enumerate(self.stream)]
        key = stream_key(self._tenant)
        async with self._redis.pipeline(transaction=True) as pipe:
            pipe.delete(key)
            for entry_id, fields in entries:
                pipe.xadd(key, fields, id=entry_id)
            await pipe.execute(raise_on_error=False)
        self.tried[f"stream: {kind}"] += 1

    def _entry(self, kind: str, index: int, entry_id: str, fields: dict[bytes, bytes]) -> Entry:
        true = dict(fields)
        match kind:
            case "made up":
                true[b"p"] = (
                    b'{"type":"new_order","offset":"%b","data":{"customerName":"FORGED"}}' % entry_id.encode()
                )
            case "rewritten":
                true[b"p"] = true[b"p"].replace(b"Guest", b"FORGED")
            case "relabelled":
                true = dict(self.stream[(index + 1) % len(self.stream)][1])
            case "unsigned":
                true.pop(b"s", None)
                true[b"p"] = true[b"p"].replace(b"Guest", b"FORGED")
            case "other tenant's" if self.others_stream:
                true = dict(self.others_stream[index % len(self.others_stream)][1])
            case "no entry":
                true = {b"FORGED": b"1"}
        return entry_id, true

    async def look(self) -> None:
        """Read both streams, as long as they are true."""
        if not self.stream:
            for tenant, entries in ((self._tenant, self.stream), (self._other, self.others_stream)):
                found: Any = await self._redis.xrange(stream_key(tenant))
                entries += [(entry_id.decode(), fields) for entry_id, fields in found]


async def forge(url: str, tenant: str, other: str, tries: int, seed: int) -> Counter[str]:
    """Make so many tries, spread over everything there is."""
    async with Redis.from_url(url) as redis, redis.pubsub() as heard:
        forger = Forger(redis, tenant, other, random.Random(seed))
        for slug in (tenant, other):
            await heard.ssubscribe(signed_channel(slug))
            await heard.ssubscribe(live_channel(slug))
        await forger.look()
        print("ready", flush=True)
        for _ in range(tries):
            while (message := await heard.get_message(ignore_subscribe_messages=True, timeout=0)) is not None:
                if message["type"] == "smessage":
                    forger.hear(message)
            await forger.attempt()
            await asyncio.sleep(PAUSE_SECONDS)
        return forger.tried


if __name__ == "__main__":
    _url, _tenant, _other, _tries, _seed = sys.argv[1:]
    print(json.dumps(asyncio.run(forge(_url, _tenant, _other, int(_tries), int(_seed)))))
