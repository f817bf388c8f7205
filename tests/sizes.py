"""A proof in two sizes: the smaller one on every change, the full one with the long tests, and then in its place."""

import pytest

SIZES = [
    pytest.param(False, marks=pytest.mark.smaller, id="smaller"),
    pytest.param(True, marks=pytest.mark.long, id="full size"),
]
"""For a parameter that says whether it is the full size."""


def in_one_size(items: list[pytest.Item]) -> list[pytest.Item]:
    """Take out, and return, each smaller size whose test runs in full size too: that holds all that it holds."""
    full = {_test_of(item) for item in items if item.get_closest_marker("long") is not None}
    less = [
        item for item in items if item.get_closest_marker("smaller") is not None and _test_of(item) in full
    ]
    items[:] = [item for item in items if item not in less]
    return less


def _test_of(item: pytest.Item) -> str:
    return item.nodeid.partition("[")[0]
