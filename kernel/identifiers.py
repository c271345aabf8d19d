"""Numbers that identify people, organisations and phones: read forgivingly, checked strictly, kept in one form.

What a person types or pastes is forgiven its spaces, hyphens, full-width digits and invisible marks; what the standard
says about the number is not. Errors name the field and the part that is wrong, and never repeat the number: an
exception's text reaches the logs.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from dataclasses import field as dataclass_field
from datetime import date
from enum import StrEnum

from kernel.errors import Code, InvalidInput

# Chinese keyboards type full-width characters (U+FF01 to U+FF5E, in the order of ASCII) and a variety of dashes. U+202A
# to U+202E and U+2066 to U+2069 surround numbers pasted from a phone's address book; the zero-width ones come with text
# copied from web pages.
_FORGIVEN = str.maketrans(
    {chr(code + 0xFEE0): chr(code) for code in range(0x21, 0x7F)}
    | dict.fromkeys(" \t\r\n\u00a0\u2002\u2003\u2009\u3000-\u2010\u2011\u2012\u2013\u2014\u2212\uff0d")
    | dict.fromkeys("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200b\u200c\u200d\u2060\ufeff")
)

# GB/T 2260: the first two digits of every province-level division. 83 is in no table of divisions: the residence
# permits of 2018 carry 81 for Hong Kong's, 82 for Macao's and 83 for Taiwan's residents.
_PROVINCE = re.compile(r"1[1-5]|2[1-3]|3[1-7]|4[1-6]|5[0-4]|6[1-5]|71|8[1-3]")
_RESIDENT_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_RESIDENT_CHECKS = "10X98765432"
_RESIDENT_18 = re.compile(r"[0-9]{17}[0-9X]")
_RESIDENT_15 = re.compile(r"[0-9]{15}")
# The old numbers kept these sequences for people born in the nineteenth century, because they had no century.
_CENTENARIANS = frozenset({"996", "997", "998", "999"})

_CREDIT_ALPHABET = "0123456789ABCDEFGHJKLMNPQRTUWXY"
_CREDIT_VALUE = {character: value for value, character in enumerate(_CREDIT_ALPHABET)}
_CREDIT = re.compile(rf"[{_CREDIT_ALPHABET}]{{2}}[0-9]{{6}}[{_CREDIT_ALPHABET}]{{10}}")

_MOBILE = re.compile(r"(?:\+?86|0086)?(1[3-9][0-9]{9})")


class Sex(StrEnum):
    MALE = "male"
    FEMALE = "female"


@dataclass(frozen=True, slots=True)
class ResidentId:
    """A citizen identity number and what it says about its holder.

    ``number`` has 18 characters, the last may be a capital X. ``division`` is the six-digit code of the place that gave
    the number out: advisory only, because divisions are renamed and merged while the number stays. The number and the
    birth date are left out of the repr, which ends in tracebacks.
    """

    number: str = dataclass_field(repr=False)
    birth_date: date = dataclass_field(repr=False)
    sex: Sex
    division: str


def parse_resident_id(text: str, *, today: date, field: str) -> ResidentId:
    """Read a citizen identity number (公民身份号码, GB 11643-1999), or a residence permit of the same shape.

    ``text``: 18 characters, or the 15 digits of GB 11643-1989, which are completed with the century and the check
    character. ``today``: the day in Weihai, after which nobody is born yet. ``field``: the name of the input, for the
    error.

    Raises InvalidInput(INVALID_ID_NUMBER) with ``field`` and ``reason``, the first part that is wrong: ``length`` (also
    any foreign character), ``province``, ``birth_date`` or ``check_character``. Foreigners' permanent residence cards
    begin with 9 and follow another standard: refused as ``province``.
    """
    number = text.translate(_FORGIVEN).upper()
    if _RESIDENT_15.fullmatch(number):
        century = "18" if number[12:] in _CENTENARIANS else "19"
        number = number[:6] + century + number[6:]
        number += resident_id_check_character(number)
    elif not _RESIDENT_18.fullmatch(number):
        raise _bad_resident_id(field, "length")
    if not _PROVINCE.match(number):
        raise _bad_resident_id(field, "province")
    try:
        birth_date = date(int(number[6:10]), int(number[10:12]), int(number[12:14]))
    except ValueError:
        raise _bad_resident_id(field, "birth_date") from None
    if birth_date > today:
        raise _bad_resident_id(field, "birth_date")
    if number[17] != resident_id_check_character(number[:17]):
        raise _bad_resident_id(field, "check_character")
    sex = Sex.MALE if int(number[16]) % 2 else Sex.FEMALE
    return ResidentId(number, birth_date, sex, number[:6])


def resident_id_check_character(body: str) -> str:
    """The 18th character for 17 digits: ISO 7064 MOD 11-2, as GB 11643-1999 prescribes."""
    total = sum(int(digit) * weight for digit, weight in zip(body, _RESIDENT_WEIGHTS, strict=True))
    return _RESIDENT_CHECKS[total % 11]


def _bad_resident_id(field: str, reason: str) -> InvalidInput:
    return InvalidInput(Code.INVALID_ID_NUMBER, field=field, reason=reason)


def parse_credit_code(text: str, *, field: str) -> str:
    """Read a unified social credit code (统一社会信用代码, GB 32100-2015) and return its 18 characters in capitals.

    One character for the registering authority (a letter is an authority as good as a digit: A, N, Y), one for the kind
    of organisation, six digits of division, nine of organisation code, one check character; without I, O, S, V and Z.
    The last character checks the whole code; the organisation code's own check character (GB 11714) is not asked for.

    Raises InvalidInput with ``field`` and ``reason``: ``length`` (also any foreign character) or ``check_character``.
    """
    number = text.translate(_FORGIVEN).upper()
    if not _CREDIT.fullmatch(number):
        reason = "length"
    elif number[17] != credit_code_check_character(number[:17]):
        reason = "check_character"
    else:
        return number
    raise InvalidInput(detail="统一社会信用代码不正确，请核对后重新输入。", field=field, reason=reason)


def credit_code_check_character(body: str) -> str:
    """The 18th character for 17 characters: weights are the powers of 3 modulo 31, as GB 32100-2015 prescribes."""
    if len(body) != 17:
        raise ValueError("a credit code has 17 characters before its check character")
    total = sum(_CREDIT_VALUE[character] * pow(3, index, 31) for index, character in enumerate(body))
    return _CREDIT_ALPHABET[-total % 31]


def parse_mobile(text: str, *, field: str) -> str:
    """Read a mobile number of mainland China and return its 11 digits, without the country code.

    Accepts +86, 0086 and 86 before it (ITU-T E.164). The numbering plan (电信网编号计划, Ministry of Industry and
    Information Technology) opens ranges year by year, so only the shape 1[3-9] and nine digits is asked for: a list of
    ranges would turn away new numbers.

    Raises InvalidInput(INVALID_PHONE) with ``field``.
    """
    match = _MOBILE.fullmatch(text.translate(_FORGIVEN))
    if match is None:
        raise InvalidInput(Code.INVALID_PHONE, field=field)
    return match.group(1)
