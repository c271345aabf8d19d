"""What reading a calendar expression gives."""

from __future__ import annotations

from datetime import date, timedelta
from enum import StrEnum

from msgspec import Struct

# Nobody books further ahead than a year; a reading beyond it is a slip or a misreading, and is asked about.
HORIZON_DAYS = 366
DAY_MINUTES = 24 * 60
_WEEKDAYS = "一二三四五六日"


class Kind(StrEnum):
    FOUND = "found"
    QUESTION = "question"
    NONE = "none"  # the text says nothing about a day or a time


class Trouble(StrEnum):
    """Why a question is asked back."""

    PAST = "past"
    AMBIGUOUS = "ambiguous"
    INVALID = "invalid"  # no such day or time: 2月30号, 25点
    VAGUE = "vague"  # 过几天
    CONTRADICTION = "contradiction"  # a weekday and a date that do not meet
    TOO_FAR = "too_far"
    UNKNOWN = "unknown"  # a festival whose day is not in the tables


class Span(Struct, frozen=True, order=True):
    """Days from ``first`` to ``last``, both included."""

    first: date
    last: date

    @classmethod
    def of(cls, day: date, length: int = 1) -> Span:
        return cls(day, day + timedelta(days=length - 1))

    def meets(self, other: Span) -> Span | None:
        first, last = max(self.first, other.first), min(self.last, other.last)
        return Span(first, last) if first <= last else None

    @property
    def label(self) -> str:
        """ "11月25日（周三）" or "11月25日（周三）至11月27日（周五）"."""
        if self.first == self.last:
            return day_label(self.first)
        return f"{day_label(self.first)}至{day_label(self.last)}"


class Window(Struct, frozen=True):
    """Times of day in minutes after midnight, Shanghai; ``opens == closes`` is a point in time ("三点")."""

    opens: int
    closes: int

    @property
    def label(self) -> str:
        if self.opens == self.closes:
            return clock_label(self.opens)
        if self.closes >= DAY_MINUTES:
            return f"{clock_label(self.opens)}以后"
        if self.opens <= 0:
            return f"{clock_label(self.closes)}以前"
        return f"{clock_label(self.opens)}至{clock_label(self.closes)}"


class Reading(Struct, frozen=True, kw_only=True):
    """One way to understand an uncertain expression."""

    label: str
    span: Span | None = None
    window: Window | None = None


class When(Struct, frozen=True, kw_only=True):
    """``spans`` in order, inside today .. today + horizon; empty where only a time was said. ``matched``: the words
    read, from the normalised text. ``said``: how it was understood where that is not plain. ``soonest``: the earliest
    time inside the spans is wanted. ``any_day``: every day will do. ``provisional``: rests on a year whose holidays are
    not announced yet."""

    kind: Kind
    spans: tuple[Span, ...] = ()
    excluded: tuple[Span, ...] = ()
    window: Window | None = None
    matched: tuple[str, ...] = ()
    said: tuple[str, ...] = ()
    soonest: bool = False
    any_day: bool = False
    provisional: bool = False
    trouble: Trouble | None = None
    reason: str = ""
    choices: tuple[Reading, ...] = ()

    @property
    def found(self) -> bool:
        return self.kind is Kind.FOUND

    def allows(self, day: date) -> bool:
        """Whether a day is among those said; without spans every day is."""
        wanted = not self.spans or any(s.first <= day <= s.last for s in self.spans)
        return wanted and not any(s.first <= day <= s.last for s in self.excluded)


class Doubt(Exception):
    """Inside this package only: reading ends in a question."""

    def __init__(self, trouble: Trouble, reason: str, choices: tuple[Reading, ...] = ()) -> None:
        super().__init__(reason)
        self.trouble = trouble
        self.reason = reason
        self.choices = choices


def day_label(day: date) -> str:
    return f"{day.month}月{day.day}日（周{_WEEKDAYS[day.weekday()]}）"


def clock_label(minutes: int) -> str:
    return f"{minutes // 60:02}:{minutes % 60:02}"


def choice(day: date | Span) -> Reading:
    span = day if isinstance(day, Span) else Span.of(day)
    return Reading(label=span.label, span=span)
