"""A restore to the moment before a mistake, and one after a lost disk, under orders, with tills that notice."""

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import asyncpg

from drill.exercise import Exercise, Findings, Say
from drill.exercises.shop import Shop, until
from infra.local.backed_up import BackedUp
from infra.local.cluster import Cluster
from infra.local.failure import CannotStart
from infra.local.plan import Plan

SELLING_SECONDS = 8.0
UNNOTICED_SECONDS = 5.0
MISTAKE = "UPDATE orders SET customer_name = 'oops'"


@dataclass(frozen=True, slots=True)
class Outcome:
    """One restore. Seconds from the moment at which somebody began with it."""

    what: str
    backup_seconds: float
    restore_seconds: float
    selling_seconds: float
    tills_seconds: float
    kept: int
    lost: int
    lost_before: int
    resets: list[str]
    epochs: tuple[int, int]
    audit: int

    @property
    def row(self) -> str:
        """A line of the table."""
        return (
            f"| {self.what} | {self.backup_seconds:.1f} | {self.restore_seconds:.1f} | {self.selling_seconds:.1f} "
            f"| {self.tills_seconds:.1f} | {self.kept} | {self.lost_before} | {self.lost - self.lost_before} "
            f"| {self.resets[0]} |"
        )


class Site:
    """A cluster on a server that is backed up, and its kitchen."""

    def __init__(self, cluster: Cluster, server: BackedUp, say: Say) -> None:
        self.cluster = cluster
        self.server = server
        self.say = say
        self.shop = Shop(cluster.url, cluster.operator_key)

    async def practise(self, what: str, *, mistake: bool) -> Outcome:
        """Back up, sell, break, restore, and see what is left."""
        began = time.monotonic()
        await asyncio.to_thread(self.server.back_up)
        backup_seconds = time.monotonic() - began
        await asyncio.sleep(SELLING_SECONDS)
        epoch = await self._ask("SELECT max(epoch) FROM cluster_epochs")
        target: datetime | None = None
        before: set[str] = set()
        if mistake:
            target = await self._ask("SELECT clock_timestamp()")
            before = set(self.shop.taken)
            await self._do(MISTAKE)
            self.say(f"somebody typed: {MISTAKE}; shops sell on")
            await asyncio.sleep(UNNOTICED_SECONDS)
        began = time.monotonic()
        await asyncio.to_thread(self.server.halt if mistake else self.server.lose_data)
        answered = set(self.shop.taken)
        self.say("restoring" + (f" to {target}" if target else ", with all that was archived"))
        await asyncio.to_thread(self.server.restore, target)
        restored = time.monotonic()
        await until(lambda: self.shop.taken.keys() > answered)
        selling = time.monotonic()
        await until(lambda: all(till.orders and till.orders[-1] not in answered for till in self.shop.tills))
        tills = time.monotonic()
        there = {str(row) for row in await self._column("SELECT order_id FROM orders")}
        lost = answered - there
        now = await self._ask("SELECT max(epoch) FROM cluster_epochs")
        audit = await asyncio.to_thread(self._audit)
        resets = sorted({reset for till in self.shop.tills for reset in till.resets}) or ["none"]
        for till in self.shop.tills:
            till.resets.clear()
        for order in lost:
            del self.shop.taken[order]
        return Outcome(
            what, backup_seconds, restored - began, selling - began, tills - began, len(answered & there),
            len(lost), len(lost & before), resets, (epoch, now), audit,
        )  # fmt: skip

    def _audit(self) -> int:
        command = [sys.executable, "-m", "bellwire", "audit", "--database-url", self.server.url]
        return subprocess.run(command, env=os.environ, capture_output=True, check=False).returncode

    async def _ask(self, query: str) -> Any:
        return (await self._column(query))[0]

    async def _column(self, query: str) -> Sequence[object]:
        connection = await asyncpg.connect(self.server.url)
        try:
            return [row[0] for row in await connection.fetch(query)]
        finally:
            await connection.close()

    async def _do(self, statement: str) -> None:
        connection = await asyncpg.connect(self.server.url)
        try:
            await connection.execute(statement)
        finally:
            await connection.close()


def judge(outcome: Outcome, *, mistake: bool) -> list[str]:
    """The sentences about what is not as it has to be."""
    wrong = []
    if mistake and outcome.lost_before:
        wrong.append(f"{outcome.lost_before} orders that were answered before the mistake are gone")
    if outcome.epochs[1] <= outcome.epochs[0]:
        wrong.append(f"no new epoch was entered: {outcome.epochs}")
    if outcome.lost and not any(reset.startswith("epoch to ") for reset in outcome.resets):
        wrong.append(f"tills were not reset, though orders that they had are gone: {outcome.resets}")
    if len(outcome.resets) > 1:
        wrong.append(f"tills of one shop were reset to different places: {outcome.resets}")
    if outcome.audit != 0:
        wrong.append("bellwire audit finds something wrong after the restore")
    return wrong


HEAD = (
    "| restore | backup, s | restored, s | orders again, s | tills again, s | answered orders kept "
    "| lost of before the mistake | lost of since | tills are reset |\n"
    "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | --- |"
)


async def _run(site: Site) -> Findings:
    async with site.shop.at_work():
        to_moment = await site.practise("to the moment before a mistake", mistake=True)
        site.say(to_moment.row)
        after_loss = await site.practise("after `kill -9` and a lost disk, no standby", mistake=False)
        site.say(after_loss.row)
    wrong = [f"{to_moment.what}: {each}" for each in judge(to_moment, mistake=True)]
    wrong += [f"{after_loss.what}: {each}" for each in judge(after_loss, mistake=False)]
    return Findings("\n".join([HEAD, to_moment.row, after_loss.row, ""]), wrong)


def run(say: Say) -> Findings:
    """Practise both."""
    cluster = Cluster(Plan(), say=say)
    server = BackedUp()
    cluster.postgres = server
    with cluster:
        if server.url not in cluster.database_url:
            raise CannotStart("the cluster does not stand on the server that is backed up")
        return asyncio.run(_run(Site(cluster, server, say)))


EXERCISE = Exercise("restore", "a point-in-time restore by pgBackRest, and one after a lost disk", run)
