"""How many users there are for a rate, and of which kinds."""

import math

from loadtests.core.profiles import Size

ORDERS_A_USER = 0.5
WEIGHTS = {"StorefrontUser": 16, "AggregatorUser": 2, "CashierUser": 2}
# Cashiers place no orders.
ORDERING = WEIGHTS["StorefrontUser"] + WEIGHTS["AggregatorUser"]


def users_for(rate: float, size: Size) -> int:
    """How many users, all kinds together, place `rate` orders a second; those of a fixed number are on top."""
    ordering = max(1, math.ceil(rate / ORDERS_A_USER))
    return max(3, math.ceil(ordering * sum(WEIGHTS.values()) / ORDERING)) + size.clients
