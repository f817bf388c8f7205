"""How far two histories of one log agree: the rule by which an offset of an earlier epoch is judged, on every door.

Pure. The database's history can fork (a failover that lost commits, a restore); each fork begins a new epoch.

Why: docs/decisions/0020-epochs.md
"""

from collections.abc import Mapping


def shared_seq(asked: int, newest: int, forks: Mapping[int, int]) -> int | None:
    """Return the last seq up to which a history of epoch `asked`, before `newest`, is ours; None when it is none.

    `forks` has every epoch that our database went through, `newest` included, with the last seq that it shares with
    the one before it (0 for the first). With several forks since, the earliest counts: what one cut off never came
    back. An epoch in between that our database never went through is a history of somebody else's (a standby that was
    promoted on its own): where that one forked off is not known, so nothing of it is believed.

    >>> forks = {1: 0, 2: 40, 3: 60}
    >>> shared_seq(2, 3, forks)
    60
    >>> shared_seq(1, 3, forks)
    40
    >>> shared_seq(7, 3, forks) is None
    True
    """
    if not 0 < asked < newest:
        return None
    if asked not in forks:
        return 0
    return min(fork for epoch, fork in forks.items() if epoch > asked)
