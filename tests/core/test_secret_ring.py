"""The secrets of a pod: called alike by all pods, in one order, each once."""

from hypothesis import given
from hypothesis import strategies as st

from api.core.secret_ring import ID_BYTES, SecretRing, id_of

SECRETS = st.binary(min_size=32, max_size=40)


@given(st.lists(SECRETS, min_size=1, max_size=6), st.lists(SECRETS, min_size=1, max_size=3))
def test_a_ring_has_each_secret_once_by_its_name_and_the_newest_first(
    own: list[bytes], others: list[bytes]
) -> None:
    ring = SecretRing(own[0], own[1:])
    assert ring.all == list(dict.fromkeys(own))
    assert ring.ids == [id_of(secret) for secret in ring.all]
    assert (ring.newest, ring.newest_id) == (own[0], id_of(own[0]))
    assert all(ring.get(id_of(secret)) == secret for secret in own)
    assert ring.get(b"?" * ID_BYTES) is None
    joined = ring.joined(SecretRing(others[0], others[1:]))
    assert joined.all == list(dict.fromkeys([*own, *others]))


@given(SECRETS, SECRETS)
def test_a_name_tells_two_secrets_apart_and_shows_nothing_of_them(one: bytes, other: bytes) -> None:
    assert len(id_of(one)) == ID_BYTES
    assert (id_of(one) == id_of(other)) == (one == other)
    assert id_of(one) not in one
