"""The identity of a terminal, as a plan has it and the process in which the terminal runs."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Place:
    """`acks` is false for a witness: a receipt of it is false, whatever it was shown.

    `deadline_seconds` is for a witness whose shop's orders nobody acks: how long after an order its alarm is due.
    """

    tenant: str
    terminal_id: str
    key: str
    door: str
    acks: bool = True
    deadline_seconds: float = 0.0
