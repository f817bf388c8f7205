"""A balancer's word: only its own address is meant, only a new process or one that leaves moves, and it stays small."""

from hypothesis import given
from hypothesis import strategies as st

from gateway.core.balancers import MOST_ADDRESSES, MOST_PROCESSES, Balancers

ADDRESSES = st.sampled_from(["10.0.0.1", "10.0.0.2"])
PROCESSES = st.sampled_from(["7", "8", "9"])


@given(st.lists(st.tuples(ADDRESSES, PROCESSES)))
def test_sockets_move_once_for_each_process_but_the_first_of_an_address(heard: list[tuple[str, str]]) -> None:
    balancers = Balancers()
    known: dict[str, set[str]] = {}
    for address, process in heard:
        before = known.setdefault(address, set())
        assert balancers.hear(address, process) == (bool(before) and process not in before)
        before.add(process)


@given(st.lists(st.tuples(ADDRESSES, PROCESSES)), ADDRESSES, PROCESSES)
def test_one_that_leaves_is_heard_each_time_it_says_so(
    heard: list[tuple[str, str]], address: str, process: str
) -> None:
    balancers = Balancers()
    for each in heard:
        balancers.hear(*each)
    assert balancers.hear(address, f"{process} leaves")
    assert balancers.hear(address, f"{process} leaves")
    assert not balancers.hear(address, process)
    assert not balancers.hear(address, f"{process} ")


@given(st.text())
def test_whatever_is_said_in_its_place_is_no_reason_to_fail(word: str) -> None:
    balancers = Balancers()
    balancers.hear("10.0.0.1", word)
    assert not balancers.hear("10.0.0.2", "")


def test_what_is_remembered_is_bounded() -> None:
    balancers = Balancers()
    for number in range(2 * MOST_ADDRESSES):
        balancers.hear(f"10.0.{number}", "1")
    for number in range(2 * MOST_PROCESSES):
        balancers.hear("10.1", str(number))
    kept = balancers._processes
    assert len(kept) <= MOST_ADDRESSES
    assert max(map(len, kept.values())) <= MOST_PROCESSES
