"""Live cursors share finished bytes, and what is shared is what each of them would have got by itself."""

from dataclasses import dataclass

from hypothesis import given, settings
from hypothesis import strategies as st

from backbone.contract.event import Event
from backbone.contract.event_filter import EVERYTHING, EventFilter
from backbone.contract.offset import Offset
from gateway.core.cursor import Portions, Write, pack
from gateway.core.encoding import DEFLATED_WEBSOCKET, EVENT_STREAM, WEBSOCKET, Encoding
from gateway.core.tenant_log import TenantLog

FILTERS = (
    EVERYTHING,
    EventFilter(frozenset({"new_order"})),
    EventFilter(frozenset({"order_updated"})),
    EventFilter(stations=frozenset({"bar"})),
    EventFilter(stations=frozenset({"bar"}), categories=frozenset({"hot"})),
)
NAMES = (frozenset[str](), frozenset({"bar"}), frozenset({"grill", "hot"}))
MAX_BYTES = 600


@dataclass(frozen=True)
class Receive:
    """The next event of the log."""

    type: str


@dataclass(frozen=True)
class Fork:
    """A new epoch that shares all but the last few events; their seqs will stand for others."""

    lost: int


@dataclass(frozen=True)
class Ask:
    """A cursor `behind` the head."""

    behind: int
    filter: EventFilter
    encoding: Encoding


STEPS = st.one_of(
    st.builds(Receive, st.sampled_from(["new_order", "order_updated"])),
    st.builds(Fork, st.integers(0, 3)),
    st.just("forget"),
    st.builds(
        Ask,
        st.integers(0, 6),
        st.sampled_from(FILTERS),
        st.sampled_from([WEBSOCKET, DEFLATED_WEBSOCKET, EVENT_STREAM]),
    ),
)


def event(epoch: int, seq: int, kind: str, uid: int) -> Event:
    payload = b'{"type":"%s","offset":"%d-%d","uid":%d,"pad":"%s"}' % (
        kind.encode(), epoch, seq, uid, b"x" * 200,
    )  # fmt: skip
    return Event(Offset(epoch, seq), kind, 0, payload, NAMES[uid % 3], NAMES[uid % 2])


def fresh(log: TenantLog, position: int, ask: Ask) -> Write | None:
    entries = log.entries_after(position)
    return (
        None
        if entries is None
        else pack(entries, position, log.head_seq, ask.filter, MAX_BYTES, ask.encoding.event)
    )


@settings(max_examples=300)
@given(st.lists(STEPS, max_size=40))
def test_a_shared_portion_is_what_a_cursor_would_have_got_by_itself(steps: list[object]) -> None:
    log = TenantLog(Offset(1, 0), Offset(1, 0), max_events=4)
    portions = Portions(log, MAX_BYTES)
    for uid, step in enumerate(steps):
        match step:
            case Receive(kind):
                log.receive(event(log.epoch, log.head_seq + 1, kind, uid))
            case Fork(lost):
                shared = max(log.ring_start, log.head_seq - lost)
                forks = log.forks | {log.epoch + 1: shared}
                log.enter_epoch(Offset(log.epoch + 1, shared), log.floor, forks)
            case Ask(behind, filter_, encoding):
                position = max(0, log.head_seq - behind)
                assert portions.after(position, filter_, encoding.event) == fresh(log, position, step)
            case _:
                portions.forget()


def test_those_who_stand_at_one_position_get_the_very_same_bytes() -> None:
    log = TenantLog(Offset(1, 0), Offset(1, 0))
    log.receive(event(1, 1, "new_order", 1))
    log.receive(event(1, 2, "new_order", 2))
    portions = Portions(log, MAX_BYTES)
    first, second = (portions.after(0, EVERYTHING, WEBSOCKET.event) for _ in range(2))
    assert first is second


def test_in_another_epoch_the_same_seq_is_another_event() -> None:
    log = TenantLog(Offset(1, 0), Offset(1, 0))
    log.receive(event(1, 1, "new_order", 1))
    portions = Portions(log, MAX_BYTES)
    before = portions.after(0, EVERYTHING, WEBSOCKET.event)
    log.enter_epoch(Offset(2, 0), Offset(2, 0), {1: 0, 2: 0})
    log.receive(event(2, 1, "new_order", 2))
    after = portions.after(0, EVERYTHING, WEBSOCKET.event)
    assert before is not None
    assert after is not None
    assert (b'"uid":1' in before.data, b'"uid":2' in after.data) == (True, True)
