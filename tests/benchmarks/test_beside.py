"""The table of two versions has both medians, and the median of the turns' ratios."""

from dataclasses import fields
from pathlib import Path

import pytest

from benchmarks.beside import NAMES, Turn, table
from benchmarks.version import Version
from infra.local.failure import CannotStart


def turn(version: str, number: int, figure: float) -> Turn:
    return Turn(version, number, disturbed=number == 1, **dict.fromkeys(NAMES, figure))


def test_a_row_has_both_medians_and_the_median_of_ratios_of_turns_and_not_a_ratio_of_medians() -> None:
    turns = [
        turn(version, number, figure)
        for version, figures in (("this", (1.0, 30.0, 2.0)), ("base", (2.0, 10.0, 4.0)))
        for number, figure in enumerate(figures)
    ]
    text = table(turns, "base")
    for name in NAMES.values():
        assert f"| {name} | 4.0 | 2.0 | **0.50** | 0.50–3.00 |" in text
    assert "3 turns, 1 of them disturbed." in text


def test_every_figure_has_a_name() -> None:
    figures = {field.name for field in fields(Turn)} - {"version", "turn", "disturbed"}
    assert figures == NAMES.keys()


async def test_a_tree_without_an_environment_is_told_how_to_get_one(tmp_path: Path) -> None:
    with pytest.raises(CannotStart, match=r"make -C .* \.venv/\.all"):
        await Version("other", tmp_path).start()
