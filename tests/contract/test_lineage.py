"""The part that histories share, against a model that keeps the histories themselves."""

from hypothesis import given
from hypothesis import strategies as st

from backbone.contract.lineage import shared_seq


@st.composite
def histories(draw: st.DrawFn) -> tuple[dict[int, list[int]], dict[int, int]]:
    """The whole log as it was at the end of each epoch (each event a number of its own), and the forks."""
    log: list[int] = []
    at_end: dict[int, list[int]] = {}
    forks = {}
    epoch, fresh = 1, 0
    for _ in range(draw(st.integers(1, 6))):
        del log[len(log) - draw(st.integers(0, len(log))) :]
        forks[epoch] = len(log) if at_end else 0
        for _ in range(draw(st.integers(0, 5))):
            fresh += 1
            log.append(fresh)
        at_end[epoch] = list(log)
        epoch += draw(st.integers(1, 3))
    return at_end, forks


@given(histories())
def test_what_is_called_shared_is_the_same_in_both_histories_and_what_follows_is_in_one_alone(
    drawn: tuple[dict[int, list[int]], dict[int, int]],
) -> None:
    at_end, forks = drawn
    newest = max(at_end)
    for epoch, held in at_end.items():
        if epoch == newest:
            continue
        shared = shared_seq(epoch, newest, forks)
        assert shared is not None
        assert held[:shared] == at_end[newest][:shared]
        assert not set(held[shared:]) & set(at_end[newest])


@given(histories(), st.integers(-2, 30))
def test_of_an_epoch_that_our_database_never_went_through_nothing_is_believed(
    drawn: tuple[dict[int, list[int]], dict[int, int]], asked: int
) -> None:
    at_end, forks = drawn
    newest = max(at_end)
    shared = shared_seq(asked, newest, forks)
    if asked <= 0 or asked >= newest:
        assert shared is None
    elif asked not in at_end:
        assert shared == 0
