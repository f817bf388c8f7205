"""The answers about gift cards, points and daily reports."""

from typing import Any, Literal
from uuid import UUID

from api.http.documents.values import CalendarDay, Moment, Money, Position, Writer
from backbone.runtime.openapi import Answer


class CardSold(Answer):
    """A gift card; its number is said here, once."""

    card_number: str
    balance: Money
    expiry_date: CalendarDay | None
    offset: Position


class CardBalance(Answer):
    """The balance of a gift card."""

    balance: Money
    expiry_date: CalendarDay | None


class CardRedeemed(Answer):
    """The balance that is left on a gift card, and what the redemption is given back by."""

    balance: Money
    redemption_id: UUID
    offset: Position


class CardGivenBack(Answer):
    """The balance of a gift card that was given back to."""

    balance: Money
    offset: Position


class CardToppedUp(Answer):
    """The balance of a gift card that was topped up."""

    balance: Money
    expiry_date: CalendarDay | None
    offset: Position


class CardVoided(Answer):
    """A gift card that is no more."""

    balance: Money
    offset: Position


class PointsChanged(Answer):
    """A change of points that is committed."""

    customer_id: UUID
    new_balance: int
    offset: Position


class PointsTransaction(Answer):
    """One line of a loyalty ledger. `by` is null for a release that did not keep it."""

    transaction_type: Literal["add", "redeem"]
    points_change: int
    new_balance: int
    reason: str | None
    timestamp: Moment
    by: Writer | None


class Account(Answer):
    """A loyalty account with its newest transactions."""

    customer_id: UUID
    new_balance: int
    transactions: list[PointsTransaction]


class ReportStored(Answer):
    """A daily report that was kept."""

    terminal_id: UUID
    business_date: CalendarDay


class Report(ReportStored):
    """One till's day."""

    terminal_name: str
    received_at: Moment
    totals: dict[str, Any]


class ReportList(Answer):
    """Daily reports, newest day first; `next` continues the list."""

    reports: list[Report]
    next: str | None
