"""The balancers that check this gateway, as they tell of themselves: which of them part with their sockets. Pure.

Each check carries a word, `<process> [leaves]`. A process that was not heard before, at an address that was, is a
reload: the process before it takes nothing new any more, and its sockets are to move. One that leaves says so again and
again, and whoever still comes by it moves too.

Why: docs/decisions/0154-a-balancer-that-leaves.md
"""

LEAVES = "leaves"
MOST_ADDRESSES = 256
MOST_PROCESSES = 64
LONGEST_WORD = 64


class Balancers:
    """The processes that were heard, by address. Bounded: of too many the oldest are forgotten."""

    def __init__(self) -> None:
        self._processes: dict[str, dict[str, None]] = {}

    def hear(self, address: str, word: str) -> bool:
        """Hear a check's word; returns whether the sockets that came by this address are to move now.

        >>> balancers = Balancers()
        >>> balancers.hear("10.0.0.7", "8"), balancers.hear("10.0.0.7", "8"), balancers.hear("10.0.0.7", "9")
        (False, False, True)
        >>> balancers.hear("10.0.0.7", "9 leaves"), balancers.hear("10.0.0.7", "9 leaves")
        (True, True)
        """
        process, _, says = word.strip()[:LONGEST_WORD].partition(" ")
        if not process:
            return False
        known = self._processes.get(address)
        if known is None:
            if len(self._processes) >= MOST_ADDRESSES:
                del self._processes[next(iter(self._processes))]
            known = self._processes[address] = {}
            is_reload = False
        else:
            is_reload = process not in known
        known[process] = None
        if len(known) > MOST_PROCESSES:
            del known[next(iter(known))]
        return is_reload or says.strip() == LEAVES
