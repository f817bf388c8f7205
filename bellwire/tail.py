"""A terminal in the console: connects, prints, acknowledges, and after any cut resumes right where it was.

Stands on the terminals' SDK, as a shop's till does; it knows nothing of the server's code.
"""

import asyncio
import contextlib
import json
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from bellwire.amounts import Written, amount_text
from bellwire.client import Peer
from bellwire.trouble import Trouble
from bellwire_terminal import Event, Stopped, Terminal

LAST_ACK = "acked"
"""From this terminal's last ack; from the beginning where there is none."""
SENTENCES = {
    4401: "the key is not valid",
    4403: "the key was revoked",
    4404: "there is no such shop",
    4409: "another device connected with this terminal's key, and a terminal has one connection; decide which "
    "of the two is meant, or register a terminal of its own for this one",
}


class NobodyReads(Exception):
    """Our output has no reader any more; the connection is as good as ever."""


class OffsetFile:
    """The offset of the last event that was printed, as a text; without a file it is forgotten at the end."""

    blocking = False

    def __init__(self, path: Path | None, offset: str | None, kept: Mapping[str, Any]) -> None:
        self._path = path
        self._kept = None if offset is None else {**kept, "offset": offset}

    def load(self) -> dict[str, Any] | None:
        """The cursor that it is, for the filter of this run."""
        return self._kept

    def save(self, kept: dict[str, Any]) -> None:
        """Keep it, whole or not at all."""
        self._kept = kept
        if self._path is not None:
            keep_in(self._path, kept["offset"])


class Tail:
    """One terminal. Its only state is the offset of the last event that was printed."""

    def __init__(
        self,
        peer: Peer,
        after: str | None,
        filters: Mapping[str, str],
        as_json: bool,
        count: int | None,
        state: Path | None,
        *,
        ack: bool,
    ) -> None:
        self._peer = peer
        self._filters = {name: sorted(set(text.split(","))) for name, text in filters.items()}
        self._as_json = as_json
        self._left = count
        self._state = state
        self._ack = ack
        self._after = after
        self._kept = kept_in(state)
        self._terminal: Terminal | None = None

    def run(self) -> None:
        """Tail until interrupted, until `count` events were printed, or until the server says not to come back.

        Raises:
            Trouble: the key, the address or the offset is wrong, this terminal has been replaced, or the state's file
                can no longer be written.
        """
        try:
            with contextlib.suppress(KeyboardInterrupt, asyncio.CancelledError):
                asyncio.run(self._run())
        except NobodyReads as exc:
            raise BrokenPipeError from exc

    async def _run(self) -> None:
        shop = await asyncio.to_thread(self._peer.shop)
        kept = {"tenant": shop, "filter": self._filters}
        # An offset that is named goes before the one that is kept.
        offset = None if self._after else self._kept
        self._terminal = Terminal(
            self._peer.url, shop, self._peer.key,
            cursor=OffsetFile(self._state, offset, kept), start=self._after or LAST_ACK,
            types=self._filters.get("types", ()), stations=self._filters.get("stations", ()),
            categories=self._filters.get("categories", ()),
            acks=self._ack, snapshots=False, on_state=self._on_state, on_report=self._on_report, parse_float=Written,
        )  # fmt: skip
        try:
            async with self._terminal as terminal:
                async for event in terminal:
                    if event.kind == "reset":
                        told = f"history before {event.offset} cannot be replayed ({event.data['reason']})"
                        self._note(told)
                        continue
                    self._print(event)
                    if self._left == 0:
                        await terminal.handled()
                        return
        except Stopped as exc:
            raise Trouble(SENTENCES.get(exc.code or 0) or sentence(exc)) from exc

    def _on_state(self, state: Mapping[str, Any]) -> None:
        if state["state"] == "live" and self._terminal is not None:
            self._note(f"caught up at {self._terminal.offset}")
        elif state["state"] == "catching_up" and state["done"] == 0:
            self._note(
                f"connected, {state['of'] if state['of'] is not None else 'some'} events to catch up with"
            )

    def _on_report(self, report: Mapping[str, Any]) -> None:
        match report["kind"]:
            case "wait":
                self._note(f"{report['why']}; back in {report['ms'] / 1000:.1f} s by {report['door']}")
            case "server":
                self._note(f"the server did not understand: {report['detail']}")
            case _:
                self._note(json.dumps(dict(report)))

    def _print(self, event: Event) -> None:
        if self._left is not None:
            self._left -= 1
        now = datetime.now(UTC)
        if event.thin and not self._as_json:
            self._note(f"the items of {event.data['orderNumber']} cannot be had")
        text = json.dumps(dict(event), ensure_ascii=False, separators=(",", ":")) if self._as_json else None
        try:
            click.echo(readable(dict(event), now) if text is None else text)
            sys.stdout.flush()
        except BrokenPipeError as exc:
            raise NobodyReads from exc

    def _note(self, text: str) -> None:
        click.echo(click.style(text, dim=True), err=True)


def sentence(stopped: Stopped) -> str:
    """Why it is over, in one sentence."""
    return f"{stopped.code or ''} {stopped.detail or stopped.reason}".strip()


def kept_in(state: Path | None) -> str | None:
    """The offset that is kept there, if any.

    Raises:
        Trouble: nothing can be kept there.
    """
    if state is None:
        return None
    try:
        kept = state.read_text().strip() if state.exists() else ""
        keep_in(state, kept)
    except (OSError, UnicodeDecodeError) as exc:
        raise Trouble(f"{state} is not a file with an offset") from exc
    return kept or None


def keep_in(state: Path, offset: str) -> None:
    """Keep it, whole or not at all.

    Raises:
        Trouble: it cannot be kept.
    """
    draft = state.with_name(f"{state.name}.draft")
    try:
        draft.write_text(offset)
        draft.replace(state)
    except OSError as exc:
        raise Trouble(f"the offset cannot be kept in {state} ({exc.strerror})") from exc


def _items(data: dict[str, Any]) -> str:
    """The items in a few words; how many there are, where the event does not have them."""
    if "items" not in data:
        return f"{data['itemCount']} items"
    return ", ".join(f"{item['quantity']} × {item['name']}" for item in data["items"])


def readable(event: dict[str, Any], now: datetime) -> str:
    """One line for a person: time, offset, type, what it is about, how long it took."""
    data = event["data"]
    moment = datetime.fromisoformat(event["timestamp"])
    match event["type"]:
        case "new_order":
            total = amount_text(data["totalAmount"])
            what = f"{data['orderNumber']}  {total}  {data['customerName'] or '-'}: {_items(data)}"
        case "order_updated":
            what = f"{data['orderNumber']}  {data['previousStatus']} → {data['status']}"
        case "order_paid":
            what = (
                f"{data['orderNumber']}  {amount_text(data['amount'])} by {data['method']} {data['status']}, "
                f"{amount_text(data['amountDue'])} due"
            )
        case "order_refunded":
            what = f"{data['orderNumber']}  -{amount_text(data['amount'])}, {amount_text(data['amountPaid'])} paid"
        case "gift_card_purchased":
            what = f"{data['cardNumber']}  {amount_text(data['balance'])}  by {data['purchasedBy']}"
        case "gift_card_redeemed":
            what = (
                f"{data['cardNumber']}  -{amount_text(data['amount'])}, {amount_text(data['balance'])} left"
            )
        case "gift_card_refunded" | "gift_card_topped_up":
            what = f"{data['cardNumber']}  +{amount_text(data['amount'])}, {amount_text(data['balance'])} now"
        case "gift_card_voided":
            what = f"{data['cardNumber']}  voided, with {amount_text(data['amount'])}"
        case "loyalty_updated":
            what = f"{data['pointsChange']:+d} points, {data['newBalance']} now"
        case _:
            what = json.dumps(data)
    late = (now - moment).total_seconds() * 1000
    return (
        f"{moment.astimezone():%H:%M:%S}  {event['offset']:>8}  {event['type']:<20}  {what}  ({late:.0f} ms)"
    )
