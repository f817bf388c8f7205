"""How long a tenant's events took from their commit to our sockets.

Compares two servers' clocks: the database's, which stamped the event, and ours. An event is observed once, however it
came: one that had to be fetched is a late one, not another kind of one.
"""

import time

from backbone.contract.slug import is_test_slug
from gateway import metrics
from gateway.core.tenant_log import TenantLog


class Latency:
    """The part of one tenant's log that was observed already: up to which seq it was sent."""

    __slots__ = ("_log", "_observe", "_sent")

    def __init__(self, tenant: str, log: TenantLog) -> None:
        self._observe = metrics.OBSERVE_DELIVERY[is_test_slug(tenant)]
        self._log = log
        self._sent = log.head_seq

    def observe_sent(self) -> None:
        """Every live session has been sent everything up to the head."""
        sent, self._sent = self._sent, self._log.head_seq
        now_ms = time.time() * 1000
        # An event older than the ring was no live event here.
        for entry in self._log.entries_after(max(sent, self._log.ring_start)) or ():
            self._observe(max(0.0, (now_ms - entry.committed_ms) / 1000))

    def pass_over(self) -> None:
        """The head moved without events: history before it is gone."""
        self._sent = self._log.head_seq

    def fork(self) -> None:
        """The log entered an epoch; the seqs behind what it shares come again."""
        self._sent = self._log.head_seq
