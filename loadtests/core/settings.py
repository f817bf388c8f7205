"""The settings of a run, checked as a whole: what is wrong is told at once, all of it."""

import ipaddress
from dataclasses import replace
from urllib.parse import urlsplit

from loadtests.core.profiles import Size

MOST_SHOPS, MOST_TERMINALS, MOST_RATE, MOST_SECONDS = 20_000, 200_000, 20_000.0, 7 * 86_400.0


def sized(size: Size, asked: dict[str, float | int | None]) -> tuple[Size, list[str]]:
    """The size with what was asked for, and every reason why it is none."""
    size = replace(size, **{name: value for name, value in asked.items() if value is not None})  # type: ignore[arg-type]
    wrong = []

    def within(name: str, value: float, least: float, most: float) -> None:
        if not least <= value <= most:
            wrong.append(f"--{name} is a number from {least:g} to {most:g}, not {value:g}")

    within("shops", size.shops, 1, MOST_SHOPS)
    within("terminals", size.terminals, 0, MOST_TERMINALS)
    within("rate", size.rate, 0.1, MOST_RATE)
    within("seconds", size.seconds, 5, MOST_SECONDS)
    within("warm-up", size.warm_up_seconds, 1, 600)
    within("probes", size.probes, 1, 1000)
    within("clients", size.clients, 0, 200)
    within("streaming", size.streaming, 0, 1)
    within("polling", size.polling, 0, 1)
    within("steps", size.steps, 0, 1)
    within("webhooks", size.webhooks, 0, 20)
    if size.streaming + size.polling > 1:
        wrong.append("--streaming and --polling are shares of the crowd, and more than 1 together")
    # A shop of its own for each of them, as far as there are so many.
    size = replace(size, probes=min(size.probes, size.shops), webhooks=min(size.webhooks, size.shops))
    return size, wrong


def is_local(url: str) -> bool:
    """Whether an address is this machine's, by its words alone: a name is looked up nowhere."""
    host = urlsplit(url).hostname or ""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def address(url: str, option: str = "--host") -> tuple[str, str | None]:
    """The address that `option` gave, without a slash at its end, and what is wrong with it, if anything."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        return url, f"{option} is an address such as https://orders.example.com, not {url!r}"
    if parts.path.strip("/") or parts.query or parts.fragment or parts.username or parts.password:
        return url, f"{option} is a cluster's address alone: no path, no query, no user"
    try:
        _ = parts.port
    except ValueError:
        return url, f"{option} has a port that is none: {url!r}"
    return url.rstrip("/"), None
