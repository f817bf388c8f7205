"""The fixtures that tests of API pods share besides the pods themselves."""

from collections.abc import Iterator

import pytest

from tests.api.sink import Sink, open_sink


@pytest.fixture
def sink() -> Iterator[Sink]:
    """A server that takes webhooks."""
    with open_sink() as found:
        yield found
