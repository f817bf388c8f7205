"""One thing that the doctor has to say: how bad it is, what it found, and what mends it."""

from dataclasses import dataclass
from enum import Enum


class Level(Enum):
    """How bad it is. The values are printed."""

    OK = "ok"
    WARNING = "warning"
    """It serves, and will not when something else goes wrong."""
    WRONG = "WRONG"
    """It does not serve, or loses something."""


@dataclass(frozen=True, slots=True)
class Finding:
    """`subject` is the part that it is about, `text` what was found, `mend` what to do; empty when it is well."""

    level: Level
    subject: str
    text: str
    mend: str = ""

    def as_json(self) -> dict[str, str]:
        """The same for a program."""
        return {
            "level": self.level.value.lower(),
            "subject": self.subject,
            "text": self.text,
            "mend": self.mend,
        }


def ok(subject: str, text: str) -> Finding:
    """It is well."""
    return Finding(Level.OK, subject, text)


def warning(subject: str, text: str, mend: str) -> Finding:
    """It could be better."""
    return Finding(Level.WARNING, subject, text, mend)


def wrong(subject: str, text: str, mend: str) -> Finding:
    """It has to be mended."""
    return Finding(Level.WRONG, subject, text, mend)
