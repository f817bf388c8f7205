"""Send one buffer to many sockets, by descriptor, without blocking: in Python, or in C where that was built.

Knows descriptors, not what they belong to: whoever calls hands in none that could have been closed, and nothing changes
the array during a call. Nothing here waits and nothing raises; what a socket did not take is told.
"""

import ctypes
import os
from array import array
from collections.abc import Callable
from pathlib import Path

Shorts = list[tuple[int, int]]
"""The sockets that took less than everything: each one's index in the array, and how many bytes it took."""
SendAll = Callable[["array[int]", bytes], Shorts]

LIBRARY = Path(__file__).with_name("libfanout.so")
"""Compiled from `send_all.c` when the package was installed, if there was a compiler."""


def send_all_python(descriptors: "array[int]", data: bytes) -> Shorts:
    """Send `data` to every descriptor.

    A socket that is full or broken took nothing: its transport, handed the rest, finds out which of the two it is.
    """
    length = len(data)
    shorts = []
    write = os.write
    for index, descriptor in enumerate(descriptors):
        try:
            sent = write(descriptor, data)
        except OSError:
            sent = 0
        if sent != length:
            shorts.append((index, sent))
    return shorts


def load_compiled(library: Path = LIBRARY) -> SendAll | None:
    """Return the same in C, or None where it was not built or does not load here."""
    try:
        function = ctypes.CDLL(str(library)).bellwire_fanout
    except (OSError, AttributeError):
        return None
    function.restype = ctypes.c_int
    function.argtypes = [
        ctypes.c_void_p, ctypes.c_int, ctypes.c_char_p, ctypes.c_size_t, ctypes.c_void_p, ctypes.c_void_p,
    ]  # fmt: skip

    # Written by each call and read before the next one: only the event loop's thread sends.
    indexes, sent = (ctypes.c_int * 0)(), (ctypes.c_size_t * 0)()

    def send_all(descriptors: "array[int]", data: bytes) -> Shorts:
        nonlocal indexes, sent
        address, count = descriptors.buffer_info()
        if count > len(indexes):
            indexes, sent = (ctypes.c_int * count)(), (ctypes.c_size_t * count)()
        shorts = function(address, count, data, len(data), indexes, sent)
        return [(indexes[short], sent[short]) for short in range(shorts)] if shorts else []

    return send_all


def choose_send_all(wish: str) -> tuple[str, SendAll]:
    """Return what serves a wish of `auto` or `python`, and its name."""
    compiled = load_compiled() if wish == "auto" else None
    return ("python", send_all_python) if compiled is None else ("compiled", compiled)
