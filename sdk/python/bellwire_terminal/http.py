"""A small HTTP/1.1 client: one request a connection, everything bounded. Knows the wire and nothing of Bellwire.

Why not another: docs/decisions/0127-shells-of-a-till.md
"""

import asyncio
import contextlib
import json
import ssl
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode, urlsplit

from bellwire_terminal.errors import Unreachable

CONNECT_SECONDS = 10.0
LONGEST_LINE = 128 * 1024
MOST_HEADERS = 100
LARGEST_BODY = 16 * 1024 * 1024
PROBLEM = "urn:bellwire:problem:"


@dataclass(frozen=True)
class Answer:
    """An answer. Names of headers are small letters; `json` is the body where it is a JSON object."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    parse_float: Callable[[str], Any] = float

    @property
    def json(self) -> dict[str, Any] | None:
        """The body where it is a JSON object."""
        with contextlib.suppress(ValueError, RecursionError):
            found = json.loads(self.body, parse_float=self.parse_float)
            return found if isinstance(found, dict) else None
        return None

    @property
    def problem(self) -> str | None:
        """The code of a problem of Bellwire's; None where somebody else speaks."""
        return problem_of(self.body)

    @property
    def retry_after_ms(self) -> int | None:
        """`Retry-After` in milliseconds, where it is a number of seconds."""
        return retry_after_ms(self.headers.get("retry-after"))


def problem_of(body: bytes) -> str | None:
    """The code of a problem document of Bellwire's."""
    with contextlib.suppress(ValueError, RecursionError, AttributeError):
        kind = json.loads(body).get("type")
        if isinstance(kind, str) and kind.startswith(PROBLEM):
            return kind.removeprefix(PROBLEM)
    return None


def detail_of(body: bytes) -> str | None:
    """The words of a problem document, for a person."""
    with contextlib.suppress(ValueError, RecursionError, AttributeError):
        detail = json.loads(body).get("detail")
        return detail if isinstance(detail, str) else None
    return None


def retry_after_ms(value: str | None) -> int | None:
    """`Retry-After` in milliseconds, where it is a number of seconds."""
    value = (value or "").strip()
    return int(value) * 1000 if value.isascii() and value.isdigit() and len(value) < 10 else None


class Client:
    """Speaks to one address with one key.

    Raises:
        ValueError: the address is none, or the key holds characters that no key has.
    """

    def __init__(self, url: str, key: str, tls: ssl.SSLContext | None = None) -> None:
        self.parse_float: Callable[[str], Any] = float
        parts = urlsplit(url)
        scheme = {"ws": "http", "wss": "https"}.get(parts.scheme, parts.scheme)
        if scheme not in ("http", "https") or not parts.hostname or parts.port == 0:
            raise ValueError(f"{url!r} is not an address such as https://orders.example.com")
        if not key or not (key.isascii() and key.isprintable()):
            raise ValueError("the key holds characters that no key has")
        self.key = key
        self.base = f"{scheme}://{parts.netloc}"
        self.tls = (tls or ssl.create_default_context()) if scheme == "https" else None
        self._host, self._netloc = parts.hostname, parts.netloc.rpartition("@")[2]
        self._port = parts.port or (443 if scheme == "https" else 80)

    @property
    def websocket_base(self) -> str:
        """The same address for a WebSocket."""
        return "ws" + self.base.removeprefix("http")

    async def ask(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: dict[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        seconds: float = 15.0,
    ) -> Answer:
        """Send one request and return the whole answer.

        Raises:
            Unreachable: there is none within `seconds`, or it is not HTTP, or too big.
        """
        try:
            return await asyncio.wait_for(self._ask(method, path, query, body, headers), seconds)
        except (TimeoutError, asyncio.TimeoutError) as exc:
            raise Unreachable(f"no answer within {seconds:.0f} s", reached=True) from exc

    async def _ask(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None,
        body: dict[str, Any] | None,
        headers: Mapping[str, str] | None,
    ) -> Answer:
        async with self._connection() as (reader, writer):
            try:
                writer.write(self._head(method, path, query, body, headers or {}))
                await writer.drain()
                status, found = await _read_head(reader)
                content = bytearray()
                if status not in (204, 304):
                    async for part in _parts(reader, found):
                        content += part
                        if len(content) > LARGEST_BODY:
                            raise Unreachable("the answer is too big", reached=True)
                return Answer(status, found, bytes(content), self.parse_float)
            except (OSError, EOFError, ValueError, asyncio.LimitOverrunError) as exc:
                raise Unreachable(f"the answer was cut ({type(exc).__name__})", reached=True) from exc

    @contextlib.asynccontextmanager
    async def stream(
        self, path: str, query: Mapping[str, str], headers: Mapping[str, str]
    ) -> AsyncIterator[tuple[Answer, AsyncIterator[bytes]]]:
        """Open an answer that goes on; its body comes in parts. Of any status but 200 the body is in the answer.

        Raises:
            Unreachable: as `ask`; a body that ends, or is cut, just ends.
        """
        async with self._connection() as (reader, writer):
            try:
                writer.write(self._head("GET", path, query, None, headers))
                await writer.drain()
                status, found = await _read_head(reader)
                content = b""
                if status != 200:
                    async for part in _parts(reader, found):
                        content += part
                        if len(content) > LONGEST_LINE:
                            break
            except (OSError, EOFError, ValueError, asyncio.LimitOverrunError) as exc:
                raise Unreachable(f"the answer was cut ({type(exc).__name__})", reached=True) from exc
            yield Answer(status, found, content), _parts(reader, found)

    @contextlib.asynccontextmanager
    async def _connection(self) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
        opening = asyncio.open_connection(
            self._host, self._port, ssl=self.tls, limit=LONGEST_LINE,
            server_hostname=self._host if self.tls else None,
        )  # fmt: skip
        try:
            reader, writer = await asyncio.wait_for(opening, CONNECT_SECONDS)
        except ssl.SSLError as exc:
            raise Unreachable(f"no trusted connection ({exc.reason})", reached=True) from exc
        except (OSError, TimeoutError, asyncio.TimeoutError) as exc:
            raise Unreachable(f"no connection ({type(exc).__name__})", reached=False) from exc
        try:
            yield reader, writer
        finally:
            writer.transport.abort()

    def _head(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None,
        body: dict[str, Any] | None,
        headers: Mapping[str, str],
    ) -> bytes:
        target = path + (f"?{urlencode(query)}" if query else "")
        content = b"" if body is None else json.dumps(body, ensure_ascii=False).encode()
        lines = {
            "Host": self._netloc,
            "Authorization": f"Bearer {self.key}",
            "Connection": "close",
            "Accept-Encoding": "identity",
            **headers,
        }
        if body is not None:
            lines |= {"Content-Type": "application/json"}
        if body is not None or method != "GET":
            lines |= {"Content-Length": str(len(content))}
        text = f"{method} {target} HTTP/1.1\r\n" + "".join(
            f"{name}: {value}\r\n" for name, value in lines.items()
        )
        if any(ord(sign) < 32 for value in (target, *lines.values()) for sign in value):
            raise ValueError("a control character in a request")
        return text.encode("latin-1") + b"\r\n" + content


async def _read_head(reader: asyncio.StreamReader) -> tuple[int, dict[str, str]]:
    while True:
        version, _, rest = (await reader.readuntil(b"\r\n")).decode("latin-1").partition(" ")
        if not version.startswith("HTTP/1."):
            raise ValueError("not HTTP")
        status = int(rest[:3])
        headers: dict[str, str] = {}
        for _ in range(MOST_HEADERS + 1):
            line = (await reader.readuntil(b"\r\n")).decode("latin-1").rstrip("\r\n")
            if not line:
                break
            name, _, value = line.partition(":")
            headers[name.strip().lower()] = value.strip()
        else:
            raise ValueError("too many headers")
        if status >= 200:
            return status, headers


async def _parts(reader: asyncio.StreamReader, headers: Mapping[str, str]) -> AsyncIterator[bytes]:
    """The body in parts. One that is cut raises EOFError where its length was said."""
    if "chunked" in headers.get("transfer-encoding", "").lower():
        while size := int((await reader.readuntil(b"\r\n")).split(b";")[0].strip(), 16):
            if size > LARGEST_BODY:
                raise ValueError("a chunk is too big")
            yield (await reader.readexactly(size + 2))[:-2]
    elif "content-length" in headers:
        left = int(headers["content-length"])
        while left > 0:
            part = await reader.read(min(left, LONGEST_LINE))
            if not part:
                raise EOFError
            left -= len(part)
            yield part
    else:
        while part := await reader.read(LONGEST_LINE):
            yield part
