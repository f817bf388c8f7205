"""A WebSocket without any library in the way: bytes out, bytes in."""

import os
import socket
import struct
from pathlib import Path

from infra.local.pods import Pod

MASK = b"\x37\xfa\x21\x3d"


def request(tenant: str, key: str, *headers: str) -> bytes:
    """A handshake's request, from the beginning of the log."""
    lines = [
        f"GET /ws/pos/{tenant}?after=0 HTTP/1.1", "Host: till", "Connection: Upgrade", "Upgrade: websocket",
        "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", f"Authorization: Bearer {key}",
        *headers,
    ]  # fmt: skip
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def dial(pod: Pod, *, receive_buffer: int | None = None) -> socket.socket:
    """A TCP connection to a pod."""
    connection = socket.socket()
    if receive_buffer is not None:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    connection.settimeout(20)
    connection.connect(("127.0.0.1", pod.port))
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection


def read_answer(connection: socket.socket) -> str:
    """The head of the answer to a handshake, and not a byte more."""
    answer = b""
    while b"\r\n\r\n" not in answer:
        byte = connection.recv(1)
        assert byte, f"the connection ended: {answer!r}"
        answer += byte
    return answer.decode()


def raw_socket(
    pod: Pod, tenant: str, key: str, *headers: str, receive_buffer: int | None = None
) -> socket.socket:
    """A connected WebSocket."""
    connection = dial(pod, receive_buffer=receive_buffer)
    connection.sendall(request(tenant, key, *headers))
    assert read_answer(connection).startswith("HTTP/1.1 101")
    return connection


def frame(first: int, payload: bytes = b"", *, masked: bool = True) -> bytes:
    """A frame whose first byte (FIN, reserved bits, opcode) is `first`."""
    length = len(payload)
    bit = 0x80 if masked else 0
    if length < 126:
        head = bytes((first, bit | length))
    elif length < 65536:
        head = bytes((first, bit | 126)) + length.to_bytes(2)
    else:
        head = bytes((first, bit | 127)) + length.to_bytes(8)
    if not masked:
        return head + payload
    key = (MASK * (length // 4 + 1))[:length]
    return head + MASK + (int.from_bytes(payload) ^ int.from_bytes(key)).to_bytes(length)


def frames_until_end(connection: socket.socket) -> list[tuple[int, bytes]]:
    """First byte and payload of every frame that still comes."""
    found = []
    with connection, connection.makefile("rb") as stream:
        try:
            while header := stream.read(2):
                length = header[1]
                if length == 126:
                    length = struct.unpack("!H", stream.read(2))[0]
                found.append((header[0], stream.read(length)))
        except ConnectionError:
            pass
    return found


def code_of(payload: bytes) -> int:
    """The code of a Close frame; 1005 for one without (RFC 6455, 7.1.5)."""
    if not payload:
        return 1005
    code: int = struct.unpack("!H", payload[:2])[0]
    return code


def close_code(connection: socket.socket) -> int | None:
    """Read frames up to the end and return the Close frame's code; None when the connection just ends."""
    for first, payload in frames_until_end(connection):
        if first == 0x88:
            return code_of(payload)
    return None


def resident_bytes(process: int) -> int:
    """The memory of a process."""
    return int(Path(f"/proc/{process}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def open_files(process: int) -> int:
    """How many descriptors a process has."""
    return len(os.listdir(f"/proc/{process}/fd"))


def peer_holds(connection: socket.socket) -> bool:
    """Whether a process still has the other end; what it left to the kernel has no inode. IPv4, on this machine."""
    here = f"{connection.getsockname()[1]:04X}"
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        fields = line.split()
        if fields[2].endswith(":" + here) and fields[9] != "0":
            return True
    return False
