"""A message is believed exactly if it was signed for its tenant, as it is, with a secret of ours."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backbone.contract.errors import Violation
from backbone.contract.event import Event, EventType, encode_live
from backbone.contract.offset import Offset
from backbone.contract.signature import Signatures

OLD, NEW, STRANGE = (
    "the old secret of this installation",
    "the new secret of this installation",
    "somebody else's secret, just as long",
)
events = st.builds(
    Event,
    st.builds(Offset, st.integers(1, 99), st.integers(1, 10**9)),
    st.sampled_from([member.value for member in EventType]),
    st.integers(0, 10**14),
    st.binary(max_size=300).map(lambda rest: b"{" + rest),
    *[st.frozensets(st.sampled_from(["bar", "grill", "cold kitchen"]))] * 2,
)
slugs = st.from_regex(r"[a-z0-9][a-z0-9-]{0,20}", fullmatch=True)


def test_a_signature_is_what_it_was_so_that_two_releases_believe_each_other() -> None:
    for type_, names, live, signature in (
        (
            "loyalty_updated",
            set(),
            b"1-42 loyalty_updated 1700000000000 {}",
            b"6d372f80eecdf8140cc3b0e71876dc6e",
        ),
        (
            "new_order",
            {"bar"},
            b"1-42 new_order 1700000000000 4:bar\n {}",
            b"ad8d9a5eec7fc896684809f0c8536384",
        ),
    ):
        said = encode_live(Event(Offset(1, 42), type_, 1_700_000_000_000, b"{}", frozenset(names)))
        assert (said, Signatures(OLD).sign("kitchen", said)) == (live, signature)


@given(slugs, events)
def test_what_was_sealed_is_read_as_it_was(tenant: str, event: Event) -> None:
    ours = Signatures(OLD)
    assert ours.unseal(tenant, ours.seal(tenant, encode_live(event))) == event


@given(slugs, slugs, events, events)
def test_no_signature_is_good_for_another_event_or_another_tenant(
    tenant: str, other: str, event: Event, another: Event
) -> None:
    ours = Signatures(OLD)
    signature = ours.sign(tenant, encode_live(event))
    same = (tenant, event) == (other, another)
    assert ours.fits(other, encode_live(another), signature) is same
    # Each field by itself: one that an event gets later is in this walk, or this walk fails.
    for name in Event._fields:
        changed = event._replace(**{name: getattr(another, name)})
        assert ours.fits(tenant, encode_live(changed), signature) is (changed == event)
    assert not ours.fits(f"{tenant}-", encode_live(event), signature)


@given(slugs, events, st.binary(max_size=80), st.integers(0, 400), st.integers(1, 255))
def test_no_changed_byte_and_no_invented_signature_passes(
    tenant: str, event: Event, invented: bytes, place: int, change: int
) -> None:
    ours = Signatures(OLD)
    sealed = ours.seal(tenant, encode_live(event))
    wrong = bytearray(sealed)
    wrong[place % len(sealed)] ^= change
    for message in (
        bytes(wrong),
        invented,
        invented + b" " + encode_live(event),
        encode_live(event),
        b"",
        b" ",
    ):
        with pytest.raises(Violation):
            ours.unseal(tenant, message)
    with pytest.raises(Violation):
        ours.unseal(tenant, Signatures(STRANGE).seal(tenant, encode_live(event)))


@given(slugs, events)
def test_while_a_secret_is_changed_all_pods_believe_each_other_and_afterwards_the_old_one_is_nothing(
    tenant: str, event: Event
) -> None:
    live = encode_live(event)
    before, between, after = Signatures(OLD), Signatures(NEW, OLD), Signatures(NEW)
    for says, hears in ((before, between), (between, before), (between, after), (after, between)):
        assert hears.unseal(tenant, says.seal(tenant, live)) == event
    for says, hears in ((before, after), (after, before)):
        with pytest.raises(Violation):
            hears.unseal(tenant, says.seal(tenant, live))


def test_many_signatures_are_no_way_to_make_work() -> None:
    ours, live = Signatures(OLD), encode_live(Event(Offset(1, 1), "new_order", 0, b"{}"))
    assert not ours.fits("kitchen", live, b",".join([b"0" * 32] * 10_000 + [ours.sign("kitchen", live)]))
