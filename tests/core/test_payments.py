"""A payment that comes after its order was placed is there, or is promised."""

import pytest

from api.core.payments import LATER, PaymentStatus, require_later


@pytest.mark.parametrize("status", PaymentStatus)
def test_a_payment_that_comes_later_is_authorized_or_paid(status: PaymentStatus) -> None:
    if status in LATER:
        assert require_later(status) is status
    else:
        with pytest.raises(ValueError, match="authorized or paid"):
            require_later(status)
