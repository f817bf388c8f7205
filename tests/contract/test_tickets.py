"""A ticket's form: it survives an address as it is, looks like no key, and stands in one place of a query alone."""

from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backbone.contract.credentials import refuse_key_in_query
from backbone.contract.errors import Problem, Violation
from backbone.contract.keys import hash_key, looks_like_key
from backbone.contract.tickets import TICKET_BYTES, hash_ticket, looks_like_ticket, make_ticket

TICKETS = st.builds(make_ticket, st.binary(min_size=TICKET_BYTES, max_size=TICKET_BYTES))


@given(TICKETS)
def test_a_ticket_is_the_same_in_an_address_and_no_key(ticket: str) -> None:
    assert quote(ticket, safe="") == ticket
    assert not looks_like_key(ticket)
    assert hash_key(ticket) is None
    digest = hash_ticket(ticket)
    assert digest is not None
    assert len(digest) == 32
    assert digest.hex() not in ticket


@given(TICKETS, st.sampled_from(["", "a", " ", "A", "\n"]))
def test_a_text_that_differs_is_no_ticket_or_another_one(ticket: str, more: str) -> None:
    assert hash_ticket(ticket + more) is None or not more
    assert hash_ticket(more + ticket) is None or not more
    assert hash_ticket(ticket.upper()) is None


@given(st.binary(max_size=64).filter(lambda entropy: len(entropy) != TICKET_BYTES))
def test_a_ticket_is_made_of_thirty_two_bytes_or_not_at_all(entropy: bytes) -> None:
    with pytest.raises(ValueError, match="32 random bytes"):
        make_ticket(entropy)


@given(TICKETS, st.sampled_from(["name", "value", "part", "case"]))
def test_a_ticket_anywhere_else_in_a_query_is_refused_and_not_repeated(ticket: str, where: str) -> None:
    wrong = {
        "name": (ticket, ""),
        "value": ("types", ticket),
        "part": ("after", f"x{ticket}"),
        "case": ("Ticket", ticket.upper()),
    }[where]
    assert looks_like_ticket(wrong[0] + wrong[1])
    with pytest.raises(Violation) as caught:
        refuse_key_in_query([("ticket", ticket), wrong])
    assert caught.value.problem is Problem.KEY_IN_QUERY
    assert ticket not in repr(caught.value)
    refuse_key_in_query([("after", "0"), ("ticket", ticket)])
