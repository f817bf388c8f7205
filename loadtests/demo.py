"""The cluster as a load test has to know it: its address and its keys, from the file that the demo writes.

Knows `.bellwire/demo.json`. Does not know locust, and opens no connection.
"""

import json
from dataclasses import dataclass
from pathlib import Path

DEFAULT_FILE = Path(".bellwire/demo.json")


class NoDemo(Exception):
    """There is no cluster to load; the text is one sentence that says what to do."""


@dataclass(frozen=True, slots=True)
class Shop:
    """One tenant, with the keys that its storefront and its tills use."""

    slug: str
    storefront_key: str
    terminal_key: str


@dataclass(frozen=True, slots=True)
class Demo:
    """A running cluster. `url` has no slash at its end."""

    url: str
    operator_key: str
    shops: tuple[Shop, ...]

    @property
    def websocket_url(self) -> str:
        """The same address, as a WebSocket client wants it."""
        return "ws" + self.url.removeprefix("http")


def read_demo(path: Path = DEFAULT_FILE) -> Demo:
    """Return the cluster that `path` describes.

    Raises:
        NoDemo: there is no such file, or it is not one that the demo wrote.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise NoDemo(
            f"There is no {path}: start the cluster with `make demo` in another terminal first."
        ) from None
    except (OSError, ValueError) as exc:
        raise NoDemo(f"{path} cannot be read ({exc}): start `make demo` anew.") from exc
    try:
        return Demo(
            url=str(content["url"]).rstrip("/"),
            operator_key=str(content["operatorKey"]),
            shops=tuple(
                Shop(slug, str(tenant["storefrontKey"]), str(tenant["terminals"][0]["key"]))
                for slug, tenant in content["tenants"].items()
            ),
        )
    except (KeyError, IndexError, TypeError, AttributeError) as exc:
        raise NoDemo(f"{path} is not what a demo writes (no {exc}): start `make demo` anew.") from exc
