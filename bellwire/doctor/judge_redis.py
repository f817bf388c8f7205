"""Whether a Redis or Valkey serves a cluster well. Pure: facts in, findings out.

Nothing is lost whatever Redis does; what is wrong here makes events late.
"""

from collections.abc import Iterator, Sequence
from itertools import pairwise

from backbone.eventlog.redis_facts import RedisFacts
from bellwire.doctor.finding import Finding, ok, warning, wrong

OLDEST_VERSION = (7, 0)
SKEW_SECONDS = 1.0
SLOW_TRIP_SECONDS = 0.005
FULL = 0.8
BUFFER_BYTES = 8 << 20


def judge_redis(servers: Sequence[RedisFacts]) -> Iterator[Finding]:
    """Tell everything about each server."""
    if not servers:
        yield wrong(
            "Redis",
            "no Sentinel, or no node of the cluster, says where its data are",
            "see that the servers run that BELLWIRE_REDIS_URL names; until then events come about a second late",
        )
    for facts in servers:
        yield from _judge(facts, f"Redis {facts.address}")


def _judge(facts: RedisFacts, subject: str) -> Iterator[Finding]:
    if facts.trouble is not None:
        yield wrong(
            subject, facts.trouble, "no order is lost, but events come about a second late: bring it back"
        )
        return
    yield _version(facts, subject)
    if facts.info.get("role") == "slave":
        yield wrong(
            subject,
            "is a replica and takes no writes",
            "let BELLWIRE_REDIS_URL name the primary, or the Sentinels",
        )
    if facts.cluster_state not in (None, "ok"):
        yield wrong(
            subject, f"the cluster's state is {facts.cluster_state}", "see `CLUSTER INFO` and `CLUSTER NODES`"
        )
    if abs(facts.skew_seconds) > SKEW_SECONDS + facts.trip_seconds:
        yield warning(
            subject,
            f"its clock differs from this one by {abs(facts.skew_seconds):.1f} s",
            "let chrony or ntpd set both",
        )
    text = f"a round trip takes {facts.trip_seconds * 1000:.1f} ms"
    slow = facts.trip_seconds > SLOW_TRIP_SECONDS
    yield (
        warning(subject, text, "put it beside the pods, and look for `SLOWLOG GET`")
        if slow
        else ok(subject, text)
    )
    yield from _memory(facts, subject)


def _version(facts: RedisFacts, subject: str) -> Finding:
    name = "Valkey" if "valkey_version" in facts.info else "Redis"
    text = str(facts.info.get("redis_version", "0.0"))
    numbers = tuple(int(part) for part in text.split(".")[:2] if part.isdecimal())
    if numbers < OLDEST_VERSION:
        return wrong(
            subject, f"is version {text}, without sharded channels", "run Redis 7 or Valkey 7.2, or later"
        )
    return ok(subject, f"answers, {name} {facts.info.get('valkey_version', text)}")


def _memory(facts: RedisFacts, subject: str) -> Iterator[Finding]:
    used, limit = int(facts.info.get("used_memory", 0)), int(facts.info.get("maxmemory", 0))
    policy = str(facts.info.get("maxmemory_policy", ""))
    if limit == 0:
        yield warning(
            subject,
            "maxmemory is not set: it grows until the kernel kills it",
            "set maxmemory to three quarters of its memory",
        )
    elif used > FULL * limit:
        yield warning(
            subject,
            f"{used >> 20} of {limit >> 20} MB are used",
            "raise maxmemory, or lower BELLWIRE_STREAM_EVENTS",
        )
    else:
        yield ok(subject, f"{used >> 20} of {limit >> 20} MB are used")
    if policy != "noeviction":
        yield warning(
            subject,
            f"maxmemory-policy is {policy or 'unknown'}: streams vanish when it is full, and PostgreSQL replays",
            "set maxmemory-policy noeviction: streams have an end of their own",
        )
    if facts.settings is None:
        yield warning(
            subject,
            "it forbids CONFIG, so its output buffers cannot be seen",
            "see that client-output-buffer-limit pubsub is 8mb or more",
        )
        return
    hard = _pubsub_limit(facts.settings.get("client-output-buffer-limit", ""))
    if hard is not None and 0 < hard < BUFFER_BYTES:
        yield warning(
            subject,
            f"a subscriber's output buffer ends at {hard} bytes: a burst cuts gateways off",
            'set client-output-buffer-limit "pubsub 33554432 8388608 60"',
        )


def _pubsub_limit(text: str) -> int | None:
    """Read the hard limit of subscribers from `normal 0 0 0 … pubsub 33554432 8388608 60`."""
    words = text.split()
    for name, hard in pairwise(words):
        if name == "pubsub" and hard.isdecimal():
            return int(hard)
    return None
