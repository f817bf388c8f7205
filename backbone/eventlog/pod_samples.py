"""Each pod's word about itself: a row that it writes each second, and in which it reads whether it is to drain.

Through PostgreSQL, since an operator looks when something is broken, and Redis may be what is. A pod that ends
politely takes its row away; one that leaves it behind has died. A name is the newest process's that lives.

Why: docs/decisions/0135-one-word-a-second.md, docs/decisions/0140-one-process-has-a-name.md
"""

import asyncio
import contextlib
import logging
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Literal

import orjson

from backbone.contract.errors import Unavailable
from backbone.eventlog.postgres import Database
from backbone.runtime.version import VERSION

log = logging.getLogger("bellwire.pod_samples")

Kind = Literal["api", "gateway"]
EVERY_SECONDS = 1.0
GONE_SECONDS = 5.0
"""A process that was not heard of for so long gives its name back to an older one."""
TAKEN_HINT = "a newer process has this pod's name: give each a BELLWIRE_POD_NAME of its own"

# A row of a process that is no more under the same name tells when that was last heard. After a crash of PostgreSQL
# there is no row, and what a pod was asked for is what it says itself. No row comes back where a newer process that
# lives has the name; one that was not heard of for so long does not live.
_WRITE = """
    INSERT INTO pod_samples AS p (kind, pod, version, started_at, sampled_at, sample, drain_wanted)
    VALUES ($1, $2, $3, $4, clock_timestamp(), $5, $6)
    ON CONFLICT (kind, pod) DO UPDATE SET
        version = excluded.version, started_at = excluded.started_at, sampled_at = excluded.sampled_at,
        sample = excluded.sample,
        lost_at = CASE WHEN p.started_at = excluded.started_at THEN p.lost_at ELSE p.sampled_at END,
        drain_wanted = CASE
            WHEN p.started_at = excluded.started_at THEN p.drain_wanted ELSE excluded.drain_wanted
        END
    WHERE p.started_at <= excluded.started_at OR p.sampled_at < clock_timestamp() - $7 * interval '1 second'
    RETURNING drain_wanted
"""
_FAREWELL = "DELETE FROM pod_samples WHERE kind = $1 AND pod = $2 AND started_at = $3"


class PodReporter:
    """Writes one pod's row; `run` is the task's body.

    `figures` are read each time, and `on_drain` is told each time whether the pod is to be empty: because an operator
    wants it, or because another process has its name.
    """

    def __init__(
        self,
        database: Database,
        kind: Kind,
        pod: str,
        figures: Callable[[], dict[str, Any]],
        on_drain: Callable[[bool], None] = lambda _: None,
    ) -> None:
        self._database = database
        self._kind = kind
        self._pod = pod
        self._figures = figures
        self._on_drain = on_drain
        self._started_at = datetime.now(UTC)
        self._drain_wanted = False
        self._is_taken = False

    async def run(self) -> None:
        """Write for ever; ends by cancellation only. While PostgreSQL is away there is nothing to do."""
        while True:
            with contextlib.suppress(Unavailable):
                await self.write()
            await asyncio.sleep(EVERY_SECONDS)

    async def write(self) -> None:
        """Write the row once.

        Raises:
            Unavailable: PostgreSQL.
        """
        sample = orjson.dumps(self._figures()).decode()
        row = await self._database.fetch_row(
            _WRITE, self._kind, self._pod, VERSION, self._started_at, sample, self._drain_wanted, GONE_SECONDS
        )
        self._look_at_name(is_taken=row is None)
        if row is not None:
            self._drain_wanted = row["drain_wanted"]
        self._on_drain(self._drain_wanted or self._is_taken)

    def _look_at_name(self, *, is_taken: bool) -> None:
        if is_taken and not self._is_taken:
            log.error("pod.name_taken", extra={"kind": self._kind, "hint": TAKEN_HINT})
        elif self._is_taken and not is_taken:
            log.warning("pod.name_back", extra={"kind": self._kind})
        self._is_taken = is_taken

    async def farewell(self) -> None:
        """Take the row away: this pod ends as it should. Best effort; without it the pod is shown as silent."""
        with contextlib.suppress(Unavailable):
            await self._database.fetch(_FAREWELL, self._kind, self._pod, self._started_at)
