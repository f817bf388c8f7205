"""A storefront that places an order once, however bad the network is.

    BELLWIRE_URL=http://127.0.0.1:8080 BELLWIRE_KEY=bw_store_… \\
        python examples/storefront.py BASKET <order.json

BASKET names the customer's wish: one basket, one order. Keep it with the basket in your database *before* the first
try, and use it for every try of it, also after a restart: it is the `Idempotency-Key`, and the order's `externalId` as
well, which holds for ever where the key holds for seven days. It prints the order's number.
"""

import json
import os
import random
import sys
import time
from typing import Any

import httpx

PATIENCE_SECONDS = 60.0
FIRST_SECONDS, LONGEST_SECONDS = 0.5, 10.0
AGAIN = {408, 425, 429, 500, 502, 503, 504}


class Refused(Exception):
    """The order was not taken and never will be as it is; the text says why."""


class Unknown(Exception):
    """No answer came in time: it may have been taken. Ask again later, with the same basket."""


def place(client: httpx.Client, order: dict[str, Any], basket: str) -> dict[str, Any]:
    """Place an order, once; return `orderId` and `orderNumber` at least.

    Raises:
        Refused: a field is wrong, or the key is; `errors` names every field.
        Unknown: no answer for a minute.
    """
    until = time.monotonic() + PATIENCE_SECONDS
    for attempt in range(1000):
        told: str | None = None
        try:
            answer = client.post(
                "/api/tenant/orders/create",
                json={**order, "externalId": basket},
                headers={"Idempotency-Key": basket},
            )
        except httpx.TransportError as exc:
            # Cut in mid-answer, too: the order may be there by now, and the same key finds it.
            why = repr(exc)
        else:
            problem = answer.json() if "json" in answer.headers.get("Content-Type", "") else {}
            code = str(problem.get("type", "")).rpartition(":")[2]
            if answer.status_code == 201 or code == "external-id-taken":
                found: dict[str, Any] = problem
                return found
            if answer.status_code not in AGAIN and code != "still-running":
                raise Refused(f"{answer.status_code} {problem.get('detail')} {problem.get('errors', '')}")
            why, told = f"{answer.status_code} {code}", answer.headers.get("Retry-After")
        # Full jitter: a thousand customers who were cut at once do not come back at once.
        pause = random.uniform(0, min(LONGEST_SECONDS, FIRST_SECONDS * 2 ** min(attempt, 10)))  # noqa: S311
        if told is not None and told.isdigit():
            pause += int(told)
        if time.monotonic() + pause > until:
            raise Unknown(why)
        time.sleep(pause)
    raise Unknown("too many attempts")


def main() -> None:
    """Place the order of standard input."""
    headers = {"Authorization": f"Bearer {os.environ['BELLWIRE_KEY']}"}
    with httpx.Client(base_url=os.environ["BELLWIRE_URL"], headers=headers, timeout=10) as client:
        try:
            placed = place(client, json.load(sys.stdin), sys.argv[1])
        except (Refused, Unknown) as exc:
            sys.exit(f"{type(exc).__name__}: {exc}")
    print(placed["orderNumber"])


if __name__ == "__main__":
    main()
