"""Phone numbers: one reading of whatever somebody typed, pasted or was handed by an address book. Pure.

Knows numbers and countries, by libphonenumber's tables. These are loaded when the first number is read, a country's
when one of its own is.

Why: docs/decisions/0113-one-number.md
"""

import functools
import re
import unicodedata
from dataclasses import dataclass
from typing import Any

MAX_CHARACTERS = 64
"""Of a number as it is written, with everything that is read away."""
_LEAST, _MOST = 3, 15
_SHAPE = re.compile(r"\+?[0-9][0-9 .\-/~]*", re.ASCII)
# A zero in brackets behind a country code is dialled inside that country only.
_TRUNK = re.compile(r"((?:\+|00)(?:[ .\-/()]*[0-9]){1,3}[ .\-/()]*)\( *0 *\)", re.ASCII)
_MARKS = frozenset("()./~+-")
_MINUS = "\u2212"
_VARIATION = re.compile("[\ufe00-\ufe0f\U000e0100-\U000e01ef]")


class NoNumber(ValueError):
    """It is not a phone number."""

    def __init__(self) -> None:
        super().__init__(f"must be a phone number of {_LEAST} to {_MOST} digits")


@dataclass(frozen=True, slots=True)
class PhoneNumber:
    """A number as one text: `+`, country code and the rest; or bare digits, where nobody knows of which country.

    `depends`: in a shop of another country it may be read otherwise.
    """

    text: str
    depends: bool

    @property
    def digits(self) -> str:
        """The number as it is compared."""
        return self.text.removeprefix("+")


@functools.lru_cache(maxsize=4096)
def read_phone(given: str, country: str | None) -> PhoneNumber:
    """Read a number as somebody wrote it, in a shop of this country.

    Invisible characters, spaces, `tel:`, a `(0)` behind a country code and digits of other scripts are read away.

    Raises:
        NoNumber: it is not a phone number.

    >>> read_phone("+44 (0)7700 900123", None).text
    '+447700900123'
    >>> read_phone("07700 900123", "GB").text
    '+447700900123'
    >>> read_phone("07700 900123", None).text
    '07700900123'
    """
    if len(given) > MAX_CHARACTERS:
        raise NoNumber
    plain = _plain(given)
    bare = plain.replace("(", "").replace(")", "").strip()
    if _SHAPE.fullmatch(bare) is None:
        raise NoNumber
    digits = _digits(bare)
    if bare[0] == "+" or digits.startswith("00"):
        return PhoneNumber("+" + _international(plain, bare[0] != "+"), False)
    if not _LEAST <= len(digits) <= _MOST:
        raise NoNumber
    return PhoneNumber(digits if country is None else _national(digits, country), True)


def is_country(text: str) -> bool:
    """Whether numbers of a country are known by this code, two capital letters."""
    return text in _library().SUPPORTED_REGIONS


def names_of(given: str, country: str | None) -> tuple[str, ...]:
    """Return all digits by which a number may have been kept, its own first.

    Before a shop had its country, national numbers were kept by their bare digits; and older pods keep a `(0)`.

    Raises:
        NoNumber: it is not a phone number.
    """
    number = read_phone(given, country)
    names = [number.digits, _digits(_plain(given)).removeprefix("00")]
    parsed = _parsed(number.text, None) if number.text[0] == "+" else None
    if country is not None and parsed is not None:
        library = _library()
        if parsed.country_code == library.country_code_for_region(country):
            spoken = _digits(library.format_number(parsed, library.PhoneNumberFormat.NATIONAL))
            names += [spoken, library.national_significant_number(parsed), f"{parsed.country_code}{spoken}"]
    return tuple(dict.fromkeys(names))


def number_at_home(digits: str, number: str | None, country: str) -> str | None:
    """Return the number that an account's digits are now that the shop has a country; None where they stay.

    `number` is how they were read, None where nobody knows: then those that may be a number of the world stay one.
    """
    if number is None:
        trunk = _plan(_library().country_code_for_region(country)).trunk_prefix
        national = trunk is not None and digits.startswith(trunk)
        if not national and _is_possible(_parsed("+" + digits, None)):
            return None
    elif number.startswith("+"):
        return None
    try:
        read = read_phone(digits, country).text
    except NoNumber:
        return None
    return read if read[0] == "+" else None


def _plain(given: str) -> str:
    """The characters that count, in ASCII where they have such a form."""
    if not given.isascii():
        given = "".join(map(_ascii, _VARIATION.sub("", given)))
    plain = " ".join(given.split())
    return plain[4:].strip() if plain[:4].lower() == "tel:" else plain


def _ascii(character: str) -> str:
    category = unicodedata.category(character)
    if category == "Cf":
        return ""
    if category == "Nd":
        return str(unicodedata.decimal(character))
    if category == "Pd" or character == _MINUS:
        return "-"
    plain = unicodedata.normalize("NFKC", character)
    return plain if plain in _MARKS else character


def _digits(text: str) -> str:
    return re.sub("[^0-9]", "", text)


def _international(plain: str, zeros: bool) -> str:
    """The digits behind the `+`, or behind the two `zeros` that stand for it."""
    read = [_digits(_TRUNK.sub(r"\1", plain, count=1)), _digits(plain)]
    if zeros:
        read = [digits.removeprefix("00") for digits in read]
    digits = read[0]
    if not _LEAST <= len(digits) <= _MOST or digits[0] == "0":
        raise NoNumber
    # A country whose own numbers begin with that 0 keeps it.
    for candidate in dict.fromkeys(read):
        if _is_straight(candidate):
            return candidate
    parsed = _parsed("+" + digits, None)
    return _e164(parsed) if _is_possible(parsed) else digits


def _national(digits: str, country: str) -> str:
    """A number without a country code in a shop of this country: that country's, or bare where it is none of those."""
    code = _library().country_code_for_region(country)
    if _fits(digits, code):
        return f"+{code}{digits}"
    parsed = _parsed(digits, country)
    return "+" + _e164(parsed) if _is_possible(parsed) else digits


def _is_straight(digits: str) -> bool:
    """Whether these digits are a country code and a number of that country with nothing to be taken out of it.

    That is nearly every number, and costs a tenth of the whole reading.
    """
    codes = _library().COUNTRY_CODE_TO_REGION_CODE
    for length in (1, 2, 3):
        code = int(digits[:length])
        if code in codes:
            return len(digits) <= _MOST and _fits(digits[length:], code)
    return False


def _fits(nation: str, code: int) -> bool:
    plan = _plan(code)
    dialled = None if plan.trunk is None else plan.trunk.match(nation)
    return (dialled is None or dialled.end() == 0) and plan.nation.fullmatch(nation) is not None


@dataclass(frozen=True, slots=True)
class _Plan:
    """A country's numbering plan: its numbers, what is dialled before them inside, and the usual form of that."""

    nation: re.Pattern[str]
    trunk: re.Pattern[str] | None
    trunk_prefix: str | None


@functools.cache
def _plan(code: int) -> _Plan:
    library = _library()
    region = library.region_code_for_country_code(code)
    metadata = library.PhoneMetadata.metadata_for_region_or_calling_code(code, region)
    trunk = metadata.national_prefix_for_parsing
    return _Plan(
        re.compile(metadata.general_desc.national_number_pattern),
        re.compile(trunk) if trunk else None,
        metadata.national_prefix,
    )


def _parsed(text: str, country: str | None) -> Any:
    library = _library()
    try:
        return library.parse(text, country)
    except library.NumberParseException:
        return None


def _is_possible(parsed: Any) -> bool:
    if parsed is None:
        return False
    library = _library()
    possible: bool = library.is_possible_number_with_reason(parsed) == library.ValidationResult.IS_POSSIBLE
    return possible and len(_e164(parsed)) <= _MOST


def _e164(parsed: Any) -> str:
    library = _library()
    text: str = library.format_number(parsed, library.PhoneNumberFormat.E164)
    return text.removeprefix("+")


def _library() -> Any:
    import phonenumbers

    return phonenumbers
