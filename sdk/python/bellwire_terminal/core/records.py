"""Records that say for themselves whether they are whole: a checksum, a blank, JSON, a newline. Pure.

The cursor's file is one of them, the outbox and the dead letters are one behind the other.
"""

import json
import zlib
from dataclasses import dataclass
from typing import Any


class Damaged(Exception):
    """The bytes are not what was written; the text says where."""


def record(value: Any) -> bytes:
    """Return a value as one line.

    >>> record({"offset": "1-42"})
    b'0efb9905 {"offset":"1-42"}\\n'
    """
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), sort_keys=True).encode()
    return b"%08x %b\n" % (zlib.crc32(text), text)


def read_record(line: bytes) -> Any:
    """Return the value of one line, with its newline.

    Raises:
        Damaged: it is cut, or its checksum is another.
    """
    text = line[9:-1]
    if line[-1:] != b"\n" or line[8:9] != b" " or b"\n" in text:
        raise Damaged("the record is cut")
    if b"%08x" % zlib.crc32(text) != line[:8]:
        raise Damaged("the record's checksum does not fit")
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as exc:
        raise Damaged("the record is no JSON") from exc


@dataclass(frozen=True, slots=True)
class Log:
    """The records of a log. `torn` bytes at its end are what a crash left of a record that was never confirmed."""

    values: list[Any]
    torn: int


def read_log(content: bytes) -> Log:
    """Return all records of a log, but for one at the end that is not whole.

    Raises:
        Damaged: a record is not whole, and others stand behind it: no crash leaves that.
    """
    values: list[Any] = []
    at = 0
    for line in _lines(content):
        try:
            values.append(read_record(line))
        except Damaged as exc:
            if at + len(line) < len(content):
                raise Damaged(f"{exc}, {at} bytes from the beginning") from None
            return Log(values, len(line))
        at += len(line)
    return Log(values, 0)


def _lines(content: bytes) -> list[bytes]:
    parts = content.split(b"\n")
    return [part + b"\n" for part in parts[:-1]] + ([parts[-1]] if parts[-1] else [])
