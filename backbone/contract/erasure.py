"""How far a tenant's log was overwritten, because a customer was forgotten. Pure.

Why: docs/decisions/0098-signed-messages.md
"""

from typing import NamedTuple


class Erasure(NamedTuple):
    """How often customers of a tenant were forgotten, and the seq up to which events may have been overwritten then.

    Another word than PostgreSQL's about those events may be the very one that was to be forgotten.
    """

    times: int
    seq: int


NOTHING_ERASED = Erasure(0, 0)
