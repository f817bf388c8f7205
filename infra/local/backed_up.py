"""A real PostgreSQL whose log is archived by pgBackRest, which backs it up and restores it to any moment since.

Knows pgBackRest's configuration and commands. The repository is a folder beside the data; a real one is elsewhere.
"""

import configparser
import os
import shlex
import shutil
import signal
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

from infra.local.child import Child, Sink, no_sink, run_to_end
from infra.local.debian_tool import Tool, ToolMissing, find_tool
from infra.local.failure import CannotStart
from infra.local.postgres import USER, Postgres
from infra.local.waiting import wait_until

STANZA = "bellwire"
COMMAND_SECONDS = 600.0
RECOVERY_SECONDS = 600.0
ARCHIVE_TIMEOUT_SECONDS = 60


def find_pgbackrest() -> Tool:
    """pgBackRest of this machine, installed or fetched if need be.

    Raises:
        CannotStart: it is not here and cannot be had; the text has the command to type.
    """
    try:
        return find_tool("pgbackrest", "pgbackrest")
    except ToolMissing as exc:
        raise CannotStart(str(exc)) from exc


class BackedUp(Postgres):
    """One server with its repository. `start`, then `back_up`; `halt` or `lose_data`, then `restore`."""

    def __init__(self, *, sink: Sink = no_sink) -> None:
        super().__init__(durable=True, sink=sink)
        self._tool = find_pgbackrest()

    @property
    def configuration(self) -> Path:
        """The file that pgBackRest reads; as in docs/operations.md, with this server's places."""
        assert self._workdir is not None
        return self._workdir.path / "pgbackrest.conf"

    def back_up(self, kind: str = "full") -> None:
        """Make a backup (`full`, `diff` or `incr`); the server goes on meanwhile.

        Raises:
            CannotStart: pgBackRest could not.
        """
        self._pgbackrest("backup", f"--type={kind}")

    def halt(self, how: signal.Signals = signal.SIGINT) -> None:
        """Stop the server and keep its data."""
        assert self._child is not None
        self._child.stop(seconds=30.0, polite=how)

    def lose_data(self) -> None:
        """`kill -9`, and the data directory is gone, what was not archived yet with it."""
        assert self._workdir is not None
        self.kill()
        shutil.rmtree(self._workdir.path / "data")
        self._make("data")

    def restore(self, target: datetime | None = None) -> None:
        """Restore the halted server as it was at `target`, or with all that was archived, and start it.

        Raises:
            CannotStart: pgBackRest could not, or the server did not come up.
        """
        until = ["--type=default"]
        if target is not None:
            until = ["--type=time", f"--target={target.isoformat(sep=' ')}", "--target-action=promote"]
        self._pgbackrest("restore", "--delta", *until)
        self.start()
        # It takes readers before it has recovered all, and writers only then.
        if not wait_until(self._takes_writes, RECOVERY_SECONDS):
            raise CannotStart(f"PostgreSQL did not recover within {RECOVERY_SECONDS:g} s.")

    def _takes_writes(self) -> bool:
        assert self._workdir is not None
        said: list[str] = []
        child = Child(
            "pg_controldata",
            [self._bin / "pg_controldata", "-D", self._workdir.path / "data"],
            env={"LC_ALL": "C"},
            cwd=self._workdir.path,
            account=self._account,
            sink=lambda _, line: said.append(line),
        )
        run_to_end(child, COMMAND_SECONDS)
        return any(line.endswith(" in production") for line in said)

    def _initialise(self, folder: Path) -> None:
        super()._initialise(folder)
        for name in ("repository", "log", "lock", "spool"):
            self._make(name)
        parser = configparser.ConfigParser()
        parser["global"] = {
            "repo1-path": str(folder / "repository"),
            "repo1-retention-full": "2",
            "log-path": str(folder / "log"),
            "lock-path": str(folder / "lock"),
            "spool-path": str(folder / "spool"),
            "log-level-console": "warn",
            # A checkpoint at once, not with the next one.
            "start-fast": "y",
            "compress-type": "lz4",
        }
        parser[STANZA] = {
            "pg1-path": str(folder / "data"),
            "pg1-socket-path": str(folder / "socket"),
            "pg1-port": str(self.port),
            "pg1-user": USER,
        }
        with self.configuration.open("w") as file:
            parser.write(file, space_around_delimiters=False)
        self.configuration.chmod(0o644)

    def _run(self, folder: Path) -> None:
        super()._run(folder)
        if not any((folder / "repository").iterdir()):
            self._pgbackrest("stanza-create")

    def _options(self, folder: Path) -> list[str]:
        push = [
            str(self._tool.path),
            f"--config={self.configuration}",
            f"--stanza={STANZA}",
            "archive-push",
            "%p",
        ]
        settings = {
            "archive_mode": "on",
            "archive_command": " ".join(shlex.quote(word) if word != "%p" else word for word in push),
            "archive_timeout": f"{ARCHIVE_TIMEOUT_SECONDS}s",
            "wal_level": "replica",
        }
        return [
            *super()._options(folder),
            *(word for each in settings.items() for word in ("-c", "=".join(each))),
        ]

    def _program(
        self, program: str, *arguments: str | Path, stdin: bytes = b"", env: Mapping[str, str] | None = None
    ) -> Child:
        # Archiving and restoring commands are the server's children.
        return super()._program(program, *arguments, stdin=stdin, env={**self._tool.env, **(env or {})})

    def _pgbackrest(self, command: str, *words: str) -> None:
        assert self._workdir is not None
        env = {"PATH": f"{self._bin}:/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC", "PGPASSWORD": self._password}
        child = Child(
            f"pgbackrest {command}",
            [self._tool.path, f"--config={self.configuration}", f"--stanza={STANZA}", *words, command],
            env={**env, **self._tool.env},
            cwd=self._workdir.path,
            account=self._account,
            sink=self._sink,
        )
        run_to_end(child, COMMAND_SECONDS)

    def _make(self, name: str) -> None:
        assert self._workdir is not None
        folder = self._workdir.path / name
        folder.mkdir(mode=0o700)
        os.chown(folder, self._account.uid, self._account.gid)
