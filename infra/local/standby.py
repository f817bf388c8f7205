"""A real standby of a `Postgres`: a copy by pg_basebackup that follows its primary, can be cut off, and promoted.

Knows pg_basebackup, pg_ctl and postgresql.auto.conf. Once promoted it is a server like any other, and may have a
standby of its own.
"""

import os
from pathlib import Path

from infra.local.child import run_to_end
from infra.local.postgres import Postgres

COPY_SECONDS = 60.0
PROMOTE_SECONDS = 30.0


class Standby(Postgres):
    """A standby; `start` copies the primary, which must be running, and follows it."""

    def __init__(self, primary: Postgres, *, port: int | None = None) -> None:
        super().__init__(port=port)
        self._primary = primary
        # The users are the primary's, so are their passwords.
        self._password = primary._password

    def cut_off(self) -> None:
        """Follow nobody any more. Commits of the primary from here on are not here."""
        self.reconfigure("primary_conninfo", "")

    def promote(self) -> None:
        """Become a primary; returns when it takes writes.

        Raises:
            CannotStart: it did not within 30 s.
        """
        assert self._workdir is not None
        arguments: list[str | Path] = [
            "promote",
            "-w",
            "-t",
            str(int(PROMOTE_SECONDS)),
            "-D",
            self._workdir.path / "data",
        ]
        run_to_end(self._program("pg_ctl", *arguments), PROMOTE_SECONDS + 5)

    def _initialise(self, folder: Path) -> None:
        for name in ("data", "socket"):
            (folder / name).mkdir(mode=0o700)
            os.chown(folder / name, self._account.uid, self._account.gid)
        # -R writes down whom to follow.
        options: list[str | Path] = [
            "-D",
            folder / "data",
            "-R",
            "-X",
            "stream",
            "--checkpoint=fast",
            "--no-sync",
        ]
        # The password is no word of a command: a list of processes would show it.
        address = self._primary.url.replace(f":{self._password}@", "@")
        copy = self._program("pg_basebackup", *options, "-d", address, env={"PGPASSWORD": self._password})
        run_to_end(copy, COPY_SECONDS)
