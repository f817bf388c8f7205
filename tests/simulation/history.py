"""Histories from seeds: made, run, judged, and when one fails, cut down to its shortest."""

import random
from collections.abc import Sequence

from tests.simulation.site import Faults, Site, Step

# How many numbers a step takes, and how often it happens beside the others.
STEPS = {
    "commit": (2, 12), "publish": (1, 12), "deliver": (2, 24), "lose": (2, 3), "double": (2, 2), "api_dies": (1, 1),
    "redis_goes": (0, 1), "redis_comes": (0, 2), "redis_is_flushed": (0, 1), "redis_trims": (1, 1),
    "promote": (1, 4), "probe": (0, 2), "expire": (1, 1), "check": (1, 4), "heal": (1, 6), "a_second_passes": (0, 4),
    "gateway_dies": (1, 1), "leave": (1, 4), "come": (2, 6), "begin": (2, 1), "replay": (1, 10), "slow": (1, 2),
}  # fmt: skip
LONGEST = 160


def history_of(seed: int) -> list[Step]:
    """The steps of a seed; the same seed, the same steps, on every machine."""
    chance = random.Random(seed)
    # Each history has a mood of its own: some things happen often in it, others never.
    weights = [weight * chance.choice((0, 0.3, 1, 1, 3)) for _, weight in STEPS.values()]
    names = chance.choices(list(STEPS), [weight + 0.01 for weight in weights], k=chance.randint(20, LONGEST))
    return [Step(name, tuple(chance.randrange(60) for _ in range(STEPS[name][0]))) for name in names]


def failure_of(history: Sequence[Step], faults: Faults) -> str | None:
    """Run a history; what went wrong in it, in words, or None."""
    site = Site(faults)
    try:
        for step in history:
            site.take(step)
        site.judge()
    except AssertionError as exc:
        return str(exc) or "an assertion failed"
    return None


def shortest(history: Sequence[Step], faults: Faults) -> list[Step]:
    """The rest of a failing history when no step can be left out of it any more."""
    kept = list(history)
    size = max(1, len(kept) // 2)
    while True:
        before = len(kept)
        kept = _without_runs(kept, size, faults)
        if size > 1:
            size //= 2
        elif len(kept) == before:
            return kept


def _without_runs(history: list[Step], size: int, faults: Faults) -> list[Step]:
    start = 0
    while start < len(history):
        without = history[:start] + history[start + size :]
        if failure_of(without, faults) is not None:
            history = without
        else:
            start += size
    return history


def report_of(seed: int, faults: Faults) -> str | None:
    """Run a seed; None, or its shortest failing history as text."""
    history = history_of(seed)
    if failure_of(history, faults) is None:
        return None
    kept = shortest(history, faults)
    lines = [f"seed {seed} fails; {len(kept)} of its {len(history)} steps are enough:"]
    lines += [f"  {number:3} {step}" for number, step in enumerate(kept, 1)]
    return "\n".join([*lines, f"  -> {failure_of(kept, faults)}"])
