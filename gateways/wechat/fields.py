"""WeChat's limits on the fields of a subscribe message, checked before sending.

A value beyond its limit makes WeChat refuse the whole message (47003 ``argument invalid! data.thing1.value``), so texts
are made to fit while somebody can still choose the words.
Source: developers.weixin.qq.com, subscribeMessage.send, 订阅消息参数值内容限制说明.
"""

from __future__ import annotations

import re
import unicodedata

_TIME = r"(?:[01]?\d|2[0-3]):[0-5]\d(?::[0-5]\d)?"
_DATE = r"\d{4}年(?:0?[1-9]|1[0-2])月(?:0?[1-9]|[12]\d|3[01])日"
_MOMENT = rf"(?:{_DATE} ?)?{_TIME}"
_SYMBOLS = r"[!-/:-@\[-`{-~]"
_CURRENCY = r"[¥￥$€£]"

# kind -> (pattern of the whole value, what the limit says)
_RULES: dict[str, tuple[re.Pattern[str], str]] = {
    "thing": (re.compile(r".{1,20}"), "at most 20 characters"),
    "number": (re.compile(r"(?=.{1,32}$)-?\d+(?:\.\d+)?"), "at most 32 digits, decimals allowed"),
    "letter": (re.compile(r"[A-Za-z]{1,32}"), "at most 32 letters"),
    "symbol": (re.compile(rf"{_SYMBOLS}{{1,5}}"), "at most 5 symbols"),
    "character_string": (re.compile(r"[!-~]{1,32}"), "at most 32 digits, letters or symbols, no Chinese, no spaces"),
    "time": (
        re.compile(rf"{_MOMENT}(?:~{_MOMENT})?|{_DATE}(?:~{_DATE})?"),
        "24-hour time, with or without a date, or a range with ~",
    ),
    "date": (
        re.compile(rf"{_DATE}(?: ?{_TIME})?(?:~{_DATE}(?: ?{_TIME})?)?"),
        "a date such as 2019年10月1日, or a range with ~",
    ),
    "amount": (
        re.compile(rf"{_CURRENCY}?(?=[\d.]{{1,11}}元?$)\d{{1,10}}(?:\.\d+)?元?"),
        "one currency sign and at most 10 digits, 元 allowed at the end",
    ),
    "phone_number": (re.compile(r"[\d+\- ()#*]{1,17}"), "at most 17 digits or symbols"),
    "car_number": (
        re.compile(r"[A-Za-z0-9\u4e00-\u9fff](?:[A-Za-z0-9]{0,7}|[A-Za-z0-9]{0,6}[\u4e00-\u9fff])"),
        "at most 8, Chinese only first and last",
    ),
    "name": (
        re.compile(r"[\u3400-\u9fff·]{1,10}|[A-Za-z .·\-']{1,20}"),
        "at most 10 Chinese characters or 20 letters",
    ),
    "phrase": (re.compile(r"[\u3400-\u9fff]{1,5}"), "at most 5 Chinese characters"),
}
KINDS = frozenset(_RULES) | {"enum"}

_ELLIPSIS = "…"
_THING_LENGTH = 20


def kind_of(key: str) -> str:
    """The kind in a template's field name: ``thing1`` -> ``thing``, ``character_string12`` -> ``character_string``."""
    return key.rstrip("0123456789")


def check_field(kind: str, value: str, *, options: frozenset[str] | None = None) -> str | None:
    """Why WeChat would refuse this value, None when it would not. ``options`` are the values of an ``enum``.

    Raises ValueError for a kind WeChat does not have.
    """
    if kind not in KINDS:
        raise ValueError(f"not a kind of field: {kind!r}")
    if not value.strip():
        return "is empty"
    if any(unicodedata.category(character) in ("Cc", "Zl", "Zp") for character in value):
        return "has a line break or a control character"
    if kind == "enum":
        return "is not one of the template's values" if options is not None and value not in options else None
    pattern, limit = _RULES[kind]
    if pattern.fullmatch(value) is None:
        return limit
    if kind == "number" and sum(character.isdigit() for character in value) > 32:
        return limit
    return None


def fit(kind: str, value: str) -> str:
    """The value made acceptable where that keeps its meaning.

    Line breaks and control characters become one space; a ``thing`` is cut to 20 characters with an ellipsis, a
    ``name`` to 10 or 20; full-width digits, colons and letters become ordinary ones where only those are allowed.
    Nothing else is cut: half a number or half an id is wrong, not short. What cannot be helped comes back as it is,
    and ``check_field`` says why. Raises ValueError for a kind WeChat does not have.
    """
    if kind not in KINDS:
        raise ValueError(f"not a kind of field: {kind!r}")
    clean = " ".join("".join(" " if unicodedata.category(c) in ("Cc", "Zl", "Zp") else c for c in value).split())
    if kind in _NARROW:
        clean = clean.translate(_NARROW_TABLE)
    if kind == "thing" and len(clean) > _THING_LENGTH:
        return clean[: _THING_LENGTH - 1].rstrip() + _ELLIPSIS
    if kind == "name":
        return clean[:10] if re.search(r"[\u3400-\u9fff]", clean) else clean[:20]
    return clean


_NARROW = frozenset({"number", "time", "date", "amount", "phone_number", "character_string", "car_number"})
_NARROW_TABLE = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)}
