"""Quotas: how much of a kind a tenant may have at once. The database counts, exactly; see migration 0039.

Why: docs/decisions/0111-quotas.md
"""

from dataclasses import dataclass
from typing import Literal

from api.metrics import QUOTA_REFUSED
from api.settings import ApiSettings
from backbone.contract.errors import Problem, Refused, TooManyAnswers

ANSWER_DAYS = 7
ANSWERS_RETRY_SECONDS = 60
"""Answers that are over are forgotten by the hour, by whichever pod comes first."""

Kind = Literal["terminals", "webhooks", "keys", "answers"]
_REFUSALS: dict[Kind, tuple[Problem, str]] = {
    "terminals": (Problem.TOO_MANY_TERMINALS, "A tenant may have {} terminals; revoke one first"),
    "webhooks": (Problem.TOO_MANY_WEBHOOKS, "A tenant may have {} webhook endpoints; delete one first"),
    "keys": (Problem.TOO_MANY_KEYS, "A tenant may have {} valid storefront keys; end one first"),
}


@dataclass(frozen=True, slots=True)
class Quotas:
    """The quotas of an installation: each tenant's."""

    terminals: int
    webhooks: int
    keys: int
    answers: int

    @classmethod
    def of(cls, settings: ApiSettings) -> "Quotas":
        """Return those that the settings say."""
        return cls(
            settings.tenant_terminals,
            settings.tenant_webhooks,
            settings.tenant_keys,
            settings.tenant_answers,
        )

    def refusal(self, kind: Kind) -> Refused:
        """Count one that is too many, and return the answer for it: 409, and for stored answers 429."""
        QUOTA_REFUSED.labels(kind).inc()
        if kind == "answers":
            return TooManyAnswers(self.answers, ANSWER_DAYS, ANSWERS_RETRY_SECONDS)
        problem, detail = _REFUSALS[kind]
        return Refused(problem, detail.format(getattr(self, kind)))
