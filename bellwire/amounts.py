"""Amounts as a person reads them: with the decimals that the API wrote, which are those of the shop's currency."""

from typing import Any


class Written(float):
    """A number that knows how it was written, for `json.loads(…, parse_float=Written)`."""

    text: str

    def __new__(cls, text: str) -> "Written":
        """Read it."""
        number = super().__new__(cls, text)
        number.text = text
        return number


def amount_text(value: Any) -> str:
    """Return an amount as it was written; one that was not read has two decimals where it has any.

    >>> [amount_text(value) for value in (1050, Written("1.250"), 10.5)]
    ['1050', '1.250', '10.50']
    """
    if isinstance(value, Written):
        return value.text
    return str(value) if isinstance(value, int) else f"{value:.2f}"
