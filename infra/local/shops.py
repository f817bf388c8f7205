"""The two shops of the demo, made over HTTP with the operator's key, as an operator would make them."""

import ssl
from dataclasses import dataclass
from typing import Any

import httpx

from infra.local.failure import CannotStart

SHOPS = {
    "kitchen": ("The Kitchen", ("counter", "kitchen-1", "kitchen-2", "bar", "drive-through")),
    "bistro": ("Le Bistro", ("counter", "kitchen")),
}


@dataclass(frozen=True, slots=True)
class Terminal:
    """One till and its key."""

    terminal_id: str
    name: str
    key: str


@dataclass(frozen=True, slots=True)
class Shop:
    """One tenant, with the keys that are shown only once."""

    slug: str
    storefront_key: str
    terminals: tuple[Terminal, ...]


def open_shops(url: str, operator_key: str, tls: ssl.SSLContext | bool = True) -> list[Shop]:
    """Make both tenants and their terminals. `tls`: whom to trust, as httpx takes it.

    Raises:
        CannotStart: the API said no; a tenant that exists already is said so.
    """
    headers = {"Authorization": f"Bearer {operator_key}"}
    # trust_env off: a proxy of the environment is not for our own loopback.
    with httpx.Client(base_url=url, headers=headers, timeout=30.0, trust_env=False, verify=tls) as client:
        return [open_shop(client, slug, name, terminals) for slug, (name, terminals) in SHOPS.items()]


def open_shop(client: httpx.Client, slug: str, name: str, terminals: tuple[str, ...]) -> Shop:
    tenant = post(client, "/api/tenants", {"slug": slug, "name": name})
    made = [post(client, f"/api/tenant/{slug}/terminals", {"name": terminal}) for terminal in terminals]
    tills = tuple(Terminal(str(each["terminalId"]), each["name"], each["key"]) for each in made)
    return Shop(slug, tenant["storefrontKey"], tills)


def post(client: httpx.Client, path: str, body: dict[str, str]) -> dict[str, Any]:
    try:
        answer = client.post(path, json=body)
    except httpx.HTTPError as exc:
        raise CannotStart(f"POST {path} got no answer ({exc}).") from exc
    if answer.status_code == 409 and path == "/api/tenants":
        raise CannotStart(
            f"The database has a tenant {body['slug']} already, whose keys nobody can be shown again; "
            "point BELLWIRE_DATABASE_URL to an empty database for the demo."
        )
    if answer.status_code != 201:
        raise CannotStart(f"POST {path} was answered with {answer.status_code}.\n{answer.text}")
    document: dict[str, Any] = answer.json()
    return document
