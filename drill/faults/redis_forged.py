"""Somebody who is no pod writes into a live channel of Redis."""

from collections.abc import Iterator
from contextlib import contextmanager

from drill.fault import Fault
from drill.place import Place


@contextmanager
def broken(place: Place) -> Iterator[None]:
    shop = place.traffic.shops[0].slug
    for _ in range(3):
        place.valkey.say("SPUBLISH", f"bellwire:{{{shop}}}:signed", '{"type":"new_order","offset":"1-1"}')
    yield


FAULT = Fault(
    "redis-forged",
    "three messages that no pod signed are put into a shop's channel",
    broken,
    fires=("BellwireRedisForged",),
)
