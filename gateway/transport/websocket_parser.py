"""The Sans-I/O parser of one connection: the `websockets` library's, by the book where the library is not.

The rules of RFC 6455 where the library does otherwise: a Close frame may come amid the fragments of a message; a
control frame amid them does not count toward the message's size; nothing is answered once we have said Close; a frame
ahead of the handshake's answer is none. permessage-deflate (RFC 7692) is granted without context takeover on either
side, so that a connection keeps no compressor and, between messages, no decompressor.

Messages are put together and looked at as UTF-8 in here, frame by frame, so that of several faults the first counts.

Why: docs/decisions/0086-autobahn.md
"""

from typing import Self

from websockets.exceptions import PayloadTooBig, ProtocolError
from websockets.extensions import Extension
from websockets.extensions.permessage_deflate import PerMessageDeflate, ServerPerMessageDeflateFactory
from websockets.frames import Frame, Opcode
from websockets.protocol import CONNECTING, OPEN, State
from websockets.server import ServerProtocol

from backbone.contract.frames import DEFLATE_WINDOW_BITS

DEFLATE = ServerPerMessageDeflateFactory(server_no_context_takeover=True, client_no_context_takeover=True)


class Parser(ServerProtocol):
    """One connection's. Of its events a text or binary frame with FIN is a whole message, and text is valid UTF-8.

    A frame over `max_bytes` is refused by its header, a message in pieces by the piece that is too much.
    """

    def __init__(self, max_bytes: int, *, deflate: bool, state: State = CONNECTING) -> None:
        super().__init__(state=state, max_size=(None, max_bytes), extensions=[DEFLATE] if deflate else None)
        self._max_bytes = max_bytes
        self._opcode = Opcode.TEXT
        # One run of bytes, not a list of pieces: an empty piece then costs nothing, however many there are.
        self._pieces = bytearray()

    @classmethod
    def of_open(cls, max_bytes: int, granted: list[Extension]) -> Self:
        """The parser of a connection that has been open for a while, with what was granted to it then."""
        parser = cls(max_bytes, deflate=False, state=OPEN)
        parser.extensions = granted
        return parser

    @property
    def takes_deflated(self) -> bool:
        """Whether the peer can read the frames of `backbone.contract.frames.deflated_frame`."""
        return any(
            isinstance(extension, PerMessageDeflate)
            and extension.local_max_window_bits >= DEFLATE_WINDOW_BITS
            for extension in self.extensions
        )

    def end(self) -> None:
        """Let go of what was read.

        A parser, its generator and a fault's traceback know each other: a crowd of such rings would wait for a
        collection.
        """
        self.parser.close()
        self.parser_exc = None
        self._pieces = bytearray()

    def recv_frame(self, frame: Frame) -> None:
        """Take a frame."""
        if self.state is CONNECTING:
            raise ProtocolError("a frame ahead of the handshake's answer")
        if frame.opcode is Opcode.PING and self.state is not OPEN:
            return
        if frame.opcode is Opcode.CLOSE:
            # A fragmented message that is not finished is no fault (RFC 6455, 5.4 and 5.5).
            self.current_size = None
        super().recv_frame(frame)
        if frame.opcode in (Opcode.TEXT, Opcode.BINARY, Opcode.CONT):
            self._on_piece(frame)

    def _on_piece(self, frame: Frame) -> None:
        # Bytes that turn out to be a fault are no event.
        self.events.pop()
        data = bytes(frame.data)
        if frame.opcode is not Opcode.CONT:
            self._opcode = frame.opcode
        if self._pieces or not frame.fin:
            if len(self._pieces) + len(data) > self._max_bytes:
                raise PayloadTooBig(len(self._pieces) + len(data), self._max_bytes)
            self._pieces += data
        if frame.fin:
            if self._pieces:
                data, self._pieces = bytes(self._pieces), bytearray()
            if self._opcode is Opcode.TEXT:
                data.decode()
            frame = Frame(self._opcode, data)
        self.events.append(frame)
