"""Close frames are the library's to the byte; a list of origins says whether it has any."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.frames import Close, Frame, Opcode

from backbone.contract.origin import AllowedOrigins
from gateway.core import plain_frames


@given(st.sampled_from([1000, 1001, 1008, 1009, 1011, 1012]) | st.integers(4000, 4999), st.text(max_size=30))
def test_a_close_frame_is_what_the_library_would_have_written(code: int, reason: str) -> None:
    written = Frame(Opcode.CLOSE, Close(code, reason).serialize()).serialize(mask=False)
    assert plain_frames.close(code, reason) == written


@pytest.mark.parametrize("listed", [["*"], ["null"], ["file://"], ["https://till.example.com"]])
def test_a_list_with_something_on_it_is_true_and_any_only_with_a_star(listed: list[str]) -> None:
    assert AllowedOrigins(listed)
    assert AllowedOrigins(listed).any == (listed == ["*"])


def test_an_empty_list_is_false() -> None:
    assert not AllowedOrigins([])
