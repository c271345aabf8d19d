"""Working time: the minutes of an office's opening periods on working days, in which service clocks run.

A day has several periods (08:30-12:00 and 13:30-17:00); a period is half-open, so that the minute of noon belongs to
nobody. Which days are worked is the working-day table's; ``special`` gives single days other periods, or none.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime, time, timedelta

from kernel.clock import local_day, local_instant, minutes
from kernel.workdays import WorkdayTable

# Minutes after midnight, [from, to).
Period = tuple[int, int]

_ONE_DAY = timedelta(days=1)
# No office is shut for longer; a table that says so is wrong, and a search in it must end.
_SEARCHED_DAYS = 400


class WorkTime:
    """Opening periods of an office. Instants are timezone-aware; days are Weihai's."""

    def __init__(
        self,
        workdays: WorkdayTable,
        periods: Sequence[Period],
        special: Mapping[date, Sequence[Period]] | None = None,
    ) -> None:
        """Raises ValueError when a day's periods are empty, out of the day, out of order or overlap."""
        self._workdays = workdays
        self._periods = _checked(periods)
        self._special = {day: _checked(given) for day, given in (special or {}).items()}

    def periods_on(self, day: date) -> list[tuple[datetime, datetime]]:
        """The day's periods as instants, in order; none on a day off."""
        periods = self._special.get(day)
        if periods is None:
            periods = self._periods if self._workdays.is_working_day(day) else ()
        return [(_instant(day, start), _instant(day, end)) for start, end in periods]

    def is_open(self, at: datetime) -> bool:
        return any(start <= at < end for start, end in self.periods_on(local_day(at)))

    def between(self, start: datetime, end: datetime) -> timedelta:
        """The working time in [start, end); zero when ``end`` is not after ``start``."""
        total = timedelta()
        day, last = local_day(start), local_day(end)
        while day <= last:
            for opens, closes in self.periods_on(day):
                total += max(timedelta(), min(closes, end) - max(opens, start))
            day += _ONE_DAY
        return total

    def after(self, start: datetime, amount: timedelta) -> datetime:
        """The first instant by which ``amount`` of working time has passed since ``start``.

        Raises ValueError when the table has not so much within a year.
        """
        left = amount
        if left <= timedelta():
            return start
        for opens, closes in self._from(start):
            begin = max(opens, start)
            if closes - begin >= left:
                return begin + left
            left -= closes - begin
        raise ValueError("no such working time within a year")

    def next_opening(self, at: datetime) -> datetime:
        """``at`` itself while it is open, else the start of the next period. Raises ValueError as ``after``."""
        for opens, _ in self._from(at):
            return max(opens, at)
        raise ValueError("no opening within a year")

    def closing(self, at: datetime) -> datetime | None:
        """When the day's last period ends, if any of it is still to come."""
        periods = self.periods_on(local_day(at))
        return periods[-1][1] if periods and periods[-1][1] > at else None

    def _from(self, at: datetime) -> Iterator[tuple[datetime, datetime]]:
        """Periods that end after ``at``."""
        day = local_day(at)
        for _ in range(_SEARCHED_DAYS):
            yield from (period for period in self.periods_on(day) if period[1] > at)
            day += _ONE_DAY


def parse_period(text: str) -> Period:
    """'08:30-12:00' -> (510, 720). Raises ValueError."""
    start, _, end = text.partition("-")
    return minutes(start), minutes(end)


def _checked(periods: Sequence[Period]) -> tuple[Period, ...]:
    before = 0
    for start, end in periods:
        if not before <= start < end <= 24 * 60:
            raise ValueError(f"periods out of order: {list(periods)}")
        before = end
    return tuple(periods)


def _instant(day: date, minute: int) -> datetime:
    return local_instant(day, time()) + timedelta(minutes=minute)
