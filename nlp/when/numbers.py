"""Chinese and Arabic numbers up to 9999 as residents write them in dates."""

from __future__ import annotations

import calendar
from datetime import date

NUMBER = r"(?:[0-9]{1,4}|[零〇一二两三四五六七八九十廿卅]{1,4})"

_DIGITS = {"零": 0, "〇": 0, "一": 1, "二": 2, "两": 2, "三": 3, "四": 4, "五": 5, "六": 6, "七": 7, "八": 8, "九": 9}


def number(text: str) -> int | None:
    """ "25", "二十五", "廿五", "十", "二〇二六" -> int; None when it is none ("十十")."""
    if text.isdecimal():
        return int(text)
    text = text.replace("廿", "二十").replace("卅", "三十")
    if "十" not in text:
        if not text or any(c not in _DIGITS for c in text):
            return None
        value = 0
        for character in text:
            value = value * 10 + _DIGITS[character]
        return value
    tens, _, units = text.partition("十")
    if len(tens) > 1 or any(c not in _DIGITS for c in tens + units):
        return None
    rest = units.removeprefix("零")
    if len(rest) > 1:
        return None
    return (_DIGITS[tens] if tens else 1) * 10 + (_DIGITS[rest] if rest else 0)


def month_length(year: int, month: int) -> int:
    return calendar.monthrange(year, month)[1]


def add_months(day: date, months: int) -> date:
    """The same day so many months later, the month's last one where it has none (民法典 art. 202)."""
    index = day.year * 12 + day.month - 1 + months
    year, month = divmod(index, 12)
    return date(year, month + 1, min(day.day, month_length(year, month + 1)))
