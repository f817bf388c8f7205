"""Durations, counted in buckets that are narrow enough to be read as figures; sums of parts are the whole's.

A bucket is 2.2 % wide: 32 of them double. Percentiles are a bucket's upper edge, so that a figure may be 2.2 % too
high and is never too low.
"""

import math
from collections.abc import Iterable, Mapping

PER_DOUBLING = 32
LEAST_MS = 0.001

Buckets = Mapping[int, int]


def bucket_of(milliseconds: float) -> int:
    """The bucket's number; below a microsecond it is 0."""
    return max(0, math.ceil(math.log2(max(milliseconds, LEAST_MS) / LEAST_MS) * PER_DOUBLING - 1e-9))


def edge_of(bucket: int) -> float:
    """The upper edge of a bucket, in milliseconds."""
    return float(LEAST_MS * 2 ** (bucket / PER_DOUBLING))


def total(buckets: Buckets) -> int:
    """How many durations there are."""
    return sum(buckets.values())


def percentile(buckets: Buckets, share: float) -> float | None:
    """The least edge that `share` of all do not exceed; None where there is nothing."""
    wanted = math.ceil(total(buckets) * share)
    if not buckets:
        return None
    seen = 0
    for bucket in sorted(buckets):
        seen += buckets[bucket]
        if seen >= wanted:
            return edge_of(bucket)
    raise AssertionError("a share is at most 1")


def merged(parts: Iterable[Buckets]) -> dict[int, int]:
    """All of them as one."""
    whole: dict[int, int] = {}
    for part in parts:
        for bucket, count in part.items():
            whole[bucket] = whole.get(bucket, 0) + count
    return whole
