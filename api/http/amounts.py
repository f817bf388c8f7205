"""Read a body whose amounts are in its tenant's currency, and act on it.

A pod knows the currency from the last time. Where that is old, what was done with it is undone: the database ends a
write with another one, and a refusal goes out only when the currency was looked at anew.

Why: docs/decisions/0119-currencies.md
"""

from collections.abc import Awaitable, Callable
from typing import TypeVar

from pydantic import BaseModel

from api.core.currency import Currency
from api.currencies import Currencies
from api.db.writes import OtherCurrency
from api.http.body import Plain, check_body
from backbone.contract.errors import Problem, Violation

TRIES = 3
"""So often a body is read, at most: a currency changes once, if ever."""

M = TypeVar("M", bound=BaseModel)
C = TypeVar("C")
T = TypeVar("T")


class Amounts:
    """Bodies with amounts, in the currencies of their tenants."""

    def __init__(self, currencies: Currencies) -> None:
        self._currencies = currencies

    async def act(
        self, tenant: str, plain: Plain, model: type[M], act: Callable[[M, Currency], Awaitable[T]]
    ) -> T:
        """Check a body and act on it, in the tenant's currency; anew, where it turns out to be another one.

        Raises as `check_body` and `act`.
        """
        return await self.act_by(tenant, plain, lambda body, decimals: check_body(body, model, decimals), act)

    async def act_by(
        self,
        tenant: str,
        plain: Plain,
        check: Callable[[Plain, int], C],
        act: Callable[[C, Currency], Awaitable[T]],
    ) -> T:
        """As `act`, with a check of one's own: of the body, and how many decimals its amounts have."""
        currency = self._currencies.of(tenant)
        for tries_left in range(TRIES - 1, -1, -1):
            try:
                return await act(check(plain, currency.decimals), currency)
            except Violation as exc:
                known = currency
                currency = await self._currencies.look(tenant)
                if exc.problem is not Problem.INVALID_FIELDS or currency == known or not tries_left:
                    raise
            except OtherCurrency as exc:
                if not tries_left:
                    raise
                currency = Currency(exc.currency)
                self._currencies.learn(tenant, currency)
        raise AssertionError("the last try ends in one way or the other")
