"""The user a server runs as: ourselves or, since PostgreSQL refuses root, a user without rights."""

import os
import pwd
from dataclasses import dataclass

from infra.local.failure import CannotStart

# `nobody` is on every machine; a `postgres` user exists where the system's package is installed.
CANDIDATES = ("postgres", "nobody")


@dataclass(frozen=True, slots=True)
class Account:
    """A user of this machine."""

    uid: int
    gid: int
    name: str


def ourselves() -> Account:
    """The user that this process runs as. A container may run us under a number that has no name."""
    uid = os.geteuid()
    try:
        name = pwd.getpwuid(uid).pw_name
    except KeyError:
        name = str(uid)
    return Account(uid, os.getegid(), name)


def unprivileged() -> Account:
    """Ourselves, unless we are root: then the first candidate that this machine knows.

    Raises:
        CannotStart: we are root and no candidate exists.
    """
    if os.geteuid() != 0:
        return ourselves()
    for name in CANDIDATES:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return Account(entry.pw_uid, entry.pw_gid, name)
    raise CannotStart(
        "PostgreSQL does not run as root, and this machine has neither a user postgres nor nobody."
    )
