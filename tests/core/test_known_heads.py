"""The heads that PostgreSQL is told are those of the open rooms, each as it is now, however they came and went."""

from hypothesis import given
from hypothesis import strategies as st

from backbone.contract.offset import Offset
from backbone.eventlog.head_check import KnownHeads

TENANTS = st.sampled_from(["bistro", "cafe", "kitchen", "pizza"])
OFFSETS = st.builds(Offset, st.integers(1, 3), st.integers(0, 20))


@given(st.dictionaries(TENANTS, OFFSETS), st.lists(st.dictionaries(TENANTS, OFFSETS), max_size=8))
def test_what_is_told_is_what_is_there(first: dict[str, Offset], rounds: list[dict[str, Offset]]) -> None:
    known = KnownHeads(first)
    open_rooms = first
    for moved in rounds:
        # A room opens with the head that it has, and one that is not mentioned has closed or has rested.
        open_rooms = {tenant: head for tenant, head in open_rooms.items() if len(tenant) % 2} | moved
        for tenant, head in moved.items():
            known[tenant] = head
        known.keep_only(open_rooms)
        tenants, epochs, seqs = ([*filter(None, text.split(","))] for text in known.as_text())
        assert dict(zip(tenants, zip(epochs, seqs, strict=True), strict=True)) == {
            tenant: (str(head.epoch), str(head.seq)) for tenant, head in open_rooms.items()
        }


def test_of_no_room_nothing_is_told() -> None:
    assert KnownHeads().as_text() == ("", "", "")
