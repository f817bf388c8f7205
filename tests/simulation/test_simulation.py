"""Every terminal of a site ends, after any history, with exactly the log of record, or was told why not."""

import pytest

from tests.gateway.faulty import NewestForkOnly, NoEpochCheck, NoGapCheck
from tests.simulation.history import failure_of, history_of, report_of, shortest
from tests.simulation.site import Faults, Step

SEEDS = 500


def test_five_hundred_seeds_leave_every_terminal_with_exactly_the_log() -> None:
    reports = [report for seed in range(SEEDS) if (report := report_of(seed, Faults())) is not None]
    assert not reports, "\n".join(reports[:3])


@pytest.mark.parametrize(
    "faults",
    [
        pytest.param(Faults(heads_are_checked=False), id="no head check"),
        pytest.param(Faults(epochs_are_entered=False), id="no epoch"),
        pytest.param(Faults(log=NoEpochCheck), id="a message's epoch is not looked at"),
        pytest.param(Faults(log=NewestForkOnly), id="newest fork only"),
        pytest.param(Faults(log=NoGapCheck), id="no gap check"),
        pytest.param(Faults(writes_wait_for_the_epoch=False), id="writes before the epoch is entered"),
    ],
)
def test_a_planted_fault_is_found_by_one_of_the_same_seeds(faults: Faults) -> None:
    assert any(failure_of(history_of(seed), faults) is not None for seed in range(SEEDS))


def test_a_seed_is_the_same_history_each_time() -> None:
    assert history_of(7) == history_of(7)
    assert history_of(7) != history_of(8)


def test_a_failing_history_is_cut_down_to_steps_of_which_none_can_be_left_out() -> None:
    faults = Faults(log=NoGapCheck)
    failing = next(seed for seed in range(SEEDS) if failure_of(history_of(seed), faults) is not None)
    kept = shortest(history_of(failing), faults)
    assert failure_of(kept, faults) is not None
    for index in range(len(kept)):
        assert failure_of(kept[:index] + kept[index + 1 :], faults) is None
    report = report_of(failing, faults)
    assert report is not None
    assert all(str(step) in report for step in kept)


def test_any_steps_make_a_history() -> None:
    assert (
        failure_of([Step("deliver", (9, 9)), Step("replay", (59,)), Step("promote", (4,))], Faults()) is None
    )
