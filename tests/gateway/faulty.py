"""Logs with a fault planted in them: a test of the log is worth something only if it finds these."""

from typing import Any

from backbone.contract.event import Event
from backbone.contract.offset import Offset
from gateway.core.tenant_log import Entry, Outcome, TenantLog


class NoGapCheck(TenantLog):
    """Takes whatever is newer than the head."""

    def receive(self, event: Event) -> tuple[Outcome, list[Entry]]:
        if event.offset.epoch == self.epoch and event.offset.seq > self.head_seq + 1:
            self.head_seq = event.offset.seq - 1
            self._ring.clear()
        return super().receive(event)


class NoEpochCheck(TenantLog):
    """Believes that only the number matters."""

    def receive(self, event: Event) -> tuple[Outcome, list[Entry]]:
        offset = Offset(self.epoch, event.offset.seq)
        return super().receive(Event(offset, event.type, event.committed_ms, event.payload))


class NewestForkOnly(TenantLog):
    """Forgets what earlier forks cut off."""

    def shared_seq(self, epoch: int) -> int | None:
        later = {forked: fork for forked, fork in self.forks.items() if forked > epoch}
        if epoch == self.epoch or not later:
            return super().shared_seq(epoch)
        return later[max(later)]

    def _shared_with(self, epoch: int, newest: int) -> int | None:
        later = {forked: fork for forked, fork in self.forks.items() if forked > epoch}
        return later[max(later)] if later else super()._shared_with(epoch, newest)


class RingIgnoresItsStart(TenantLog):
    """Serves from the ring whatever it has, from wherever the cursor stands."""

    def entries_after(self, seq: int) -> Any:
        return super().entries_after(max(seq, self.ring_start))
