"""Send one buffer to many sockets, by descriptor, without blocking.

Knows descriptors, not what they belong to: whoever calls hands in none that could have been closed, and nothing changes
the array during a call. Nothing here waits and nothing raises; what a socket did not take is told.
"""

import os
from array import array
from collections.abc import Callable

Shorts = list[tuple[int, int]]
"""Who took less than everything: the place in the array, and how many bytes it took."""
SendAll = Callable[["array[int]", bytes], Shorts]


def send_all_python(descriptors: "array[int]", data: bytes) -> Shorts:
    """Send `data` to every descriptor.

    A socket that is full or broken took nothing: its transport, handed the rest, finds out which of the two it is.
    """
    length = len(data)
    shorts = []
    write = os.write
    for place, descriptor in enumerate(descriptors):
        try:
            sent = write(descriptor, data)
        except OSError:
            sent = 0
        if sent != length:
            shorts.append((place, sent))
    return shorts
