"""A kitchen printer: each order on paper once, whatever breaks, with several printers at work.

    BELLWIRE_URL=http://127.0.0.1:8080 BELLWIRE_TENANT=kitchen BELLWIRE_KEY=bw_term_… \\
        python examples/kitchen_printer.py 192.168.1.50:9100      # or a file or device: /dev/usb/lp0

It claims an order, prints it (ESC/POS), says that it is done, and only then goes on to the next. Of several printers,
each with a terminal's key of its own, one prints; should that one die, another does when its claim runs out. While the
printer is off it tries again, nothing is acknowledged, and the shop's alarm rings. A customer's text is data:
characters that a printer might obey are left out of it, newlines too.
"""

import asyncio
import contextlib
import os
import socket
import sys
from pathlib import Path
from typing import Any

from bellwire_terminal import Event, FileCursor, Refused, Terminal

PURPOSE = "print"
FOR_EVER = 10**9
BEGIN, END = b"\x1b@\x1bt\x00", b"\x1dVB\x00"  # reset, code page 437; feed and cut


def clean(text: object) -> str:
    """A customer's text without any character that is not to be seen."""
    return "".join(sign if sign.isprintable() else " " for sign in str(text or ""))


def ticket(order: dict[str, Any], fence: int) -> bytes:
    """An order as the printer gets it."""
    lines = [f"{order['orderNumber']}  {order['orderType']}", order.get("customerName"), ""]
    for item in order.get("items", [{"quantity": "?", "name": "see the till: too many items"}]):
        lines += [f"{item['quantity']} x {item['name']}"]
        lines += [f"    + {more['quantity']} x {more['name']}" for more in item.get("modifiers", [])]
        lines += [f"    ! {item['notes']}"] if item.get("notes") else []
    lines += ["", order.get("specialInstructions"), f"no. {fence} of this order" if fence > 1 else ""]
    return BEGIN + "\n".join(map(clean, lines)).encode("cp437", "replace") + b"\n" + END


def put(data: bytes, printer: str) -> None:
    """Hand it to the printer: HOST:PORT, or a file."""
    host, _, port = printer.rpartition(":")
    if port.isdigit():
        with socket.create_connection((host, int(port)), timeout=10) as connection:
            connection.sendall(data)
    else:
        with Path(printer).open("ab") as file:
            file.write(data)


async def print_once(till: Terminal, order: dict[str, Any], printer: str) -> None:
    """Print an order, unless another printer did. One that holds it may be dead, so it is asked for again."""
    while True:
        async with till.claim(order["orderId"], PURPOSE) as claim:
            if claim:
                await asyncio.to_thread(put, ticket(order, claim.fence or 0), printer)
            if claim or claim.done:
                return
        await asyncio.sleep(2)


async def main(printer: str) -> None:
    """Print for ever."""

    async def handle(event: Event) -> None:
        # A snapshot comes where history cannot be replayed: the orders that are open.
        for order in event.data.get("orders", [event.data]):
            try:
                await print_once(till, order, printer)
            except Refused as no:
                print(f"{order['orderNumber']} is not printed: {no}", file=sys.stderr)

    url, tenant, key = (os.environ[name] for name in ("BELLWIRE_URL", "BELLWIRE_TENANT", "BELLWIRE_KEY"))
    cursor = FileCursor(os.environ.get("TILL_CURSOR", "printer.cursor"))
    wishes: dict[str, Any] = {"types": ["new_order"], "attempts": FOR_EVER}
    async with Terminal(url, tenant, key, cursor=cursor, on_report=print, **wishes) as till:
        await till.run(handle)


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(main(sys.argv[1]))
