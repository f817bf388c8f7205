"""A cursor: whatever the ring holds, the way to the head is the exact run of its types, or says what it lacks."""

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from backbone.contract.event import Event, EventType
from backbone.contract.event_filter import EVERYTHING, EventFilter
from backbone.contract.offset import Offset
from gateway.core.cursor import WEBSOCKET_FRAME, AtHead, Fetch, Portions, Skip, Write, next_step, pack
from gateway.core.tenant_log import Outcome, TenantLog, entry_of

TYPES = [member.value for member in EventType]
STATIONS, CATEGORIES = ("bar", "grill", "pass"), ("hot", "cold")


def some(names: Sequence[str]) -> st.SearchStrategy[frozenset[str] | None]:
    return st.none() | st.frozensets(st.sampled_from(names), min_size=1)


FILTERS = st.just(EVERYTHING) | st.builds(EventFilter, some(TYPES), some(STATIONS), some(CATEGORIES))


def event_of(seq: int, epoch: int = 1) -> Event:
    return Event(
        Offset(epoch, seq), TYPES[seq % len(TYPES)], 0, b"%d-%d " % (epoch, seq) + b"x" * (seq * 7 % 50),
        frozenset(STATIONS[: seq % 3]), frozenset(CATEGORIES[seq % 4 : seq % 4 + 1]),
    )  # fmt: skip


def log_of(floor: int, start: int, events: int, ring: int) -> TenantLog:
    log = TenantLog(Offset(1, start), Offset(1, floor), max_events=ring)
    for seq in range(start + 1, start + events + 1):
        assert log.receive(event_of(seq))[0] is Outcome.APPENDED
    return log


LOGS = st.builds(
    lambda floor, more, events, ring: log_of(floor, floor + more, events, ring),
    st.integers(0, 5),
    st.integers(0, 5),
    st.integers(0, 40),
    st.integers(1, 50),
)


@given(LOGS, st.integers(0, 60), FILTERS, st.integers(1, 400))
def test_steps_lead_from_any_position_to_the_head_by_the_exact_run(
    log: TenantLog, position: int, filter_: EventFilter, max_bytes: int
) -> None:
    start, sent = max(position, log.floor.seq), b""
    while not isinstance(step := next_step(position, log, filter_, max_bytes), AtHead):
        match step:
            case Skip():
                assert position < log.floor.seq == step.position
                position = step.position
            case Fetch():
                # The log of record brings it as far as the ring reaches.
                assert position < log.ring_start
                position = start = log.ring_start
                sent = b""
            case Write():
                assert position < step.position <= log.head_seq
                position = step.position
                sent += step.data
    expected = [
        entry_of(event_of(seq)).frame
        for seq in range(start + 1, log.head_seq + 1)
        if filter_.takes(event_of(seq))
    ]
    assert position >= log.head_seq
    assert sent == b"".join(expected)


@given(LOGS, st.lists(st.tuples(st.integers(0, 50), FILTERS), max_size=20), st.integers(1, 400))
def test_a_shared_portion_is_what_a_cursor_alone_would_have_got(
    log: TenantLog, asked: list[tuple[int, EventFilter]], max_bytes: int
) -> None:
    portions = Portions(log, max_bytes)
    for position, filter_ in asked:
        if position > log.head_seq:
            continue
        first = portions.after(position, filter_, WEBSOCKET_FRAME)
        assert portions.after(position, filter_, WEBSOCKET_FRAME) is first
        alone = next_step(max(position, log.floor.seq), log, filter_, max_bytes)
        if first is None:
            assert position < log.ring_start
        elif position >= log.floor.seq and isinstance(alone, Write):
            assert first == alone
        portions.forget()
        assert portions.after(position, filter_, WEBSOCKET_FRAME) == first


@given(st.integers(0, 5), st.integers(0, 20), st.data(), st.integers(1, 3))
def test_a_portion_of_a_history_that_is_no_more_is_never_handed_out(
    floor: int, events: int, data: st.DataObject, more: int
) -> None:
    log = log_of(floor, floor, events, ring=100)
    portions = Portions(log, 1 << 20)
    position = data.draw(st.integers(floor, log.head_seq))
    portions.after(position, EVERYTHING, WEBSOCKET_FRAME)
    head = log.head_seq
    shared = log.enter_epoch(Offset(2, head), log.floor, {1: 0, 2: position})
    for seq in range(shared + 1, head + more + 1):
        log.receive(event_of(seq, epoch=2))
    found = portions.after(shared, EVERYTHING, WEBSOCKET_FRAME)
    assert found is not None
    assert found.position == log.head_seq
    assert found.data == b"".join(
        entry_of(event_of(seq, epoch=2)).frame for seq in range(shared + 1, log.head_seq + 1)
    )


@given(st.integers(1, 30), st.integers(0, 30), st.integers(0, 30), st.integers(0, 30))
def test_a_page_that_begins_too_early_and_ends_too_late_repeats_nothing_and_runs_ahead_of_nothing(
    first: int, more: int, position: int, through: int
) -> None:
    page = [entry_of(event_of(seq)) for seq in range(first, first + more)]
    write = pack(page, position, through, EVERYTHING, 1 << 20)
    taken = [entry for entry in page if position < entry.seq <= through]
    assert write.data == b"".join(entry.frame for entry in taken)
    assert write.events == len(taken)
    assert write.position == (taken[-1].seq if taken else position)
