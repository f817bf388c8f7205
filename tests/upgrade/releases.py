"""The last release and this one on one database that the old one has made, and the commands of both."""

import asyncio
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from tests.conftest import CARD_SECRET, REDIS_SECRET, ROOT
from tests.upgrade.baseline import environment, python_for
from tests.upgrade.mixture import Side

COMMAND_SECONDS = 60


async def run(side: Side, *words: str) -> str:
    """Run a command of a release and return what it printed; it must end with 0."""
    done = await asyncio.to_thread(
        subprocess.run,
        side.command(*words),
        capture_output=True,
        text=True,
        cwd=side.tree,
        env=side.env,
        timeout=COMMAND_SECONDS,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@dataclass(frozen=True, slots=True)
class Releases:
    """Both, on one database that the old one has made."""

    old: Side
    new: Side
    database_url: str
    operator_key: str


async def both_on(url: str, redis_url: str, baseline: Path) -> Releases:
    """Two releases on a new database; no pod runs yet."""
    settings = {
        "BELLWIRE_DATABASE_URL": url,
        "BELLWIRE_REDIS_URL": redis_url,
        "BELLWIRE_CARD_SECRET": CARD_SECRET,
        # The old release does not know it: its pods neither sign nor look.
        "BELLWIRE_REDIS_SECRET": REDIS_SECRET,
        "BELLWIRE_LOG_FORMAT": "json",
        "BELLWIRE_DRAIN_SECONDS": "1",
        "BELLWIRE_API_DRAIN_SECONDS": "0",
        "PYTHONUNBUFFERED": "1",
    }
    tree = baseline / "tree"
    python = await asyncio.to_thread(python_for, tree, baseline / "venv")
    # Compiled once, and beside its tree, which is that of the commit.
    compiled = {"PYTHONPYCACHEPREFIX": str(baseline / "bytecode")}
    old = Side("old", tree, python, {**environment(tree), **compiled, **settings})
    new = Side("new", ROOT, sys.executable, {**environment(ROOT), **settings})
    await run(old, "migrate")
    return Releases(old, new, url, (await run(old, "operator-key")).strip())


async def stop(*sides: Side) -> None:
    await asyncio.gather(*(asyncio.to_thread(side.stop) for side in sides))
