"""Why was an order not seen? Its journey, told as a person would tell it.

Asking is thin and apart; the telling is pure.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from bellwire.client import Peer
from bellwire.moments import moment_text, seconds_between
from bellwire.trouble import Trouble

LAST_CONNECTIONS = 20
"""Of so many terminals that were not there it is asked when they last were."""

_NUMBER = re.compile(r"ORD-[1-9][0-9]{0,17}", re.ASCII | re.IGNORECASE)
_IDENTIFIER = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII | re.IGNORECASE)
_CODES = {
    1000: "it said goodbye",
    1001: "it said goodbye",
    1006: "the connection broke",
    1012: "the gateway was restarted",
    4403: "its key was taken away",
    4408: "it was too slow",
    4409: "another connection took its place",
}


@dataclass(frozen=True, slots=True)
class Told:
    """An order, its journey, and the newest connection before it of terminals that were not there, by terminal."""

    tenant: str
    order: dict[str, Any]
    journey: dict[str, Any]
    before: dict[str, dict[str, Any]] = field(default_factory=dict)

    @property
    def document(self) -> dict[str, Any]:
        """The same as JSON has it."""
        return {"tenant": self.tenant, "order": self.order, "journey": self.journey}


def find_journey(peer: Peer, order: str) -> Told:
    """Ask for an order by its number or identifier, and for its journey.

    Raises:
        Trouble: no answer, a refusal, or no such order.
    """
    tenant = peer.shop()
    shop = f"/api/tenant/{quote(tenant)}"
    if _IDENTIFIER.fullmatch(order):
        found = peer.document(f"{shop}/orders/{order}", "orderId", "orderNumber")
    elif _NUMBER.fullmatch(order):
        orders = peer.document(f"{shop}/orders", "orders", orderNumber=order)["orders"]
        if not orders:
            raise Trouble(f"{tenant} has no order {order.upper()}")
        found = orders[0]
    else:
        raise Trouble(f"{order!r} is no order's number such as ORD-15, and no identifier")
    journey = peer.document(f"{shop}/orders/{found['orderId']}/journey", "committed", "terminals", "webhooks")
    before = {}
    absent = [each["terminalId"] for each in journey["terminals"] if not each["connected"]]
    for terminal in absent[:LAST_CONNECTIONS]:
        for line in peer.document(f"{shop}/terminals/{terminal}/connections", "connections")["connections"]:
            if line["to"] is not None and line["to"] <= journey["committed"]:
                before[terminal] = line
                break
    return Told(tenant, found, journey, before)


def story(told: Told) -> str:
    """The whole of it, as lines."""
    return "\n".join(_lines(told))


def _lines(told: Told) -> Iterator[str]:
    order, journey = told.order, told.journey
    placed = journey["committed"]
    yield f"{order['orderNumber']} of {told.tenant} is {order['status']}. Moments are UTC. (id {order['orderId']})"
    yield f"{moment_text(placed)}  placed, source {order['orderSource']}"
    for moment, text in sorted(_moments(told)):
        yield f"{moment_text(moment, placed):>19}  {text}"
    if journey["terminals"]:
        yield ""
        width = max(len(each["name"]) for each in journey["terminals"])
        for each in journey["terminals"]:
            part = _part(
                each, told.before.get(each["terminalId"]), placed, announced=bool(journey["announced"])
            )
            yield f"  {each['name'].ljust(width)}  {part}"
    for hook in journey["webhooks"]:
        yield f"  webhook {hook['url']}: {_hook(hook)}"
    yield ""
    yield verdict(told)


def _moments(told: Told) -> Iterator[tuple[str, str]]:
    journey = told.journey
    for step in journey["status"][1:]:
        yield step["at"], f"moved on to {step['status']}"
    for alarm in journey["alarms"]:
        if alarm["type"] == "order_acknowledged":
            yield alarm["at"], "the alarm ended: somebody has seen it"
        else:
            attempt = "" if alarm["attempt"] is None else f", attempt {alarm['attempt']}"
            yield alarm["at"], f"alarm{attempt}: unseen for {alarm['waitedSeconds']} s"
    for each in journey["terminals"]:
        if each["ackedAt"] is not None:
            yield each["ackedAt"], f"{each['name']} acknowledged it"
    # Pods of the release before do not have them.
    for claim in journey.get("claims", ()):
        times = "" if claim["fence"] == 1 else f" (fence {claim['fence']})"
        yield claim["claimedAt"], f"{claim['name']} claimed it for {claim['purpose']}{times}"
        if claim["doneAt"] is not None:
            yield claim["doneAt"], f"{claim['name']} has done {claim['purpose']}"
    for hook in journey["webhooks"]:
        if hook["ackedAt"] is not None:
            yield hook["ackedAt"], "a webhook took it"


def _part(each: dict[str, Any], before: dict[str, Any] | None, placed: str, *, announced: bool) -> str:
    """A terminal's part in it."""
    if each["connected"]:
        there = "; ".join(_connection(line, placed) for line in each["connected"])
    elif before is not None:
        there = f"not connected; last {_connection(before, placed)}"
    else:
        there = "not connected"
    if each["ackedAt"] is not None:
        return f"{there}; acknowledged after {_waited(placed, each['ackedAt'])}"
    if not announced:
        return there
    sent = (
        "was sent the order, and has not acknowledged it" if each["sentBefore"] else "was not sent the order"
    )
    return f"{there}; {sent}"


def _connection(line: dict[str, Any], placed: str) -> str:
    where = line["door"] if line["gateway"] is None else f"{line['door']} at {line['gateway']}"
    since = f"connected ({where}) from {moment_text(line['from'], placed)}"
    if line["to"] is None:
        return f"{since} until now"
    reason = "" if line["code"] is None else f" ({_CODES.get(line['code'], 'close code')}, {line['code']})"
    return f"{since} to {moment_text(line['to'], placed)}{reason}"


def _hook(hook: dict[str, Any]) -> str:
    if hook["ackedAt"] is not None:
        return "took it, which counts as seen"
    passed = "is past it" if hook["sentBefore"] else "was not sent it"
    trouble = (
        f", failed {hook['failures']} times in a row ({hook['lastOutcome']})" if hook["failures"] else ""
    )
    return passed + ("" if hook["enabled"] else ", is switched off") + trouble


def verdict(told: Told) -> str:
    """The answer in a sentence."""
    journey = told.journey
    if journey["announced"] is None:
        return "Its source makes no event: no till is told of it, and no alarm comes."
    seen = [(each["ackedAt"], each["name"]) for each in journey["terminals"] if each["ackedAt"] is not None]
    seen += [(hook["ackedAt"], "a webhook") for hook in journey["webhooks"] if hook["ackedAt"] is not None]
    if seen:
        at, name = min(seen)
        return f"It was seen: by {name} first, {_waited(journey['committed'], at)} after it was placed."
    sent = [each["name"] for each in journey["terminals"] if each["sentBefore"]]
    if sent:
        return f"It was not seen: it was sent to {_and(sent)}, without an acknowledgement."
    there = [each["name"] for each in journey["terminals"] if each["connected"]]
    if there:
        return (
            f"It was not seen: of those who were connected ({_and(there)}) each was gone before the order was written "
            "to it, or filters such orders out."
        )
    return "It was not seen: no terminal was connected while it waited."


def _waited(first: str, second: str) -> str:
    seconds = max(0.0, seconds_between(first, second))
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def _and(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else ", ".join(names[:-1]) + " and " + names[-1]
