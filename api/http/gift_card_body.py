"""The bodies of the routes that sell a gift card, and that move what is on it."""

from api.http.body import Body, Day, Email, FilledLine, FilledText, Name, PositiveCents


class PurchaseBody(Body):
    """The body that sells a card."""

    amount: PositiveCents
    purchased_by: Name
    recipient_name: Name | None = None
    recipient_email: Email | None = None
    expiry_date: Day | None = None


class RedeemBody(Body):
    """The body that takes from a card."""

    amount: PositiveCents
    order_id: FilledText | None = None


class RefundBody(Body):
    """The body that gives back to a card: of one redemption, or of what it paid for an order."""

    amount: PositiveCents
    redemption_id: FilledText | None = None
    order_id: FilledText | None = None
    reason: FilledLine | None = None


class TopUpBody(Body):
    """The body that puts more on a card."""

    amount: PositiveCents
    purchased_by: Name


class VoidBody(Body):
    """The body that ends a card."""

    reason: FilledLine | None = None
