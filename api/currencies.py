"""The currencies of tenants, as this pod heard of them last. They may be old: a write that uses one looks at it."""

from collections import OrderedDict

from api.core.currency import NO_CURRENCY, Currency
from api.db.tenants import currency_of
from backbone.contract.errors import Unavailable
from backbone.eventlog.postgres import Database

REMEMBERED = 20_000


class Currencies:
    """By tenant; one that is not here has none, as far as this pod knows."""

    def __init__(self, reads: Database) -> None:
        self._reads = reads
        self._known: OrderedDict[str, Currency] = OrderedDict()

    def of(self, tenant: str) -> Currency:
        """The tenant's currency."""
        return self._known.get(tenant, NO_CURRENCY)

    def learn(self, tenant: str, currency: Currency) -> None:
        """The database says that it is this one."""
        self._known.pop(tenant, None)
        if currency != NO_CURRENCY:
            self._known[tenant] = currency
            if len(self._known) > REMEMBERED:
                self._known.popitem(last=False)

    async def look(self, tenant: str) -> Currency:
        """Ask the database; while it is away, what this pod knows."""
        try:
            currency = Currency(await currency_of(self._reads, tenant))
        except Unavailable:
            return self.of(tenant)
        self.learn(tenant, currency)
        return currency
