"""The law for a terminal's machine, read from the contract and not from the machine: it looks at a transcript alone.

A transcript is what went in and what came out, step by step. `verdict` names what was broken; an empty list is good.
"""

from dataclasses import dataclass, field
from typing import Any

Step = tuple[dict[str, Any], list[dict[str, Any]], int | None]
ENDS_OF_A_KEY = {4401, 4403, 4404}
NUDGE_MS = 1_000
FIRST_SPAN_MS = 2_000
LONGEST_SPAN_MS = 30_000
LONGEST_SLOT_MS = 600_000
LONGEST_RETRY_AFTER_MS = 300_000


@dataclass
class Judge:
    """The transcript up to here, in the judge's own words."""

    faults: list[str] = field(default_factory=list)
    now: int = 0
    link: int = 0
    open: bool = False
    barred: str | None = None
    not_before: int | None = None
    told: bool = False
    nudged: bool = False
    on_disk: str | None = None
    began_without: bool = False
    done: list[str] = field(default_factory=list)
    handed: str | None = None
    handled: set[str] = field(default_factory=set)
    marks: set[str] = field(default_factory=set)
    received: list[str] = field(default_factory=list)

    def blame(self, fault: str) -> None:
        """Something was broken."""
        self.faults.append(f"at {self.now}: {fault}")

    def step(self, given: dict[str, Any], out: list[dict[str, Any]], due: int | None) -> None:
        """One step of the transcript."""
        self.now = max(self.now, given["at"])
        self._heard(given)
        ends = False
        for output in out:
            ends = ends or output["type"] == "stop"
            self._did(given, output)
        waiting = self.not_before is not None and not self.open and self.barred is None and not ends
        if waiting and (due is None or due > max(self.now, self.not_before or 0) + self.nudged * NUDGE_MS):
            self.blame(f"it wants to come back at {self.not_before}, and asks to be woken at {due}")
        if given["type"] == "wake" and not out and due is not None and due <= self.now:
            self.blame("it was woken for nothing, and asks for it again at once")

    def _heard(self, given: dict[str, Any]) -> None:
        ours = self.open and given.get("link") == self.link
        match given["type"]:
            case "start":
                cursor = given.get("cursor")
                self.on_disk = None if cursor is None else cursor["offset"]
                self.began_without = cursor is None or "damaged" in given
            case "message" if ours and isinstance(given["message"], dict):
                self._message(given["message"])
            case "page" if ours and isinstance(given["page"], dict):
                self._page(given["page"])
            case "handled" | "buried" if given["offset"] == self.handed:
                self.handled.add(given["offset"])
            case "stored":
                self._stored(given["offset"])
            case "closed" if ours:
                self.open = False
                if given["code"] in ENDS_OF_A_KEY:
                    self.barred = "the key is no good"
                elif given["code"] == 4409:
                    self.barred = "replaced"
            case "refused" | "failed" if ours:
                self.open = False
                if given.get("problem") is not None and given["status"] in (400, 401, 403, 404, 422):
                    self.barred = "the key is no good"
            case "online" if self.not_before is not None and not self.told:
                self.not_before, self.nudged = min(self.not_before, self.now), True
            case "owner" if self.barred == "replaced" and given["decision"] == "return":
                self.barred, self.not_before = None, None

    def _message(self, message: dict[str, Any]) -> None:
        kind = message.get("type")
        if kind in ("hello", "caught_up"):
            self.marks.add(str(message.get("after" if kind == "hello" else "offset")))
        elif kind == "reset":
            self.received = []
        elif isinstance(message.get("data"), dict) and message.get("offset"):
            self.received.append(message["offset"])

    def _page(self, page: dict[str, Any]) -> None:
        self.marks.add(str(page.get("offset")))
        self.received += [event["offset"] for event in page["events"]]

    def _stored(self, offset: str) -> None:
        self.on_disk = offset
        if self.handed == offset:
            self.handed = None
            self.done.append(offset)

    def _did(self, given: dict[str, Any], output: dict[str, Any]) -> None:
        match output["type"]:
            case "connect" | "poll":
                self._opens(output)
            case "close":
                if output["link"] != self.link:
                    self.blame(f"it closes link {output['link']}, which is gone")
                self.open = False
            case "wait":
                self._waits(given, output["ms"])
            case "deliver":
                self._delivers(output)
            case "store":
                self._stores(output["cursor"]["offset"])
            case "send" | "post_ack":
                body = output.get("message") or output["body"]
                if "offset" in body and body["offset"] != self.on_disk:
                    self.blame(f"it acknowledges {body['offset']}, and the disk has {self.on_disk}")
            case "stop":
                self.barred = self.barred or "it ended"
                self.open = False

    def _opens(self, output: dict[str, Any]) -> None:
        same = output["type"] == "poll" and self.open and output["link"] == self.link
        if self.open and not same:
            self.blame("it opens a second connection beside the first")
        if not same and output["link"] != self.link + 1:
            self.blame(f"link {output['link']} follows {self.link}")
        if self.barred is not None:
            self.blame(f"it connects although {self.barred}")
        if self.not_before is not None and self.now < self.not_before:
            self.blame(f"it connects before {self.not_before}")
        # A filter that changed is the one start that the disk does not decide.
        wanted = {self.on_disk} if self.done else {self.on_disk, "acked"}
        if self.on_disk is not None and not self.began_without and output["after"] not in wanted:
            self.blame(f"it asks for what follows {output['after']}, and the disk has {self.on_disk}")
        self.link, self.open, self.not_before = output["link"], True, None
        if not same:
            self.received = []

    def _waits(self, given: dict[str, Any], wait: int) -> None:
        self.open = False
        reason = str(given.get("reason", ""))
        slot = reason.partition("retry_ms=")[2].partition(" ")[0]
        told = given.get("retryAfterMs") if given["type"] == "refused" else None
        if given["type"] == "closed" and slot.isdigit():
            if wait != min(int(slot), LONGEST_SLOT_MS):
                self.blame(f"its slot was {slot} ms, and it takes {wait}")
        elif told is not None:
            least = min(told, LONGEST_RETRY_AFTER_MS)
            if not least <= wait <= least + FIRST_SPAN_MS:
                self.blame(f"it was asked to stay away for {told} ms, and comes back after {wait}")
        elif not 0 <= wait <= LONGEST_SPAN_MS:
            self.blame(f"a pause of {wait} ms")
        self.told = told is not None or (given["type"] == "closed" and slot.isdigit())
        self.not_before, self.nudged = self.now + wait, False

    def _delivers(self, output: dict[str, Any]) -> None:
        offset = output["offset"]
        if self.handed is not None and self.handed != offset:
            self.blame(f"{offset} is delivered while {self.handed} is in the hand")
        if output["kind"] == "event":
            if offset in self.done:
                self.blame(f"{offset} is delivered again, and was on the disk")
            if offset in self.received:
                earlier = self.received[: self.received.index(offset)]
                missing = [one for one in earlier if one not in self.done and one != self.on_disk]
                if missing:
                    self.blame(f"{offset} is delivered, and {missing[0]} before it was passed over")
        self.handed = offset

    def _stores(self, offset: str) -> None:
        if self.handed is not None:
            if offset != self.handed:
                self.blame(f"{offset} is stored while {self.handed} is in the hand")
            if offset not in self.handled:
                self.blame(f"{offset} is stored, and nobody handled it")
        elif offset not in self.marks:
            self.blame(f"{offset} is stored, and nobody spoke of it")


def verdict(steps: list[Step]) -> list[str]:
    """The promises that a transcript broke."""
    judge = Judge()
    for given, out, due in steps:
        judge.step(given, out, due)
    return judge.faults
