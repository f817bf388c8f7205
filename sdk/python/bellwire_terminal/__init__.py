"""A till for Bellwire that cannot get it wrong: every event once, in order, over cuts, crashes and offline hours.

async with Terminal(url, tenant, key, cursor=FileCursor("till.cursor")) as terminal:
    async for event in terminal:
        print(event["type"], event.data)
"""

from bellwire_terminal.claims import Claim
from bellwire_terminal.core.records import Damaged
from bellwire_terminal.cursors import FileCursor, MemoryCursor
from bellwire_terminal.errors import (
    ClaimLost,
    Conflict,
    CursorDamaged,
    InUse,
    NotGenuine,
    Refused,
    Replaced,
    Revoked,
    Stopped,
    StorageFailed,
    TerminalError,
    Unfinished,
    Unreachable,
)
from bellwire_terminal.event import Event
from bellwire_terminal.files import DeadLetters
from bellwire_terminal.outbox import Outbox, Pending
from bellwire_terminal.terminal import Terminal

__all__ = [
    "Claim", "ClaimLost", "Conflict", "CursorDamaged", "Damaged", "DeadLetters", "Event", "FileCursor", "InUse",
    "MemoryCursor", "NotGenuine", "Outbox", "Pending", "Refused", "Replaced", "Revoked", "Stopped", "StorageFailed",
    "Terminal", "TerminalError", "Unfinished", "Unreachable",
]  # fmt: skip
