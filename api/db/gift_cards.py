"""Gift cards in the database."""

from dataclasses import dataclass
from datetime import date
from uuid import UUID

from api.core.money import cents_text
from api.db.writes import Attempt, Written, run_write, write_call
from backbone.eventlog.postgres import Database


@dataclass(frozen=True, slots=True)
class NewCard:
    """A card about to be sold; its number is here only as what it is found by."""

    card_id: UUID
    number_hmac: bytes
    last4: str
    salt: str
    cents: int
    purchased_by: str
    recipient_name: str | None
    recipient_email: str | None
    expiry_date: date | None


_SELL = write_call("sell_gift_card", 14)


async def sell_card(database: Database, attempt: Attempt, card: NewCard, data: bytes) -> Written:
    """Commit a sale. Outcome `ok`; the result has the `salt` that the number is derived from.

    Raises as `run_write`.
    """
    return await run_write(
        database,
        _SELL,
        attempt,
        card.card_id,
        card.number_hmac,
        card.last4,
        card.salt,
        card.cents,
        cents_text(card.cents),
        card.purchased_by,
        card.recipient_name,
        card.recipient_email,
        card.expiry_date,
        data.decode(),
    )


_REDEEM = write_call("redeem_gift_card", 7)


async def redeem_card(
    database: Database, attempt: Attempt, number_hmac: bytes, cents: int, order_id: str | None, data: bytes
) -> Written:
    """Commit a redemption. Outcomes `ok`, `not_found`, `expired`, `insufficient`. Raises as `run_write`."""
    return await run_write(database, _REDEEM, attempt, number_hmac, cents, order_id, data.decode())


@dataclass(frozen=True, slots=True)
class StoredCard:
    """A card's balance and its last day."""

    balance_cents: int
    expiry_date: date | None


_GET = "SELECT balance_cents, expiry_date FROM gift_cards WHERE tenant = $1 AND number_hmac = $2"


async def get_card(database: Database, tenant: str, number_hmac: bytes) -> StoredCard | None:
    """Return a card, or None.

    Raises:
        Unavailable: PostgreSQL.
    """
    row = await database.fetch_row(_GET, tenant, number_hmac)
    return None if row is None else StoredCard(row["balance_cents"], row["expiry_date"])
