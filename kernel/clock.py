"""Time comes in as an argument: everything that needs "now" is given a Clock.

Instants are timezone-aware UTC. Days, opening hours and quiet hours are Weihai's, on the Shanghai calendar.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta, timezone
from typing import Protocol

# China has kept UTC+8 without summer time since 1991 (IANA: Asia/Shanghai): a fixed offset needs no tz database.
SHANGHAI = timezone(timedelta(hours=8), "Asia/Shanghai")
_ASCII_DIGITS = frozenset("0123456789")


class Clock(Protocol):
    def now(self) -> datetime:
        """The present instant, timezone-aware, in UTC."""
        ...


class SystemClock:
    """Milliseconds, because MongoDB's date type keeps no more: what is written equals what is read back."""

    def now(self) -> datetime:
        return to_milliseconds(datetime.now(UTC))


class ManualClock:
    """A clock that moves only when told to, for tests and simulations."""

    def __init__(self, start: datetime) -> None:
        self._now = to_milliseconds(start.astimezone(UTC))

    def now(self) -> datetime:
        return self._now

    def advance(self, delta: timedelta) -> datetime:
        self._now = to_milliseconds(self._now + delta)
        return self._now

    def set(self, instant: datetime) -> None:
        self._now = to_milliseconds(instant.astimezone(UTC))


def to_milliseconds(instant: datetime) -> datetime:
    return instant.replace(microsecond=instant.microsecond // 1000 * 1000)


def local_day(instant: datetime) -> date:
    """The calendar day in Weihai on which the instant falls."""
    return instant.astimezone(SHANGHAI).date()


def local_instant(day: date, at: time) -> datetime:
    """The UTC instant of a wall-clock time in Weihai."""
    return datetime.combine(day, at, SHANGHAI).astimezone(UTC)


def minutes(text: str) -> int:
    """'08:30' -> 510, minutes after midnight. Raises ValueError for anything but HH:MM from '00:00' to '24:00'."""
    hours_text, _, minutes_text = text.partition(":")
    if len(hours_text) != 2 or len(minutes_text) != 2 or not _ASCII_DIGITS.issuperset(hours_text + minutes_text):
        raise ValueError(f"not a time of day: {text!r}")
    total = int(hours_text) * 60 + int(minutes_text)
    if int(minutes_text) > 59 or total > 24 * 60:
        raise ValueError(f"not a time of day: {text!r}")
    return total
