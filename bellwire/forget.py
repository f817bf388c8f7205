"""`bellwire forget`: the database first, then what Redis still holds of it."""

from api.core.phones import NoNumber
from api.db.forget import forget_customer
from backbone.contract.errors import Unavailable
from backbone.eventlog.stream import Stream
from backbone.runtime.settings import PodSettings, load_settings
from bellwire.trouble import Trouble


async def forget(database_url: str, redis_url: str, tenant: str, phone: str) -> str:
    """Forget a customer and tell in a few lines what was done.

    Raises:
        Trouble: the phone number is none, or Redis could not be told.
        Unavailable: PostgreSQL; nothing was done.
    """
    try:
        done = await forget_customer(database_url, tenant, phone)
    except NoNumber as exc:
        raise Trouble(f"The phone number {exc}.") from exc
    await _drop_stream(database_url, redis_url, tenant)
    return (
        f"{done.orders} orders, {done.accounts} loyalty accounts and {done.gift_cards} gift cards are nobody's now; "
        f"{done.events} events were overwritten.\n"
        "The shop's stream in Redis was dropped, and gateways let go of what they hold in memory within about a second."
    )


async def _drop_stream(database_url: str, redis_url: str, tenant: str) -> None:
    stream = Stream(load_settings(PodSettings, database_url=database_url, redis_url=redis_url))
    try:
        await stream.drop(tenant)
    except Unavailable as exc:
        raise Trouble(
            "The database has forgotten the customer, but Redis could not be told. Run this again when it is back; "
            "otherwise the newest events stay in the shop's stream until a day after its last one."
        ) from exc
    finally:
        await stream.close()
