"""The lanes' list of long files keeps up with the files."""

from tests.lanes import LONGEST, TESTS


def test_every_file_that_is_named_as_long_is_there_once() -> None:
    assert [name for name in LONGEST if not (TESTS / name).is_file()] == []
    assert len(set(LONGEST)) == len(LONGEST)
