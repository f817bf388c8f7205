"""Gift cards in the database."""

from dataclasses import dataclass
from datetime import date
from uuid import UUID

from api.core.money import cents_text
from api.db.writes import Attempt, Written, run_write, write_call
from backbone.eventlog.postgres import Database


@dataclass(frozen=True, slots=True)
class NewCard:
    """A card about to be sold; its number is here only as what it is found by, under the secret of that name."""

    card_id: UUID
    number_hmac: bytes
    last4: str
    salt: str
    cents: int
    purchased_by: str
    recipient_name: str | None
    recipient_email: str | None
    expiry_date: date | None
    secret_id: bytes
    decimals: int
    """As many as `cents` has."""


_SELL = write_call("sell_gift_card", 15)


async def sell_card(database: Database, attempt: Attempt, card: NewCard, data: bytes) -> Written:
    """Commit a sale. Outcome `ok`; the result has the `salt` that the number is derived from.

    Raises as `run_write`, and DayOver.
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
        cents_text(card.cents, card.decimals),
        card.purchased_by,
        card.recipient_name,
        card.recipient_email,
        card.expiry_date,
        data.decode(),
        card.secret_id,
    )


@dataclass(frozen=True, slots=True)
class Presented:
    """A number that somebody presented, as what it is found by under each secret, the newest first.

    `secret_id` is the newest one's name: a card that stands under another one moves to it.
    """

    hmacs: list[bytes]
    secret_id: bytes


_REDEEM = write_call("use_gift_card", 8)


async def redeem_card(
    database: Database, attempt: Attempt, number: Presented, cents: int, order_id: str | None, data: bytes
) -> Written:
    """Commit a redemption, for an order where one is named.

    Outcomes `ok`, `not_found`, `voided`, `expired`, `insufficient`; `no_order`, `order_cancelled` with how the order
    stands, `too_many` for one order. Raises as `run_write`.
    """
    return await run_write(
        database, _REDEEM, attempt, number.hmacs, cents, order_id, data.decode(), number.secret_id
    )


_REFUND = write_call("refund_gift_card", 9)


async def refund_card(
    database: Database,
    attempt: Attempt,
    number: Presented,
    cents: int,
    redemption_id: str | None,
    order_id: str | None,
    reason: str | None,
) -> Written:
    """Commit a give-back of one redemption, or of those with which the card paid for an order.

    Outcomes `ok`, `not_found`, `voided`, `not_redeemed` with what is `left`. Raises as `run_write`.
    """
    return await run_write(
        database,
        _REFUND,
        attempt,
        number.hmacs,
        cents,
        redemption_id,
        order_id,
        reason,
        number.secret_id,
    )


_TOP_UP = write_call("top_up_gift_card", 7)


async def top_up_card(
    database: Database, attempt: Attempt, number: Presented, cents: int, purchased_by: str
) -> Written:
    """Commit a top-up. Outcomes `ok`, `not_found`, `voided`, `expired`, which is not kept. Raises as `run_write`."""
    return await run_write(database, _TOP_UP, attempt, number.hmacs, cents, purchased_by, number.secret_id)


_VOID = write_call("void_gift_card", 6)


async def void_card(database: Database, attempt: Attempt, number: Presented, reason: str | None) -> Written:
    """Commit a card's end. Outcomes `ok`, `not_found`, `voided`. Raises as `run_write`."""
    return await run_write(database, _VOID, attempt, number.hmacs, reason, number.secret_id)


@dataclass(frozen=True, slots=True)
class StoredCard:
    """A card's balance and its last day. `outdated`: it stands under a secret that is not the newest."""

    balance_cents: int
    currency: str | None
    expiry_date: date | None
    outdated: bool


_GET = """
    SELECT balance_cents, currency, expiry_date, number_hmac <> $3 AS outdated
    FROM gift_cards JOIN tenants USING (tenant) WHERE tenant = $1 AND number_hmac = ANY ($2::bytea[])
"""


async def get_card(database: Database, tenant: str, number: Presented) -> StoredCard | None:
    """Return a card, or None.

    Raises:
        Unavailable: PostgreSQL.
    """
    row = await database.fetch_row(_GET, tenant, number.hmacs, number.hmacs[0])
    if row is None:
        return None
    return StoredCard(row["balance_cents"], row["currency"], row["expiry_date"], row["outdated"])


_MOVE = "SELECT card_id FROM present_gift_card($1, $2, $3)"


async def move_card(database: Database, tenant: str, number: Presented) -> None:
    """Move a card to the newest secret. Raises Unavailable."""
    await database.fetch(_MOVE, tenant, number.hmacs, number.secret_id)
