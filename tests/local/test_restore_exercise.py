"""The restore's exercise judges itself: each thing that must not be has a sentence, and a good restore has none."""

from dataclasses import replace
from typing import Any

import pytest

from drill.exercises import EXERCISES
from drill.exercises.restore import HEAD, Outcome, judge

GOOD = Outcome("to a moment", 4.0, 4.4, 5.7, 5.8, 195, 80, 0, ["epoch to 7-195"], (1, 7), 0)


def test_a_good_restore_has_no_complaint() -> None:
    assert judge(GOOD, mistake=True) == []
    # A lost disk costs what was not archived; there is no moment before which nothing may be lost.
    assert judge(replace(GOOD, lost_before=80), mistake=False) == []
    # Nothing was lost, so nobody had to be reset.
    assert judge(replace(GOOD, lost=0, resets=["none"]), mistake=True) == []


@pytest.mark.parametrize(
    ("changed", "word"),
    [
        ({"lost_before": 1}, "before the mistake are gone"),
        ({"epochs": (7, 7)}, "no new epoch"),
        ({"resets": ["none"]}, "were not reset"),
        ({"resets": ["epoch to 7-194", "epoch to 7-195"]}, "different places"),
        ({"audit": 1}, "audit"),
    ],
)
def test_each_thing_that_must_not_be_is_said(changed: dict[str, Any], word: str) -> None:
    (said,) = judge(replace(GOOD, **changed), mistake=True)
    assert word in said


def test_its_table_is_one() -> None:
    assert {line.count("|") for line in [*HEAD.splitlines(), GOOD.row]} == {10}
    assert EXERCISES["restore"].run is not None
