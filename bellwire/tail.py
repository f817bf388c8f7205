"""A terminal in the console: connects, prints, acknowledges, and after any cut resumes right where it was.

Made on the public contract alone; it knows nothing of the server's code.
"""

import asyncio
import contextlib
import json
import random
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import click
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus

from bellwire.amounts import Written, amount_text
from bellwire.client import Peer, explain
from bellwire.trouble import Trouble

LAST_ACK = "acked"
"""From this terminal's last ack; from the beginning where there is none."""
FIRST_WAIT_SECONDS = 0.2
LONGEST_WAIT_SECONDS = 10.0
BEHIND_SECONDS = 3.0
GIVE_UP_STATUSES = frozenset({400, 401, 403, 404})
GIVE_UP_CODES = {
    4401: "the key is not valid",
    4403: "the key was revoked",
    4404: "there is no such shop",
    4409: "another device connected with this terminal's key, and a terminal has one connection; decide which "
    "of the two is meant, or register a terminal of its own for this one",
}


class Cut(Exception):
    """The connection is of no use any more; `wait` seconds is when the server wants us back, if it said so."""

    def __init__(self, why: str, wait: float | None = None) -> None:
        super().__init__(why)
        self.wait = wait


class NobodyReads(Exception):
    """Our output has no reader any more; the connection is as good as ever."""


class Tail:
    """One terminal. Its only state is the offset of the last event that was printed."""

    def __init__(
        self,
        peer: Peer,
        after: str | None,
        types: str | None,
        as_json: bool,
        count: int | None,
        state: Path | None,
        *,
        ack: bool,
    ) -> None:
        self._peer = peer
        self._types = types
        self._as_json = as_json
        self._left = count
        self._state = state
        self._ack = ack
        self._after: str = after or kept_in(state) or LAST_ACK
        self._behind_since: float | None = None
        self._patience = 60.0
        self._wait = FIRST_WAIT_SECONDS
        self._url = ""

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
        self._url = await asyncio.to_thread(self._peer.socket_url)
        while self._left != 0:
            try:
                await self._connection()
            except Cut as cut:
                if self._left == 0:
                    return
                # Full jitter, unless the server gave us a slot of our own.
                seconds = cut.wait if cut.wait is not None else random.uniform(0, self._wait)  # noqa: S311
                self._note(f"{cut}; back in {seconds:.1f} s")
                await asyncio.sleep(seconds)
                self._wait = min(LONGEST_WAIT_SECONDS, self._wait * 2)

    async def _connection(self) -> None:
        query = {
            name: value
            for name, value in (("after", self._after), ("types", self._types))
            if value is not None
        }
        url = f"{self._url}?{urlencode(query)}"
        headers = {"Authorization": f"Bearer {self._peer.key}"}
        try:
            async with connect(url, additional_headers=headers, compression=None, open_timeout=10) as socket:
                await self._follow(socket)
        except InvalidStatus as exc:
            response = exc.response
            sentence = explain(response.status_code, bytes(response.body or b""))
            if response.status_code in GIVE_UP_STATUSES:
                raise Trouble(sentence) from exc
            retry_after = response.headers.get("Retry-After", "")
            raise Cut(sentence, float(retry_after) if retry_after.isdigit() else None) from exc
        except (InvalidHandshake, OSError, TimeoutError) as exc:
            raise Cut(f"no connection ({type(exc).__name__})") from exc
        except ConnectionClosed as exc:
            raise self._cut_of(exc) from exc

    def _cut_of(self, closed: ConnectionClosed) -> Cut:
        code = closed.rcvd.code if closed.rcvd is not None else 1006
        reason = closed.rcvd.reason if closed.rcvd is not None else ""
        if code in GIVE_UP_CODES:
            raise Trouble(GIVE_UP_CODES[code]) from closed
        wait = None
        if reason.startswith("retry_ms=") and reason[9:].isdigit():
            wait = int(reason[9:]) / 1000
        return Cut(f"closed with {code} {reason}".rstrip(), wait)

    async def _follow(self, socket: ClientConnection) -> None:
        loop = asyncio.get_running_loop()
        self._behind_since = None
        while self._left != 0:
            limit = self._patience
            if self._behind_since is not None:
                limit = self._behind_since + BEHIND_SECONDS - loop.time()
            try:
                async with asyncio.timeout(limit):
                    text = await socket.recv(decode=True)
            except TimeoutError as exc:
                raise Cut("the stream stands still") from exc
            await self._on_message(socket, str(text), loop.time())

    async def _on_message(self, socket: ClientConnection, text: str, now: float) -> None:
        message = json.loads(text, parse_float=Written)
        match message["type"]:
            case "hello":
                self._patience = 2.5 * message["heartbeatSeconds"]
                self._wait = FIRST_WAIT_SECONDS
                self._after = message["after"]
                self._note(
                    f"connected as {message['terminal']} of {message['tenant']}, from {message['after']}"
                )
            case "caught_up":
                self._note(f"caught up at {message['offset']}")
            case "heartbeat":
                # Filtered, the head says nothing about what is due here.
                if self._types is None and message["head"] != self._after and self._behind_since is None:
                    self._behind_since = now
            case "reset":
                self._note(f"history before {message['to']} cannot be replayed ({message['reason']})")
                self._keep(message["to"])
            case "error":
                self._note(f"the server did not understand: {message['detail']}")
            case _ if "offset" in message:
                self._behind_since = None
                await self._print(message, text)
                self._keep(message["offset"])
                if self._ack:
                    await socket.send(json.dumps({"type": "ack", "offset": message["offset"]}))

    def _keep(self, offset: str) -> None:
        self._after = offset
        if self._state is not None:
            keep_in(self._state, offset)

    async def _print(self, event: dict[str, Any], text: str) -> None:
        if self._left is not None:
            self._left -= 1
        now = datetime.now(UTC)
        if not self._as_json and event["data"].get("itemsOmitted"):
            event["data"] |= await asyncio.to_thread(self._rest_of, event)
        try:
            click.echo(text if self._as_json else readable(event, now))
            sys.stdout.flush()
        except BrokenPipeError as exc:
            raise NobodyReads from exc

    def _rest_of(self, event: dict[str, Any]) -> dict[str, Any]:
        """The order that a thin event tells of, in full; nothing, where that cannot be had now."""
        path = f"/api/tenant/{event['tenant']}/orders/{event['data']['orderId']}"
        try:
            return self._peer.document(path, "items")
        except Trouble as trouble:
            self._note(f"the items of {event['data']['orderNumber']} cannot be had: {trouble}")
            return {}

    def _note(self, text: str) -> None:
        click.echo(click.style(text, dim=True), err=True)


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
