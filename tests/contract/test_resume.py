"""The one rule by which every transport decides where a terminal starts."""

import doctest
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backbone.contract import resume as module
from backbone.contract.offset import BEGINNING, Offset
from backbone.contract.resume import Start, resume

HEAD, FLOOR = Offset(3, 90), Offset(3, 10)
FORKS = {1: 0, 2: 40, 3: 60}


@pytest.mark.parametrize(
    ("after", "start"),
    [
        (None, Start(HEAD, resumed=False)),
        (BEGINNING, Start(FLOOR, resumed=True)),
        (Offset(3, 50), Start(Offset(3, 50), resumed=True)),
        (HEAD, Start(HEAD, resumed=True)),
        (FLOOR, Start(FLOOR, resumed=True)),
        (Offset(3, 9), Start(FLOOR, resumed=False, reset="retention")),
        (Offset(3, 91), Start(HEAD, resumed=False, reset="unknown_offset")),
        (Offset(4, 1), Start(HEAD, resumed=False, reset="unknown_offset")),
        (Offset(0, 5), Start(HEAD, resumed=False, reset="unknown_offset")),
        (Offset(2, 60), Start(Offset(3, 60), resumed=True)),
        (Offset(2, 61), Start(Offset(3, 60), resumed=False, reset="epoch")),
        # Events that the first fork cut off never came back, so it is the earliest that counts.
        (Offset(1, 41), Start(Offset(3, 40), resumed=False, reset="epoch")),
        (Offset(1, 40), Start(Offset(3, 40), resumed=True)),
        (Offset(1, 5), Start(FLOOR, resumed=False, reset="retention")),
    ],
)
def test_a_terminal_starts_where_it_may_or_is_told_why_not(after: Offset | None, start: Start) -> None:
    assert resume(after, floor=FLOOR, head=HEAD, forks=FORKS) == start


def test_an_offset_that_is_known_to_exist_and_not_here_yet_is_no_reset() -> None:
    asked = Offset(3, 95)
    assert resume(asked, floor=FLOOR, head=HEAD, forks=FORKS, known_seq=95) == Start(asked, resumed=True)
    assert resume(asked, floor=FLOOR, head=HEAD, forks=FORKS, known_seq=94).reset == "unknown_offset"


OFFSETS = st.builds(Offset, st.integers(0, 5), st.integers(0, 100))


@given(OFFSETS, st.integers(0, 90), st.dictionaries(st.integers(1, 2), st.integers(0, 90)))
def test_nothing_retained_is_ever_skipped_without_saying_so(
    after: Offset, floor: int, forks: dict[int, int]
) -> None:
    start = resume(after, floor=Offset(3, floor), head=HEAD, forks={**forks, 3: 60})
    assert floor <= start.position.seq <= HEAD.seq
    assert start.position.epoch == HEAD.epoch
    assert start.resumed == (start.reset is None)
    if start.reset is None and after != BEGINNING:
        assert start.position.seq == after.seq


def test_a_terminal_that_is_reset_is_never_reset_again_for_where_it_was_sent() -> None:
    # A reset that leads to a reset would never end. All of a small space, where no fork is later than the head.
    for epoch, seq, floor, fork in product(range(5), range(9), range(7), range(7)):
        log = {"floor": Offset(3, floor), "head": Offset(3, 6), "forks": {1: 0, 2: 3, 3: fork}}
        start = resume(Offset(epoch, seq), **log)  # type: ignore[arg-type]
        again = resume(start.position, **log)  # type: ignore[arg-type]
        assert again == Start(start.position, resumed=True), (epoch, seq, log)


def test_the_examples_in_the_docstring_are_true() -> None:
    result = doctest.testmod(module)
    assert (result.failed, result.attempted) == (0, 4)
