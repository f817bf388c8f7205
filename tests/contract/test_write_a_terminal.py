"""docs/write-a-terminal.md asks for what the contract and the SDKs' scripts ask for: close codes and pauses."""

import json
import re
from typing import Any

from bellwire_terminal.core import acks, backoff, watch
from tests.conftest import ROOT

PAGE = (ROOT / "docs" / "write-a-terminal.md").read_text(encoding="utf-8")
ROWS = {int(code): do for code, do in re.findall(r"^\| (\d{4}) \| .* \| (.*) \|$", PAGE, re.M)}


def test_the_codes_of_the_page_are_those_of_the_contract() -> None:
    contract = (ROOT / "docs" / "protocol.md").read_text(encoding="utf-8")
    [said] = re.findall(r"^Close codes: (.*?)After 4401", contract, re.M | re.S)
    assert set(ROWS) == {int(code) for code in re.findall(r"\b[14]\d{3}\b", said)}


def asked(script: dict[str, Any]) -> tuple[int, bool, str] | None:
    """Of a script with a close: its code, whether a hello came before, and what the machine makes of it."""
    greeted = False
    for step in script["steps"]:
        given = step["in"]
        greeted = greeted or given.get("message", {}).get("type") == "hello"
        if given["type"] == "closed":
            kinds = {out["type"] for out in step["out"]} | {out.get("state") for out in step["out"]}
            does = "ask a person" if "replaced" in kinds else "come back" if "wait" in kinds else "stop"
            return given["code"], greeted, does
    return None


def test_each_code_asks_for_what_the_scripts_of_every_sdk_do() -> None:
    scripts = json.loads((ROOT / "sdk" / "vectors" / "closes.json").read_text(encoding="utf-8"))["scripts"]
    found = [what for script in scripts if (what := asked(script)) is not None]
    assert set(ROWS) <= {code for code, _, _ in found}
    for code, greeted, does in found:
        after, _, before = ROWS.get(code, "come back").partition("; before `hello` ")
        assert does == (before if before and not greeted else after), (code, greeted)


def test_the_pauses_of_the_page_are_those_of_the_sdks() -> None:
    pauses = {
        f"min({backoff.LONGEST_MS // 1000} s, {backoff.FIRST_MS // 1000} s × 2^failures)",
        f"at most {backoff.LONGEST_SLOT_MS:,}",
        f"at most {backoff.LONGEST_RETRY_AFTER_MS // 1000}, and at random 0 to {backoff.FIRST_MS // 1000} s more",
        f"lived for {backoff.STEADY_MS // 1000} s",
        f"patience = {watch.SILENT_HEARTBEATS} × heartbeatSeconds",
        f"for {watch.BEHIND_MS // 1000} s: leave",
        f"({watch.HELLO_MS // 1000} s before hello)",
        f"within {acks.ACK_MS} ms",
    }
    assert {pause for pause in pauses if pause not in PAGE} == set()
