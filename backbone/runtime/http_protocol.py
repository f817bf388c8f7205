"""uvicorn's HTTP protocol, by the book where it is not; every pod's.

Of the book (RFC 9110) uvicorn with httptools leaves out: an upgrade that is offered and not taken leaves
an ordinary request, whose body is read (`Upgrade: h2c`, which Java's client sends with each first request, loses it
there); what follows the body is no header of the request, whatever it is called; a request that cannot be read is
answered like every other one, with a problem document.
"""

import httptools
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from backbone.contract.errors import Problem
from backbone.runtime.problems import problem_response

_OFFER = (b"upgrade", b"http2-settings")


class HttpProtocol(HttpToolsProtocol):
    """One HTTP connection."""

    def data_received(self, data: bytes) -> None:
        """Parse, and start what is asked."""
        self._unset_keepalive_if_required()
        while data:
            try:
                self.parser.feed_data(data)
                return
            except httptools.HttpParserUpgrade as exc:
                if self._should_upgrade():
                    self.handle_websocket_upgrade()
                    return
                if self.scope["method"] == "CONNECT":
                    self.send_400_response("This is no proxy.")
                    return
                # The parser stands behind the head, and takes what follows for another protocol. Another one begins
                # with the same request, without the offer.
                data = self._head_without_offer() + data[exc.args[0] :]
                self.parser = httptools.HttpRequestParser(self)
                self.parser.set_dangerous_leniencies(lenient_data_after_close=True)
            except httptools.HttpParserError:
                self.send_400_response("The request is not HTTP as it should be.")
                return

    def on_headers_complete(self) -> None:
        """A request's head is here; it is started, unless it will come again without its offer to upgrade."""
        if self.parser.should_upgrade() and not self._should_upgrade():
            self.scope["method"] = self.parser.get_method().decode("ascii")
            return
        super().on_headers_complete()
        # The request keeps the headers that it had; trailers go where nobody looks.
        self.headers = []

    def on_message_complete(self) -> None:
        """A request's body is here."""
        if not self.parser.should_upgrade():
            super().on_message_complete()

    def send_400_response(self, msg: str) -> None:
        """Answer what cannot be read, and end."""
        response = problem_response(Problem.BAD_REQUEST, msg, headers={"Connection": "close"})
        lines = [STATUS_LINE[400]]
        for name, value in response.raw_headers:
            lines += (name, b": ", value, b"\r\n")
        self.transport.write(b"".join([*lines, b"\r\n", bytes(response.body)]))
        self.transport.close()

    def _should_upgrade(self) -> bool:
        """Whether a WebSocket is asked for, where there are any: with a GET, as the book has it (RFC 6455, 4.1)."""
        if not self._should_upgrade_to_ws() or self.parser.get_method() != b"GET":
            return False
        return any(
            name == b"upgrade" and value.strip().lower() == b"websocket"
            for name, value in self.scope["headers"]
        )

    def _head_without_offer(self) -> bytes:
        lines = [
            self.parser.get_method() + b" " + self.url + b" HTTP/" + self.parser.get_http_version().encode()
        ]
        for name, value in self.scope["headers"]:
            if name == b"connection":
                words = [word.strip() for word in value.split(b",")]
                value = b", ".join(word for word in words if word.lower() not in _OFFER)
            if value and name not in _OFFER:
                lines.append(name + b": " + value)
        return b"\r\n".join([*lines, b"", b""])
