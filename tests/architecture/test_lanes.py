"""The lanes' list of long files keeps up with the files."""

import pytest

from tests.lanes import LONGEST, TESTS
from tests.sizes import in_one_size


def test_every_file_that_is_named_as_long_is_there_once() -> None:
    assert [name for name in LONGEST if not (TESTS / name).is_file()] == []
    assert len(set(LONGEST)) == len(LONGEST)


def a_test(request: pytest.FixtureRequest, name: str, mark: str) -> pytest.Item:
    item: pytest.Item = pytest.Function.from_parent(request.node.parent, name=name, callobj=lambda: None)
    item.add_marker(mark)
    return item


def test_a_proof_runs_in_its_full_size_or_in_the_smaller_one_and_never_in_neither(
    request: pytest.FixtureRequest,
) -> None:
    smaller, full = (
        a_test(request, "test_a[smaller]", "smaller"),
        a_test(request, "test_a[full size]", "long"),
    )
    other = a_test(request, "test_b[smaller]", "smaller")
    items = [smaller, full, other]
    assert in_one_size(items) == [smaller]
    assert items == [full, other]
    items = [smaller, other]
    assert in_one_size(items) == []
    assert items == [smaller, other]
