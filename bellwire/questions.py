"""The commands that ask a cluster: why an order was not seen, and which shops, terminals, webhooks, orders there are.

They change nothing. Each imports what it needs by itself.
"""

import json
from typing import Any

import click

from bellwire.options import AS_JSON, KEY, TENANT, URL


@click.command()
@URL
@KEY
@TENANT
@AS_JSON
@click.argument("order")
def why(url: str, key: str, tenant: str | None, as_json: bool, order: str) -> None:
    """Tell an order's journey: who was connected, whom it was sent to, who saw it, which alarms came.

    ORDER is its number, such as ORD-15, or its identifier.
    """
    from bellwire.client import Peer
    from bellwire.why import find_journey, story

    found = find_journey(Peer(url, key, tenant), order)
    _print(found.document if as_json else story(found), as_json)


@click.command()
@URL
@KEY
@AS_JSON
@click.option("--search", default="", help="Only those whose slug or name holds this.")
def shops(url: str, key: str, as_json: bool, search: str) -> None:
    """List the shops, with an operator's key."""
    from bellwire.client import Peer
    from bellwire.lists import find_shops, shops_table

    found = find_shops(Peer(url, key, None), search)
    _print(found if as_json else shops_table(found), as_json)


@click.command()
@URL
@KEY
@TENANT
@AS_JSON
def terminals(url: str, key: str, tenant: str | None, as_json: bool) -> None:
    """List a shop's terminals, and which of them are connected."""
    from bellwire.client import Peer
    from bellwire.lists import find_terminals, terminals_table

    found = find_terminals(Peer(url, key, tenant))
    _print(found if as_json else terminals_table(found), as_json)


@click.command()
@URL
@KEY
@TENANT
@AS_JSON
def webhooks(url: str, key: str, tenant: str | None, as_json: bool) -> None:
    """List a shop's webhook endpoints, and what those that fail answered last."""
    from bellwire.client import Peer
    from bellwire.lists import find_webhooks, webhooks_table

    found = find_webhooks(Peer(url, key, tenant))
    _print(found if as_json else webhooks_table(found), as_json)


@click.command()
@URL
@KEY
@TENANT
@AS_JSON
@click.option("--unseen", is_flag=True, help="Only those that are due and that nobody who counts has seen.")
@click.option("--status", help="Only those in this status, or in one of several, comma-separated.")
@click.option(
    "--limit", type=click.IntRange(1, 10_000), default=50, show_default=True, help="So many at most."
)
def orders(
    url: str, key: str, tenant: str | None, as_json: bool, unseen: bool, status: str | None, limit: int
) -> None:
    """List a shop's orders, newest first."""
    from bellwire.client import Peer
    from bellwire.lists import find_orders, orders_table

    query = {
        name: value for name, value in (("status", status), ("unacked", "true" if unseen else None)) if value
    }
    found = find_orders(Peer(url, key, tenant), query, limit)
    _print(found if as_json else orders_table(found, unseen=unseen), as_json)


def _print(found: Any, as_json: bool) -> None:
    click.echo(json.dumps(found, indent=2, ensure_ascii=False) if as_json else found)


QUESTIONS = (why, shops, terminals, webhooks, orders)
