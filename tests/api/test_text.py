"""Texts reach tills and their printers: no control character, one way to end a line, a name one can see."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.core.text import clean_text, require_visible

CONTROLS = [chr(code) for code in (*range(0x20), *range(0x7F, 0xA0)) if chr(code) not in "\t\n\r"]
INVISIBLE = (
    " \t\n\u00a0\u00ad\u034f\u061c\u115f\u1160\u17b4\u180e\u2000\u200b\u200d\u200e\u2028\u202e\u2060\u2066"
    "\u2800\u3000\u3164\ufe0f\ufeff\uffa0\U000e0041\U000e0100"
)


@pytest.mark.parametrize("control", CONTROLS, ids=ascii)
def test_each_control_character_is_refused(control: str) -> None:
    with pytest.raises(ValueError, match=f"U\\+{ord(control):04X}"):
        clean_text(f"Ada{control}")


@given(st.text())
def test_a_text_without_controls_keeps_all_but_its_line_ends(text: str) -> None:
    if any(control in text for control in CONTROLS):
        with pytest.raises(ValueError, match="control"):
            clean_text(text)
    else:
        assert clean_text(text) == text.replace("\r\n", "\n").replace("\r", "\n")


@given(st.text(alphabet=INVISIBLE))
def test_a_name_of_invisible_characters_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="visible"):
        require_visible(name)


@given(st.characters(categories=("L", "N", "P", "S")).filter(lambda one: one not in INVISIBLE))
def test_one_visible_character_is_enough(one: str) -> None:
    if unicodedata.name(one, "").endswith(("NULL NOTEHEAD", "OBJECT REPLACEMENT CHARACTER")):
        return
    assert require_visible(f"\u200b{one}") == f"\u200b{one}"
