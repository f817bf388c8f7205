"""Exercises judge themselves: each thing that must not be has a sentence, and a good one has none."""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from drill.exercises import EXERCISES, rolling, rotation
from drill.exercises.restore import HEAD, Outcome, judge

ROOT = Path(__file__).resolve().parents[2]
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


def test_their_tables_are_tables() -> None:
    assert {line.count("|") for line in [*HEAD.splitlines(), GOOD.row]} == {10}
    assert {line.count("|") for line in [*rotation.HEAD.splitlines(), ROLLED.row]} == {7}
    assert {line.count("|") for line in [*rolling.HEAD.splitlines(), REPLACED.row]} == {8}
    assert set(EXERCISES) >= {"restore", "rotation", "rolling"}
    page = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
    for name in EXERCISES:
        assert f"<!-- drill {name}: begin -->" in page
        assert f"<!-- drill {name}: end -->" in page


REPLACED = rolling.Replaced("a gateway", 20.0, {1012: 300}, 0.02, 900, 0, 0)
ROLLED = rotation.Rolled("a secret", 20.0, 100, [], 0.3, 0.0, 200)
TILL = {"orders": ["a", "b"], "resets": []}


@pytest.mark.parametrize(
    ("rolled", "till", "word"),
    [
        ({}, {}, None),
        ({"failed": ["503 away"]}, {}, "503 away"),
        ({"card": 404}, {}, "answered with 404"),
        ({}, {"orders": ["a"]}, "has 1 orders of 2"),
        ({}, {"orders": ["b", "a"]}, "in another order"),
        ({}, {"resets": ["epoch to 1-1"]}, "was reset"),
    ],
)
def test_a_rotation_that_costs_something_is_said(rolled: Any, till: Any, word: str | None) -> None:
    shop: Any = SimpleNamespace(taken={"a": 0.0, "b": 1.0}, tills=[SimpleNamespace(**TILL | till)])
    said = rotation.judge([replace(ROLLED, **rolled)], shop)
    assert said == [] if word is None else word in said[0]


def test_each_step_of_a_rotation_leaves_the_secret_before_in_place_until_the_next() -> None:
    old = {"BELLWIRE_REDIS_SECRET": "r", "BELLWIRE_CARD_SECRET": "c"}
    first, second, third, fourth = rotation.steps(old, "R", "C", "W")
    assert dict(first.gateway) == {"BELLWIRE_REDIS_SECRET": "R", "BELLWIRE_REDIS_SECRET_BEFORE": "r"}
    assert second.api == second.gateway == {"BELLWIRE_REDIS_SECRET_BEFORE": None}
    assert (third.api, third.gateway) == ({"BELLWIRE_CARD_SECRET_BEFORE": "C"}, {})
    assert (fourth.api["BELLWIRE_CARD_SECRET"], fourth.api["BELLWIRE_CARD_SECRET_BEFORE"]) == ("C", "c")


@pytest.mark.parametrize(
    ("replaced", "town", "word"),
    [
        ({}, {}, None),
        ({"closes": {1012: 3}, "at_once": 1.0}, {}, None),
        ({"answers_5xx": 1}, {}, "1 answers of 5xx"),
        ({"closes": {1012: 299, 1006: 1}}, {}, "cut without a word"),
        ({"at_once": 0.5}, {}, "50% of the closes"),
        ({}, {"unanswered": ["timeout"]}, "no answer: timeout"),
        ({}, {"orders": ["a"]}, "lacks 1 orders"),
        ({}, {"orders": ["a", "b", "b"]}, "has 3"),
        ({}, {"resets": ["retention to 1-1"]}, "was reset"),
    ],
)
def test_a_rolling_restart_that_costs_something_is_said(replaced: Any, town: Any, word: str | None) -> None:
    till = SimpleNamespace(**{**TILL, "slug": "s", **{name: town[name] for name in TILL if name in town}})
    place: Any = SimpleNamespace(taken={"s": ["b", "a"]}, tills=[till], unanswered=town.get("unanswered", []))
    said = rolling.judge([replace(REPLACED, **replaced)], place)
    assert said == [] if word is None else word in said[0]


def test_the_fullest_tenth_of_a_second_is_found() -> None:
    assert rolling.fullest_tenth([]) == 0
    assert rolling.fullest_tenth([1.01, 1.02, 1.51, 2.0]) == 0.5
