"""Two reports of the same profile: what got better or worse, beyond the noise that each run has in itself.

The measured time of a run is cut into blocks. Drawing blocks again and again, with replacement, says how much a figure
might have been another one in the same run; a change counts where that leaves no doubt in 95 of 100 cases, and where
it is larger than a tolerance besides. Chance comes in from outside.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from loadtests.core.histogram import merged, percentile, total

BLOCKS, DRAWS = 24, 400
LEAST = 20
SURE = 0.95
SHARES = (0.5, 0.99)

Draw = Callable[[int], int]
"""A whole number below its argument, by chance."""


@dataclass(frozen=True, slots=True)
class Change:
    """A figure of a row in both reports. `low` and `high` are where the ratio lies in 95 of 100 cases."""

    row: str
    figure: str
    before: float
    after: float
    low: float
    high: float
    word: str

    def __str__(self) -> str:
        unit = " ms" if self.figure.startswith("p") else ""
        return (
            f"{self.word:<7} {self.row:<46} {self.figure:<4} {self.before:.4g} → {self.after:.4g}{unit}, "
            f"{self.after / self.before:.2f} × ({self.low:.2f} to {self.high:.2f})"
        )


def compare(
    before: Mapping[str, Any], after: Mapping[str, Any], draw: Draw, tolerance: float = 0.05
) -> list[Change]:
    """Each figure of each row that both have, the worst change first."""
    changes = []
    for row, found in before["rows"].items():
        other = after["rows"].get(row)
        if other is None or row.startswith("LOAD "):
            continue
        one, two = _blocks(found["windows"]), _blocks(other["windows"])
        if min(total(merged(one)), total(merged(two))) < LEAST:
            continue
        changes += [_change(row, share, one, two, draw, tolerance) for share in SHARES]
    if before.get("ramp") and after.get("ramp"):
        changes += _knees(before["ramp"], after["ramp"], tolerance)
    order = {"worse": 0, "better": 1, "same": 2}
    return sorted(changes, key=lambda change: (order[change.word], change.row, change.figure))


def new_faults(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    """Promises that were kept before and are broken now."""
    return [
        f"worse   {kind}: {before['faults'].get(kind, 0)} → {count}"
        for kind, count in after["faults"].items()
        if count > before["faults"].get(kind, 0)
    ]


def _change(
    row: str,
    share: float,
    one: Sequence[Mapping[int, int]],
    two: Sequence[Mapping[int, int]],
    draw: Draw,
    tolerance: float,
) -> Change:
    ratios = sorted(
        _figure(_drawn(two, draw), share) / _figure(_drawn(one, draw), share) for _ in range(DRAWS)
    )
    low = ratios[int((1 - SURE) / 2 * DRAWS)]
    high = ratios[int((1 + SURE) / 2 * DRAWS) - 1]
    before, after = _figure(merged(one), share), _figure(merged(two), share)
    word = "same"
    if low > 1 and after > before * (1 + tolerance):
        word = "worse"
    elif high < 1 and after < before / (1 + tolerance):
        word = "better"
    return Change(row, f"p{share * 100:g}", before, after, low, high, word)


def _knees(before: Mapping[str, Any], after: Mapping[str, Any], tolerance: float) -> list[Change]:
    """A knee is a step of a stair: less than a step is no change."""
    one, two = before["knee"]["good"], after["knee"]["good"]
    if one is None or two is None:
        return []
    ratio = two["asked"] / one["asked"]
    word = "worse" if ratio < 1 / (1 + tolerance) else "better" if ratio > 1 + tolerance else "same"
    return [
        Change("the ramp's knee, orders a second", "rate", one["asked"], two["asked"], ratio, ratio, word)
    ]


def _blocks(windows: Sequence[Sequence[Any]]) -> list[dict[int, int]]:
    """Neighbouring windows together: a moment of trouble is one block's, and not that of several."""
    each = [{int(bucket): count for bucket, count in window[3].items()} for window in windows]
    size = max(1, -(-len(each) // BLOCKS))
    return [merged(each[at : at + size]) for at in range(0, len(each), size)]


def _drawn(blocks: Sequence[Mapping[int, int]], draw: Draw) -> dict[int, int]:
    return merged(blocks[draw(len(blocks))] for _ in blocks)


def _figure(buckets: Mapping[int, int], share: float) -> float:
    return percentile(buckets, share) or 0.001
