"""Claims: the names of purposes, and what a terminal is told for each answer of the database."""

import pytest

from api.core.claims import Claiming, Finishing, is_purpose, refusal
from backbone.contract.errors import Problem, Refused, Violation

FACTS = {
    "holder": {"terminalId": "6f1f", "name": "bar"}, "expiresAt": "2026-11-28T12:30:00.000Z", "fence": 3,
    "status": "cancelled",
}  # fmt: skip
WENT_WELL = {Claiming.GRANTED, Claiming.TAKEN_OVER, Claiming.RENEWED, Finishing.DONE, Finishing.REPEATED}


@pytest.mark.parametrize("name", ["print", "p", "-", "0", "print-bar-2", "x" * 32])
def test_a_purpose_is_small_letters_digits_and_hyphens(name: str) -> None:
    assert is_purpose(name)


@pytest.mark.parametrize("name", ["", "Print", "print ", "print\n", "p_1", "drück", "x" * 33, "٣"])
def test_nothing_else_is_a_purpose(name: str) -> None:
    assert not is_purpose(name)


@pytest.mark.parametrize("outcome", [*Claiming, *Finishing], ids=repr)
def test_each_answer_is_a_problem_with_the_databases_facts_or_none(outcome: Claiming | Finishing) -> None:
    told = refusal(outcome, FACTS)
    if any(outcome is well for well in WENT_WELL):
        assert told is None
    elif outcome is Finishing.NEVER_GIVEN:
        assert isinstance(told, Violation)
        assert [error.loc for error in told.errors] == ["fence"]
    else:
        assert isinstance(told, Refused)
        assert told.facts == FACTS
        assert told.problem.status in (404, 409)


def test_who_comes_too_late_is_told_who_has_it_and_until_when() -> None:
    told = refusal(Claiming.HELD, FACTS)
    assert isinstance(told, Refused)
    assert (told.problem, told.detail) == (
        Problem.CLAIM_HELD, "Terminal bar holds it until 2026-11-28T12:30:00.000Z"
    )  # fmt: skip
