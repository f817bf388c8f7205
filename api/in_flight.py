"""The requests of each key that are under way in this pod, long polls among them: counted, and bounded.

A request is under way until its reader has taken the answer, so that one key cannot have answers without number wait
in memory. See `backbone.runtime.unsent` for the bytes of all of them.
"""

from collections.abc import MutableMapping
from typing import Any

from prometheus_client import Gauge

from api.metrics import LIMITED
from backbone.contract.errors import TooManyAtOnce
from backbone.runtime.single_write import SingleWrite

UNDER_WAY = Gauge(
    "bellwire_api_requests_under_way", "Requests with a valid key whose answer is not taken yet."
)
_SEAT = "bellwire.seat"
LIMITED.labels("at_once")


class InFlight:
    """The requests under way, by the hash of their key."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._count: dict[bytes, int] = {}
        self._all = 0
        UNDER_WAY.set_function(lambda: self._all)

    def enter(self, scope: MutableMapping[str, Any], key_hash: bytes) -> None:
        """Count a request. Raises TooManyAtOnce."""
        count = self._count.get(key_hash, 0)
        if count >= self._most:
            LIMITED.labels("at_once").inc()
            raise TooManyAtOnce(self._most)
        self._count[key_hash] = count + 1
        self._all += 1
        scope[_SEAT] = (self, key_hash)

    def leave(self, key_hash: bytes) -> None:
        """A request is over."""
        count = self._count.pop(key_hash) - 1
        self._all -= 1
        if count:
            self._count[key_hash] = count


def leave(scope: MutableMapping[str, Any]) -> None:
    """End the count of a request whose reader has taken the answer."""
    seat: tuple[InFlight, bytes] | None = scope.pop(_SEAT, None)
    if seat is not None:
        seat[0].leave(seat[1])


async def leave_when_taken(scope: MutableMapping[str, Any], writer: SingleWrite | None) -> None:
    """End the count of a request that was answered, once its reader has taken the answer or is gone."""
    seat: tuple[InFlight, bytes] | None = scope.pop(_SEAT, None)
    if seat is None:
        return
    try:
        if writer is not None:
            await writer.taken()
    finally:
        seat[0].leave(seat[1])
