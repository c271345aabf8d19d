"""Case numbers and query codes, as people read them out and type them.

A number is ``WH20901121-04817263``: the city, the day of submission, seven random digits and a check digit. Digits
only, because elderly people type them on the phone's number pad; the day, because officers sort paper by it; random
instead of counted, because a counter is one document that every submission waits for and that tells how many cases a
city has. Seven digits a day and a unique index: a number taken is drawn again. The check digit is ISO 7064 MOD 11,10,
which finds every wrong digit and nearly all that were swapped, before the database is asked.
"""

from __future__ import annotations

import re
import secrets
from datetime import date

from kernel.ids import ALPHABET

CITY = "WH"
_RANDOM_DIGITS = 7
_NUMBER = re.compile(rf"{CITY}[0-9]{{8}}-[0-9]{{8}}")
_FORGIVEN = str.maketrans({"O": "0", "I": "1", "L": "1", "-": None, " ": None})


def new_number(day: date) -> str:
    body = f"{day:%Y%m%d}{secrets.randbelow(10**_RANDOM_DIGITS):0{_RANDOM_DIGITS}}"
    return _written(body + check_digit(body))


def new_query_code() -> str:
    """Six characters of Crockford's base 32: a thousand million, with a limit on guesses."""
    return "".join(secrets.choice(ALPHABET) for _ in range(6))


def parse_number(text: str) -> str | None:
    """The number as it is kept, forgiving case, spaces and hyphens; None when it can be none."""
    digits = text.upper().replace(CITY, "").replace("-", "").replace(" ", "")
    number = _written(digits)
    if not _NUMBER.fullmatch(number) or check_digit(digits[:-1]) != digits[-1]:
        return None
    return number


def parse_query_code(text: str) -> str:
    return text.upper().translate(_FORGIVEN)


def check_digit(digits: str) -> str:
    """ISO/IEC 7064 MOD 11,10."""
    carry = 10
    for digit in digits:
        total = (carry + int(digit)) % 10 or 10
        carry = total * 2 % 11
    return str((11 - carry) % 10)


def _written(digits: str) -> str:
    return f"{CITY}{digits[:8]}-{digits[8:]}"
