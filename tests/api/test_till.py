"""A terminal asks what its shop is like."""

from tests.shop import Operator, bearer


async def test_a_terminal_learns_its_shops_name_money_clock_and_times(operator: Operator) -> None:
    shop = await operator.open_shop(
        currency="JPY", timeZone="Asia/Tokyo", country="JP", preparationMinutes=20, ackDeadlineSeconds=90
    )
    answer = await operator.http.patch(
        shop.path("").rstrip("/"),
        json={"paused": True, "pausedReason": "No gas"},
        headers=bearer(operator.key),
    )
    assert answer.status_code == 200, answer.text
    till = await shop.http.get(shop.path("till"), headers=bearer(shop.terminal_key))
    assert till.status_code == 200
    assert till.json() == {
        "tenant": shop.slug,
        "shop": f"The {shop.slug}",
        "terminalId": shop.terminals[0].terminal_id,
        "name": "counter",
        "role": None,
        "currency": "JPY",
        "timeZone": "Asia/Tokyo",
        "country": "JP",
        "ackDeadlineSeconds": 90,
        "preparationMinutes": 20,
        "paused": True,
        "pausedReason": "No gas",
    }
