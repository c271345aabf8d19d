"""Time limits in working days (限时办结): how much is used, how much is left, until when, and in which colour.

A clock is a history of marks: one start, then pauses and resumptions in turn, perhaps a stop. What it shows is a pure
function of the limit, that history, the working-day table and the instant at which it is read; nothing is stored.

- A working day counts if the clock was running when the day began. So the day of the start does not count, and the day
  after it is day 1 (民法典 art. 201; limits are in working days, 行政许可法 art. 82); neither do the days of a pause
  nor the one on which it ends, while the day on which it began does. A pause that ends on its own day takes nothing.
- The last day is the first working day at whose end the clock runs with the limit used up. A limit of 0 (on the spot)
  ends with the day of the start, or the next working day if that is none. A clock paused on its last day gets the
  working day on which it goes on (or the next one): nobody is late for having waited for somebody else.
- Green; yellow from 80 % used or one working day left (the day being lived through is used); red from the day after the
  last. A limit of 0 has no yellow: there is no day on which to warn.
- While paused or stopped the clock shows what it showed on that day.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from enum import StrEnum

from kernel.clock import local_day, local_instant
from kernel.workdays import WorkdayTable

_ONE_DAY = timedelta(days=1)


class Sign(StrEnum):
    START = "start"
    PAUSE = "pause"
    RESUME = "resume"
    STOP = "stop"


class Colour(StrEnum):
    GREEN = "green"
    YELLOW = "yellow"
    RED = "red"


@dataclass(frozen=True, slots=True)
class Mark:
    """One entry of a clock's history; ``reason`` says why it was paused."""

    sign: Sign
    at: datetime
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Reading:
    """What a clock shows. All numbers are working days.

    ``left``: counted days still to come after this one; negative: so many counted days over. ``deadline``: the last
    day, in Weihai; None while a pause keeps it open. ``provisional``: a day on the way is in a year without a notice.
    """

    limit: int
    used: int
    left: int
    deadline: date | None
    colour: Colour
    paused: bool
    stopped: bool
    provisional: bool


@dataclass(frozen=True, slots=True)
class _Course:
    """A history as days. ``pauses``: the day each began and the day it ended, date.max while it lasts."""

    start: date
    pauses: tuple[tuple[date, date], ...]
    stop: date | None

    @property
    def paused_since(self) -> date | None:
        return self.pauses[-1][0] if self.pauses and self.pauses[-1][1] == date.max else None

    def counts(self, day: date, table: WorkdayTable) -> bool:
        """A working day at whose beginning the clock ran."""
        return (
            day > self.start
            and table.is_working_day(day)
            and not any(begun < day <= ended for begun, ended in self.pauses)
        )

    def runs_at_end_of(self, day: date) -> bool:
        return not any(begun <= day < ended for begun, ended in self.pauses)


def read(limit: int, marks: Sequence[Mark], table: WorkdayTable, now: datetime) -> Reading | None:
    """What the clock shows at ``now``; None before its start.

    Raises ValueError for a negative limit or a history that is none: out of order, two starts, a resumption of what
    runs, anything after the stop.
    """
    if limit < 0:
        raise ValueError(f"a limit of {limit} working days")
    course = _course([mark for mark in marks if mark.at <= now])
    if course is None:
        return None
    today = _day_read(course, now)
    deadline, provisional = _deadline(limit, course, table)
    used = sum(course.counts(day, table) for day in _days(course.start, today))
    if deadline is None:
        left = max(0, limit - used)
    elif today <= deadline:
        left = sum(course.counts(day, table) for day in _days(today, deadline))
    else:
        left = -sum(course.counts(day, table) for day in _days(deadline, today))
    return Reading(
        limit=limit,
        used=used,
        left=left,
        deadline=deadline,
        colour=Colour.RED if deadline is not None and today > deadline else _before_the_end(limit, used, left),
        paused=course.paused_since is not None,
        stopped=course.stop is not None,
        provisional=provisional,
    )


def next_change(limit: int, marks: Sequence[Mark], table: WorkdayTable, now: datetime) -> datetime | None:
    """The instant, a midnight in Weihai, at which the colour changes if nobody touches the clock; None: it never will.

    Raises ValueError as ``read``.
    """
    reading = read(limit, marks, table, now)
    stands_still = reading is None or reading.paused or reading.stopped or reading.colour is Colour.RED
    if reading is None or reading.deadline is None or stands_still:
        return None
    course = _course([mark for mark in marks if mark.at <= now])
    assert course is not None
    used, left = reading.used, reading.left
    if reading.colour is Colour.GREEN:
        for day in _days(_day_read(course, now), reading.deadline):
            counted = course.counts(day, table)
            used, left = used + counted, left - counted
            if _before_the_end(limit, used, left) is Colour.YELLOW:
                return local_instant(day, time())
    return local_instant(reading.deadline + _ONE_DAY, time())


def _before_the_end(limit: int, used: int, left: int) -> Colour:
    return Colour.YELLOW if limit and (5 * used >= 4 * limit or left <= 1) else Colour.GREEN


def _day_read(course: _Course, now: datetime) -> date:
    """The day for which the clock is read: it stands still from the day of a stop or of a pause that lasts."""
    return min(local_day(now), course.stop or date.max, course.paused_since or date.max)


def _deadline(limit: int, course: _Course, table: WorkdayTable) -> tuple[date | None, bool]:
    day, used, provisional = course.start, 0, False
    while True:
        provisional = provisional or table.is_provisional(day)
        used += course.counts(day, table)
        if used >= limit and table.is_working_day(day) and course.runs_at_end_of(day):
            return day, provisional
        if course.paused_since is not None and day >= course.paused_since:
            return None, provisional
        day += _ONE_DAY


def _days(after: date, until: date) -> list[date]:
    """The days after the first up to and including the second."""
    return [after + timedelta(days=offset) for offset in range(1, (until - after).days + 1)]


def _course(marks: Sequence[Mark]) -> _Course | None:
    start: date | None = None
    stop: date | None = None
    pauses: list[tuple[date, date]] = []
    running, before = False, None
    for mark in marks:
        day = local_day(mark.at)
        allowed = {
            Sign.START: start is None,
            Sign.PAUSE: running,
            Sign.RESUME: start is not None and not running,
            Sign.STOP: start is not None,
        }
        if stop is not None or not allowed[mark.sign] or (before is not None and mark.at < before):
            raise ValueError(f"a clock cannot {mark.sign} here: {[m.sign.value for m in marks]}")
        before = mark.at
        if mark.sign is Sign.START:
            start = day
        elif mark.sign is Sign.PAUSE:
            pauses.append((day, date.max))
        elif mark.sign is Sign.RESUME:
            pauses[-1] = (pauses[-1][0], day)
        else:
            stop = day
        running = mark.sign in (Sign.START, Sign.RESUME)
    return None if start is None else _Course(start, tuple(pauses), stop)
