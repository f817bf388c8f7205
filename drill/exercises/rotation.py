"""Every secret of an installation is changed under orders: no order fails, no till misses one, every card is found."""

import asyncio
import os
import re
import secrets
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass

import httpx

from drill.exercise import Exercise, Findings, Say
from drill.exercises.shop import Shop, until
from infra.local.cluster import Cluster
from infra.local.plan import Plan
from infra.local.pods import Pod
from infra.local.waiting import wait_until

STOP_SECONDS = 60.0
READY_SECONDS = 120.0
REFUSED = re.compile(r"^bellwire_redis_refused_total(?:\{[^}]*\})? (\S+)$", re.M)


@dataclass(frozen=True, slots=True)
class Step:
    """One roll through all pods: settings of an API pod, and of a gateway; None takes one away."""

    what: str
    api: Mapping[str, str | None]
    gateway: Mapping[str, str | None]


@dataclass(frozen=True, slots=True)
class Rolled:
    """The cost of a roll."""

    what: str
    seconds: float
    orders: int
    failed: list[str]
    longest_gap: float
    refused: float
    card: int

    @property
    def row(self) -> str:
        """A line of the table."""
        return (
            f"| {self.what} | {self.seconds:.0f} | {self.orders} | {len(self.failed)} | {self.longest_gap:.2f} "
            f"| {self.refused:.0f} |"
        )


class Site:
    """A cluster of two pods of each kind whose secrets are known, its kitchen, and a gift card that was sold in it."""

    def __init__(self, cluster: Cluster, old: Mapping[str, str], say: Say) -> None:
        self.cluster = cluster
        self.old = old
        self.say = say
        self.shop = Shop(cluster.url, cluster.operator_key)
        self._card = ""

    async def sell_card(self) -> None:
        """Under the first secret."""
        body = {"amount": 25, "purchasedBy": "Grace Hopper"}
        async with self.shop.client() as client:
            answer = await client.post(
                "/api/tenant/kitchen/gift-cards/purchase", json=body, headers={"Idempotency-Key": "one"}
            )
        self._card = answer.raise_for_status().json()["cardNumber"]

    async def roll(self, step: Step) -> Rolled:
        """Give all pods their new settings, one pod after the other."""
        began, before, failures = time.monotonic(), len(self.shop.taken), len(self.shop.failed)
        for pod in self.cluster.pods:
            await asyncio.to_thread(self._replace, pod, step.api if pod.role == "api" else step.gateway)
        seconds = time.monotonic() - began
        headers = {"Authorization": f"Bearer {self.shop.kitchen.terminals[0].key}"}
        async with httpx.AsyncClient(
            base_url=self.cluster.url, headers=headers, timeout=10, trust_env=False
        ) as till:
            card = (await till.get(f"/api/tenant/kitchen/gift-cards/{self._card}")).status_code
        moments = sorted(moment for moment in self.shop.taken.values() if moment >= began)
        gaps = [later - earlier for earlier, later in zip([began, *moments], moments, strict=False)]
        rolled = Rolled(
            step.what, seconds, len(self.shop.taken) - before, self.shop.failed[failures:], max(gaps, default=seconds),
            await self._refused(), card,
        )  # fmt: skip
        self.say(rolled.row)
        return rolled

    def change_passwords(self) -> Step:
        """Give the pods' roles other passwords; the roll that follows tells the pods."""
        rest = self.cluster.database_url.rpartition("@")[2]
        new = {role: secrets.token_urlsafe(24) for role in ("api", "gateway")}
        words = [word for role in new for word in (f"--{role}-role", f"bellwire_{role}")]
        env = {f"BELLWIRE_{role.upper()}_ROLE_PASSWORD": password for role, password in new.items()}
        subprocess.run(
            [sys.executable, "-m", "bellwire", "role-settings", *words], check=True, capture_output=True,
            env={**os.environ, **env, "BELLWIRE_DATABASE_URL": self.cluster.database_url},
        )  # fmt: skip
        urls = {
            role: {"BELLWIRE_DATABASE_URL": f"postgresql://bellwire_{role}:{password}@{rest}"}
            for role, password in new.items()
        }
        return Step("passwords of both database roles", urls["api"], urls["gateway"])

    def _replace(self, pod: Pod, settings: Mapping[str, str | None]) -> None:
        pod.stop(STOP_SECONDS)
        pod.configure(**settings)
        pod.start()
        pod.await_ready(READY_SECONDS)
        balancer = self.cluster.own_load_balancer
        wait_until(balancer.all_up, READY_SECONDS)

    async def _refused(self) -> float:
        """Messages of Redis that pods did not believe, since their start."""
        total = 0.0
        async with httpx.AsyncClient(timeout=10, trust_env=False) as client:
            for pod in self.cluster.pods:
                page = (await client.get(f"{pod.url}/metrics")).text
                total += sum(float(each) for each in REFUSED.findall(page))
        return total


def steps(old: Mapping[str, str], redis: str, card: str, webhook: str) -> list[Step]:
    """The rolls that docs/operations.md asks for, in its order."""

    def both(**settings: str | None) -> tuple[Mapping[str, str | None], Mapping[str, str | None]]:
        return settings, settings

    def api(**settings: str | None) -> tuple[Mapping[str, str | None], Mapping[str, str | None]]:
        return settings, {}

    first = old["BELLWIRE_CARD_SECRET"]
    return [
        Step(
            "Redis' secret: the new one, the old one as before",
            *both(BELLWIRE_REDIS_SECRET=redis, BELLWIRE_REDIS_SECRET_BEFORE=old["BELLWIRE_REDIS_SECRET"]),
        ),
        Step("Redis' secret: the new one alone", *both(BELLWIRE_REDIS_SECRET_BEFORE=None)),
        Step("cards' secret: all know the new one", *api(BELLWIRE_CARD_SECRET_BEFORE=card)),
        Step(
            "cards' secret, exchanged, and webhooks' a new one of their own",
            *api(
                BELLWIRE_CARD_SECRET=card, BELLWIRE_CARD_SECRET_BEFORE=first, BELLWIRE_WEBHOOK_SECRET=webhook
            ),
        ),
    ]


def judge(rolled: list[Rolled], shop: Shop) -> list[str]:
    """The sentences about what is not as it has to be."""
    wrong = [f"{each.what}: {failure}" for each in rolled for failure in each.failed]
    wrong += [f"{each.what}: the card is answered with {each.card}" for each in rolled if each.card != 200]
    taken = list(shop.taken)
    for number, till in enumerate(shop.tills, 1):
        if till.orders != taken:
            wrong.append(f"till {number} has {len(till.orders)} orders of {len(taken)}, or in another order")
        wrong += [f"till {number} was reset: {reset}" for reset in till.resets]
    return wrong


HEAD = (
    "| changed | all pods rolled in, s | orders meanwhile | of them failed | longest pause between two, s "
    "| messages of Redis not believed |\n| --- | ---: | ---: | ---: | ---: | ---: |"
)


async def _run(site: Site) -> Findings:
    await site.sell_card()
    new = [secrets.token_urlsafe(32) for _ in range(3)]
    async with site.shop.at_work():
        rolled = [await site.roll(step) for step in steps(site.old, *new)]
        rolled.append(await site.roll(await asyncio.to_thread(site.change_passwords)))
        site.shop.close()
        taken = len(site.shop.taken)
        await until(lambda: all(len(till.orders) >= taken for till in site.shop.tills))
    text = "\n".join([HEAD, *(each.row for each in rolled), ""])
    return Findings(text, judge(rolled, site.shop))


def run(say: Say) -> Findings:
    """Change all of them."""
    old = {
        "BELLWIRE_REDIS_SECRET": secrets.token_urlsafe(32),
        "BELLWIRE_CARD_SECRET": secrets.token_urlsafe(32),
    }
    with Cluster(Plan(api_pods=2, gateway_pods=2), settings=old, say=say) as cluster:
        return asyncio.run(_run(Site(cluster, old, say)))


EXERCISE = Exercise(
    "rotation", "Redis', cards', webhooks' and the database's secrets are changed under orders", run
)
