"""A log whose tenant forgot a customer believes no cache of before, and holds nothing of it; whatever came when."""

from hypothesis import given
from hypothesis import strategies as st

from backbone.contract.erasure import Erasure
from backbone.contract.event import Event
from backbone.contract.offset import Offset
from gateway.core.tenant_log import TenantLog


def log_of(events: int, epoch: int = 1, **more: object) -> TenantLog:
    log = TenantLog(Offset(epoch, 0), Offset(epoch, 0), {1: 0}, **more)  # type: ignore[arg-type]
    for seq in range(1, events + 1):
        log.receive(Event(Offset(epoch, seq), "new_order", 0, b"{}"))
    return log


@given(st.integers(0, 20), st.lists(st.integers(0, 25), max_size=4), st.integers(1, 30))
def test_nothing_up_to_an_erasure_is_held_or_believed_and_everything_behind_it_is(
    events: int, erasures: list[int], asked: int
) -> None:
    log, through = log_of(events), 0
    for times, seq in enumerate(erasures, 1):
        through = max(through, seq)
        edition = log.edition
        log.forget(Erasure(times, through))
        # Pages of before are of no use, also where nothing was written in between.
        assert log.edition != edition
        again = log.edition
        log.forget(Erasure(times, through))
        assert log.edition == again
    assert log.head_seq == events
    assert log.ring_start == max(0, min(through, events))
    assert [entry.seq for entry in log.entries_after(log.ring_start) or ()] == list(
        range(log.ring_start + 1, events + 1)
    )
    assert log.believes(Offset(1, asked)) is (asked > through)


def test_an_event_of_a_history_that_is_over_is_not_believed_though_it_was_true_once() -> None:
    log = log_of(9)
    log.forget(Erasure(1, 3))
    log.enter_epoch(Offset(2, 6), Offset(1, 0), {1: 0, 2: 5})
    believed = {
        (epoch, seq) for epoch in (1, 2, 3) for seq in range(1, 12) if log.believes(Offset(epoch, seq))
    }
    assert believed == {(1, 4), (1, 5), *((2, seq) for seq in range(4, 12))}
    # The database that was restored may have forgotten that it forgot; told anew, it is news.
    edition = log.edition
    log.forget(Erasure(1, 3))
    assert log.edition != edition
