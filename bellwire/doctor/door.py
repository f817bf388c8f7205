"""Look at a cluster's door from outside, as a till does: is it reachable, its certificate, its clock, a WebSocket.

Knows no key: what it asks for is refused, and by whom says what it wants to know.
"""

import contextlib
import socket
import ssl
import time
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from urllib.parse import urlsplit

SECONDS = 5.0
HANDSHAKE = {
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "YSBrZXkgb2Ygbm9ib2R5Lg==",
    "Sec-WebSocket-Protocol": "bellwire.v1",
}


@dataclass(frozen=True, slots=True)
class DoorFacts:
    """The answers of a door. `trouble` is why nobody answered; the rest then says nothing.

    `certificate_days` is None without TLS. `skew_seconds` is the door's clock less ours, right to a second; None where
    the answer has no date. `handshake_status` is what a WebSocket without a key got: a gateway says 401.
    """

    trouble: str | None = None
    encrypted: bool = False
    certificate_days: float | None = None
    skew_seconds: float | None = None
    api_status: int | None = None
    handshake_status: int | None = None


def look_at_door(url: str) -> DoorFacts:
    """Look at `http(s)://host[:port]`."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as exc:
        return DoorFacts(f"the address cannot be read: {exc}")
    if parts.scheme not in ("http", "https") or not parts.hostname:
        return DoorFacts("the address has to be http://host or https://host")
    encrypted = parts.scheme == "https"
    kind = HTTPSConnection if encrypted else HTTPConnection
    try:
        with contextlib.closing(kind(parts.hostname, port, timeout=SECONDS)) as connection:
            connection.connect()
            days = _days_left(connection.sock) if encrypted else None
            api = _ask(connection, "/api/whoami", {})
            skew = _skew(api)
            api.read()
        with contextlib.closing(kind(parts.hostname, port, timeout=SECONDS)) as connection:
            handshake = _ask(connection, "/ws/pos/doctor", HANDSHAKE).status
    except ssl.SSLCertVerificationError as exc:
        return DoorFacts(f"its certificate is not believed here: {exc.verify_message}", encrypted=encrypted)
    except (OSError, HTTPException) as exc:
        return DoorFacts(f"{type(exc).__name__}: {exc}", encrypted=encrypted)
    return DoorFacts(None, encrypted, days, skew, api.status, handshake)


def _ask(connection: HTTPConnection, path: str, headers: dict[str, str]) -> HTTPResponse:
    connection.request("GET", path, headers={"User-Agent": "bellwire-doctor", **headers})
    return connection.getresponse()


def _days_left(sock: socket.socket | None) -> float | None:
    certificate = sock.getpeercert() if isinstance(sock, ssl.SSLSocket) else None
    end = certificate.get("notAfter") if certificate else None
    return (ssl.cert_time_to_seconds(str(end)) - time.time()) / 86_400 if end else None


def _skew(response: HTTPResponse) -> float | None:
    date = response.getheader("Date")
    if date is None:
        return None
    try:
        return parsedate_to_datetime(date).timestamp() - time.time()
    except ValueError:
        return None
