"""Names of stations are compared alike by the server and by both SDKs, whatever is written."""

import json
import subprocess
import unicodedata
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from backbone.contract.names import folded as server_folded
from bellwire_terminal.core.showing import folded
from tests.sdk.test_javascript import node

PROGRAM = Path(__file__).with_name("folds.mjs")


@given(st.text(max_size=64))
def test_a_name_is_folded_as_the_server_folds_it_however_its_accents_are_composed(name: str) -> None:
    assert folded(name) == server_folded(name)
    for form in ("NFC", "NFD"):
        assert folded(unicodedata.normalize(form, name)) == folded(name)


def test_both_languages_take_the_same_characters_for_one() -> None:
    done = subprocess.run(
        [node(), str(PROGRAM)], capture_output=True, text=True, encoding="utf-8", timeout=60, check=True
    )
    of_javascript: list[str] = json.loads(done.stdout)
    assert len(of_javascript) == 0x110000
    there: dict[str, str] = {}
    back: dict[str, str] = {}
    for code, other in enumerate(of_javascript):
        # A character that this Python does not know yet, or half of one.
        if unicodedata.category(chr(code)) in ("Cn", "Cs"):
            continue
        ours = folded(chr(code))
        # The folds may look different (Cherokee has its capitals, or its small letters), but each has one in the other.
        assert there.setdefault(ours, other) == other, hex(code)
        assert back.setdefault(other, ours) == ours, hex(code)
