"""An order's money in the database: payments that come later, and refunds."""

from uuid import UUID

from api.core.payments import Payment
from api.db.writes import Attempt, Written, run_write, write_call
from backbone.eventlog.postgres import Database

_PAY = write_call("pay_order", 9)


async def pay_order(
    database: Database, attempt: Attempt, order_id: UUID, payment_id: UUID, payment: Payment
) -> Written:
    """Commit a payment.

    Outcomes `ok`, `not_found`, `wrong_step` with how the order stands, `overpaid`, `too_many_payments`.
    Raises as `run_write`.
    """
    return await run_write(
        database,
        _PAY,
        attempt,
        order_id,
        payment_id,
        payment.method,
        payment.cents,
        payment.status.value,
        payment.reference,
    )


_REFUND = write_call("refund_order", 7)


async def refund_order(
    database: Database, attempt: Attempt, order_id: UUID, refund_id: UUID, cents: int, reason: str | None
) -> Written:
    """Commit a refund. Outcomes `ok`, `not_found`, `refund_too_high`, `too_many_payments`. Raises as `run_write`."""
    return await run_write(database, _REFUND, attempt, order_id, refund_id, cents, reason)
