"""A curve says its exponent with its error, and is flat where it hardly rises."""

import pytest

from benchmarks.growth.fit import fit
from benchmarks.growth.run import AXES, Curve, table

AXIS = AXES[0].name


def test_a_cost_that_grows_with_its_size_has_the_exponent_one() -> None:
    found = fit([10, 10, 100, 1000], [0.9, 1.1, 10, 100], 1, 100)
    assert found.exponent == pytest.approx(1, abs=0.02)
    assert 0 < found.error < 0.1
    assert not found.flat


def test_a_cost_that_hardly_rises_is_flat_whatever_its_error() -> None:
    assert fit([10, 100, 1000], [5, 7, 5.5], 5, 5.5).flat
    assert not fit([10, 100, 1000], [5, 7, 9], 5, 9).flat


def test_a_row_has_a_call_at_each_size_its_exponent_and_its_rise() -> None:
    grown = Curve(AXIS, "journey", {10: [1.0, 1.0], 1_000: [100.0, 100.0]}, {10: 5.0, 1_000: 500.0})
    still = Curve(AXIS, "look-up", {10: [2.0, 2.1], 1_000: [2.1, 2.0]}, {10: 5.0, 1_000: 5.0})
    noisy = Curve(AXIS, "page", {10: [1.0, 1.0], 1_000: [3.0, 3.0]}, {10: 100.0, 1_000: 110.0})
    lines = table([grown, noisy, still]).splitlines()
    assert "| ms | 10 | 1,000 | exponent | rise | pages | |" in lines
    assert "| journey | 1.00 | 100.00 | +1.000 ± 0.000 | +9900 % | 5 → 500 | **grows** |" in lines
    assert lines[-1].startswith("| look-up | 2.05 | 2.05 | ")
    assert lines[-1].endswith("| +0 % | 5 → 5 | flat |")
    assert noisy.verdict == "flat in pages"
