"""Currencies by their ISO 4217 codes, and how many decimals an amount has in each. Pure.

Why: docs/decisions/0119-currencies.md
"""

from dataclasses import dataclass

from api.core.money import DECIMALS


def _codes(words: str) -> frozenset[str]:
    return frozenset(words.split())


NO_DECIMALS = _codes("BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX VND VUV XAF XOF XPF")
THREE_DECIMALS = _codes("BHD IQD JOD KWD LYD OMR TND")
_TWO_DECIMALS = _codes(
    """
    AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF CHF CNY COP CRC
    CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD HKD HNL HTG HUF IDR ILS INR IRR JMD KES
    KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR
    NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT
    TOP TRY TTD TWD TZS UAH USD UYU UZS VED VES WST XCD XCG YER ZAR ZMW ZWG
    """
)
CODES = NO_DECIMALS | THREE_DECIMALS | _TWO_DECIMALS
"""The currencies that shops take: no funds, no metals, nothing with four decimals."""


@dataclass(frozen=True, slots=True)
class Currency:
    """A tenant's currency; `code` is None where it has none, and amounts have two decimals."""

    code: str | None = None

    @property
    def decimals(self) -> int:
        """As many as its amounts have: 0, 2 or 3."""
        return _DECIMALS.get(self.code or "", DECIMALS)


NO_CURRENCY = Currency()
_DECIMALS = {**dict.fromkeys(NO_DECIMALS, 0), **dict.fromkeys(THREE_DECIMALS, 3)}


def parse_currency(value: object) -> str:
    """Read a code, in any case.

    Raises:
        ValueError: it is no currency's that a shop takes.

    >>> parse_currency("eur")
    'EUR'
    """
    code = value.upper() if isinstance(value, str) and value.isascii() else ""
    if code not in CODES:
        raise ValueError("must be a currency's code of three letters (ISO 4217), such as EUR")
    return code
