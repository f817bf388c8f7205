"""The countries of tenants, as this pod heard of them last. They may be old: a statement that uses one looks at it."""

from collections import OrderedDict

REMEMBERED = 20_000


class Countries:
    """By tenant; one that is not here has none, as far as this pod knows."""

    def __init__(self) -> None:
        self._known: OrderedDict[str, str] = OrderedDict()

    def of(self, tenant: str) -> str | None:
        """The tenant's country."""
        return self._known.get(tenant)

    def learn(self, tenant: str, country: str | None) -> None:
        """The database says that it is this one."""
        self._known.pop(tenant, None)
        if country is not None:
            self._known[tenant] = country
            if len(self._known) > REMEMBERED:
                self._known.popitem(last=False)
