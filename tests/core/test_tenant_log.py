"""A gateway's part of a log: whatever arrives in whatever order, it is one run without a hole."""

from hypothesis import given
from hypothesis import strategies as st

from backbone.contract.event import Event
from backbone.contract.offset import BEGINNING, Offset
from gateway.core.tenant_log import Outcome, TenantLog

SEQS = st.integers(1, 30)
RUN = b"x" * 20


def event_of(seq: int, epoch: int = 1) -> Event:
    return Event(Offset(epoch, seq), "new_order", 0, b"%d-%d " % (epoch, seq) + RUN)


def held(log: TenantLog) -> list[int]:
    """The seqs in the ring, oldest first."""
    entries = log.entries_after(log.ring_start)
    assert entries is not None
    return [entry.seq for entry in entries]


def log_of(*seqs: int, max_events: int = 512, max_bytes: int = 1 << 20) -> TenantLog:
    log = TenantLog(Offset(1, 0), Offset(1, 0), {1: 0}, max_events=max_events, max_bytes=max_bytes)
    for seq in seqs:
        log.receive(event_of(seq))
    return log


@given(st.lists(SEQS, max_size=60))
def test_in_any_order_and_any_number_of_times_events_become_one_run(seqs: list[int]) -> None:
    log, came = log_of(), set[int]()
    for seq in seqs:
        before = log.head_seq
        outcome, new = log.receive(event_of(seq))
        came.add(seq)
        head = next(number for number in range(1, 40) if number not in came) - 1
        assert log.head_seq == head
        assert [entry.seq for entry in new] == list(range(before + 1, head + 1))
        expected = (
            Outcome.DUPLICATE if seq <= before else Outcome.GAP if seq > before + 1 else Outcome.APPENDED
        )
        assert outcome is expected
        assert log.known_head.seq == max(came)
        assert log.behind == (max(came) > head)
        assert log.head_to_compare == (BEGINNING if log.behind else log.head)
    assert held(log) == list(range(1, log.head_seq + 1))


@given(st.integers(1, 60), st.integers(1, 20), st.integers(30, 400), st.integers(0, 70))
def test_the_ring_stays_within_its_bounds_and_says_how_far_back_it_reaches(
    events: int, max_events: int, max_bytes: int, after: int
) -> None:
    log = log_of(*range(1, events + 1), max_events=max_events, max_bytes=max_bytes)
    ring = held(log)
    assert ring == list(range(events - len(ring) + 1, events + 1))
    assert 1 <= len(ring) <= max_events
    size = sum(len(entry.frame) for entry in log.entries_after(log.ring_start) or ())
    assert size <= max_bytes or len(ring) == 1
    found = log.entries_after(after)
    if after < log.ring_start:
        assert found is None
    else:
        assert found is not None
        assert [entry.seq for entry in found] == list(range(after + 1, events + 1))


@given(st.integers(1, 10), st.lists(st.integers(2, 300), min_size=1, max_size=100))
def test_events_that_came_early_take_bounded_room(max_events: int, seqs: list[int]) -> None:
    log = log_of(*seqs, max_events=max_events)
    _, new = log.receive(event_of(1))
    assert len(new) <= max_events + 1


@given(SEQS, SEQS, SEQS)
def test_a_rumour_is_known_until_postgresql_says_otherwise(events: int, rumour: int, head: int) -> None:
    log = log_of(*range(1, events + 1))
    log.learn(Offset(1, rumour))
    assert log.known_head == Offset(1, max(events, rumour))
    log.receive(event_of(events + 5))
    log.confirm(Offset(1, head))
    assert log.known_head == Offset(1, max(events, head))
    assert log.behind == (head > events)


@given(SEQS, st.integers(0, 40), st.lists(st.integers(0, 9), max_size=4))
def test_history_that_is_gone_is_passed_over_and_what_waited_behind_it_still_counts(
    events: int, floor: int, early: list[int]
) -> None:
    log = log_of(*range(1, events + 1), *(events + 2 + more for more in early))
    log.raise_floor(Offset(1, floor))
    assert log.floor == Offset(1, floor)
    assert log.head_seq == max(events, floor)
    assert log.known_head >= log.head
    assert all(seq > floor or floor <= events for seq in held(log))
    _, new = log.receive(event_of(log.head_seq + 1))
    assert new[0].seq == max(events, floor) + 1


@given(SEQS, st.integers(0, 30), st.integers(0, 30), st.integers(0, 10))
def test_a_fork_leaves_what_both_histories_share_and_nothing_else(
    events: int, fork: int, grown: int, floor: int
) -> None:
    log = log_of(*range(1, events + 1))
    fork = min(fork, events)
    floor = min(floor, fork)
    forks = {1: 0, 2: fork}
    shared = log.enter_epoch(Offset(2, fork + grown), Offset(2, floor), forks)
    assert shared == fork
    assert log.head == Offset(2, fork)
    assert held(log) == list(range(1, fork + 1))
    assert log.shared_seq(1) == fork
    assert log.shared_seq(2) == fork + grown
    assert log.shared_seq(7) is None
    # An event of the dead history counts where both histories share it, and is refused where they do not.
    for seq in range(1, events + 1):
        outcome, _ = log.receive(event_of(seq, epoch=1))
        assert outcome is (Outcome.DUPLICATE if seq <= fork else Outcome.STALE_EPOCH)
    assert log.receive(event_of(fork + 1, epoch=2))[0] is Outcome.APPENDED


@given(SEQS, SEQS, st.integers(0, 40))
def test_a_terminal_starts_within_what_is_known_and_is_told_of_a_reset_otherwise(
    events: int, rumour: int, after: int
) -> None:
    log = log_of(*range(1, events + 1))
    log.learn(Offset(1, rumour))
    start = log.start(Offset(1, after))
    assert start.resumed == (after <= max(events, rumour))
    assert start.position == (Offset(1, after) if start.resumed else log.head)


@given(SEQS)
def test_an_event_of_a_later_epoch_waits_until_the_epoch_is_entered(seq: int) -> None:
    log = log_of(1)
    assert log.receive(event_of(seq, epoch=2)) == (Outcome.NEW_EPOCH, [])
    assert log.head == Offset(1, 1)
    assert log.known_head == Offset(2, seq)
    assert log.behind
    assert log.shared_seq(1) == 1
