"""The content of `docs/conformance.md` says of a run. Pure."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from conformance.fuzzing import Verdict

# Why a case ends as it does where the book leaves a choice; Autobahn calls the other choice strict.
CHOICES = {
    "3": "The fault is seen before the frame ahead of it was echoed.",
    "4": "The fault is seen before the frame ahead of it was echoed.",
    "5": "The fault is seen before the frame ahead of it was echoed.",
    "6": "Invalid UTF-8 is refused when the message is whole, not in mid-message.",
}
INTRODUCTION = (
    "Written by `make conformance`. The gateway's WebSocket protocol class (`gateway/transport/websocket.py`), "
    "served by uvicorn with a plain ASGI echo, before the fuzzing client of {client} "
    "([0086](decisions/0086-autobahn.md)). "
    "The full report, frame by frame, is left in `.bellwire/conformance/`, outside the repository."
)
SECTIONS = {
    "1": "framing", "2": "pings and pongs", "3": "reserved bits", "4": "opcodes", "5": "fragments", "6": "UTF-8",
    "7": "closing", "9": "limits and performance", "10": "various", "12": "compression",
    "13": "compression, parameters",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Part:
    """The cases that were run in one setting."""

    title: str
    verdicts: Sequence[Verdict]


def report(parts: Sequence[Part], left_out: str, client: str) -> str:
    """Return the page."""
    lines = ["# Conformance", "", INTRODUCTION.format(client=client)]
    for part in parts:
        lines += ["", f"## {part.title}", "", "| section | cases | OK | non-strict | informational | failed |",
                  "| --- | ---: | ---: | ---: | ---: | ---: |"]  # fmt: skip
        for section, found in by_section(part.verdicts).items():
            count = Counter(words(verdict) for verdict in found)
            figures = [len(found), count["OK"], count["NON-STRICT"], count["INFORMATIONAL"], count["failed"]]
            name = f"{section} {SECTIONS.get(section, '')}".strip()
            lines.append(f"| {name} | " + " | ".join(str(figure) for figure in figures) + " |")
    lines += ["", "## Not strict, informational or failed", ""]
    for part in parts:
        for verdict in part.verdicts:
            if words(verdict) != "OK":
                choice = CHOICES.get(verdict.case.split(".")[0], "") if words(verdict) == "NON-STRICT" else ""
                lines.append(f"- {verdict.case} ({part.title.lower()}): {words(verdict)}. {choice}".rstrip())
    lines += ["", f"Left out of this run: {left_out}."]
    return "\n".join(lines) + "\n"


def words(verdict: Verdict) -> str:
    """One word for a case."""
    if not verdict.passed:
        return "failed"
    return verdict.behaviour


def by_section(verdicts: Sequence[Verdict]) -> dict[str, list[Verdict]]:
    """The cases by the first figure of their number."""
    sections: dict[str, list[Verdict]] = {}
    for verdict in verdicts:
        sections.setdefault(verdict.case.split(".")[0], []).append(verdict)
    return sections
