"""Which server has which slot, as far as is known. Pure.

One server or one primary is the same map with one owner of everything: nothing else has to tell shapes apart.
"""

import functools
from collections.abc import Iterable
from dataclasses import dataclass

from redis.crc import key_slot

from backbone.runtime.redis_url import Address

SLOTS = 16384


@functools.lru_cache(maxsize=10_000)
def slot_of(name: str) -> int:
    """The cluster slot of a key or a sharded channel."""
    return key_slot(name.encode())


@dataclass(frozen=True, slots=True)
class SlotMap:
    """The owner of each slot; None where it is not known."""

    owners: tuple[Address | None, ...]

    @classmethod
    def of_one(cls, address: Address) -> "SlotMap":
        """Everything is there."""
        return cls((address,) * SLOTS)

    @classmethod
    def of_ranges(cls, ranges: Iterable[tuple[int, int, Address]]) -> "SlotMap":
        """From `(first slot, last slot, owner)`."""
        owners: list[Address | None] = [None] * SLOTS
        for first, last, address in ranges:
            owners[first : last + 1] = [address] * (last + 1 - first)
        return cls(tuple(owners))

    @property
    def servers(self) -> frozenset[Address]:
        """The servers that have a slot."""
        return frozenset(owner for owner in set(self.owners) if owner is not None)

    def owner(self, name: str) -> Address | None:
        """The server that has this key or channel."""
        return self.owners[slot_of(name)]

    def moved(self, slot: int, address: Address) -> "SlotMap":
        """The map with another owner of one slot."""
        if self.owners[slot] == address:
            return self
        return SlotMap((*self.owners[:slot], address, *self.owners[slot + 1 :]))


NOTHING_KNOWN = SlotMap((None,) * SLOTS)
