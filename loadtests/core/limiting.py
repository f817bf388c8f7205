"""The part of a cluster that was used up: by its own figures, beside the rate at which that began.

The names of values are `<what> <part>`, for example `cpu api-1`, in cores. A process of Python has one core at most, a
machine as many as it says.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

USED_UP = 0.85
# Those that have a machine's cores, and not one of their own.
SHARED = ("postgres", "valkey", "redis", "loadbalancer")
OURS = ("generator", "crowd", "probes")
MACHINE = "machine"

Points = Sequence[tuple[int, float]]


@dataclass(frozen=True, slots=True)
class Use:
    """How much of a part was used, of how much it has."""

    part: str
    used: float
    of: float

    @property
    def share(self) -> float:
        """1 is all of it."""
        return self.used / self.of if self.of else 0.0

    def __str__(self) -> str:
        name = "the whole machine" if self.part == MACHINE else self.part
        ours = " (the load test itself)" if self.part.startswith(OURS) else ""
        return f"{name}{ours} used {self.used:.2f} of {self.of:g} core{'s' if self.of != 1 else ''}"


def uses(values: Mapping[str, Points]) -> list[Use]:
    """Each part's mean use of its cores, the most used first."""
    cores = _mean(values.get(f"cores {MACHINE}", ())) or 1.0
    found = []
    for name, points in values.items():
        what, _, part = name.partition(" ")
        if what == "cpu" and points:
            of = cores if part == MACHINE or part.startswith(SHARED) else 1.0
            found.append(Use(part, _mean(points), of))
    return sorted(found, key=lambda use: (-use.share, use.part))


def limiting(values: Mapping[str, Points]) -> str:
    """One sentence about what was used up."""
    found = uses(values)
    if not found:
        return (
            "not known: no figures of the cluster's parts (--pod, --prometheus or a demo's file bring them)"
        )
    full = [use for use in found if use.share >= USED_UP]
    if not full:
        return f"none was used up; the most used: {found[0]}"
    # A single process that is full limits also where the machine, which it is a part of, is full.
    single = [use for use in full if use.part != MACHINE]
    if single:
        return str(single[0])
    known = [use for use in found if use.part != MACHINE]
    others = of_others(values)
    largest = sorted([*known, *([others] if others else [])], key=lambda use: -use.used)[:3]
    return f"{full[0]}, the most of it {', '.join(f'{use.part} {use.used:.2f}' for use in largest)}"


def of_others(values: Mapping[str, Points]) -> Use | None:
    """The part of the machine that went to programs which are neither the cluster's nor the load test's."""
    found = uses(values)
    machine = next((use for use in found if use.part == MACHINE), None)
    if machine is None:
        return None
    known = sum(use.used for use in found if use.part != MACHINE)
    return Use("programs that are none of ours", max(0.0, machine.used - known), machine.of)


def within(values: Mapping[str, Points], begin: float, end: float) -> dict[str, Points]:
    """The points of a stretch of time."""
    return {name: [point for point in points if begin <= point[0] < end] for name, points in values.items()}


def _mean(points: Points) -> float:
    return sum(value for _, value in points) / len(points) if points else 0.0
