"""Did the run keep the promise? A verdict from its figures; pure, so that it can be tested without a run."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Figures:
    """The result of a run. `p99_ms` is None when no order reached a terminal."""

    requests: int
    failures: int
    seen: int
    p50_ms: float | None
    p99_ms: float | None


def complaints(figures: Figures, slo_ms: float) -> list[str]:
    """Every reason why the run fails, one sentence each; none when it passes."""
    found = []
    if figures.failures:
        found.append(f"{figures.failures} of {figures.requests} requests, connections or events failed")
    if figures.seen == 0 or figures.p99_ms is None:
        found.append("no order reached a till, so nothing was measured")
    elif figures.p99_ms > slo_ms:
        found.append(f"p99 from order to till is {figures.p99_ms:.0f} ms, over {slo_ms:.0f} ms")
    return found


def report(figures: Figures, slo_ms: float) -> str:
    """The verdict for a console."""
    found = complaints(figures, slo_ms)
    if found:
        return "FAILED: " + "; ".join(found)
    return (
        f"PASSED: {figures.seen} times an order reached a till, "
        f"p50 {figures.p50_ms:.0f} ms, p99 {figures.p99_ms:.0f} ms (limit {slo_ms:.0f} ms), no gap, no repeat"
    )
