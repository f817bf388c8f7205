"""The content of a tenant's Redis stream, read with nothing of ours but its name."""

from typing import Any

from redis.asyncio import Redis

from backbone.eventlog.keys import stream_key


async def stream_entries(redis_url: str, tenant: str) -> list[tuple[str, bytes]]:
    """Return the entries' IDs and payloads, oldest first."""
    async with Redis.from_url(redis_url) as redis:
        entries: Any = await redis.xrange(stream_key(tenant))
    return [(entry_id.decode(), fields[b"p"]) for entry_id, fields in entries]
