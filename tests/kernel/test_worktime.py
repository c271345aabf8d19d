"""Working time against a model that looks at every minute."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kernel.clock import SHANGHAI, local_instant
from kernel.workdays import WorkdayTable
from kernel.worktime import Period, WorkTime, parse_period

MINUTE = timedelta(minutes=1)
WORKDAYS = WorkdayTable.from_records(
    [
        {
            "year": 2026, "provisional": False,
            "source": {"title": "t", "number": "n", "issued": "2025-11-04"},
            "holidays": [{"name": "国庆", "from": "2026-10-01", "to": "2026-10-07", "make_up": ["2026-10-10"]}],
        }
    ]
)  # fmt: skip
DAY_PERIODS: list[Period] = [(8 * 60 + 30, 12 * 60), (13 * 60, 17 * 60)]
# Friday before the holiday's make-up Saturday, and a day with other hours.
SPECIAL: dict[date, list[Period]] = {date(2026, 10, 9): [(10 * 60, 10 * 60 + 20)], date(2026, 10, 12): []}
WORK = WorkTime(WORKDAYS, DAY_PERIODS, SPECIAL)
START = local_instant(date(2026, 9, 29), time())

instants = st.integers(0, 16 * 24 * 60).map(lambda minutes: START + minutes * MINUTE)


def is_worked(at: datetime) -> bool:
    """The model: one minute looked at by itself."""
    local = at.astimezone(SHANGHAI)
    periods = SPECIAL.get(local.date())
    if periods is None:
        periods = DAY_PERIODS if WORKDAYS.is_working_day(local.date()) else []
    return any(start <= local.hour * 60 + local.minute < end for start, end in periods)


@settings(max_examples=60, deadline=None)
@given(instants, instants)
def test_the_time_between_two_instants_is_the_worked_minutes_between_them(one: datetime, other: datetime) -> None:
    start, end = min(one, other), max(one, other)
    minutes = int((end - start) / MINUTE)
    assert WORK.between(start, end) == sum(is_worked(start + n * MINUTE) for n in range(minutes)) * MINUTE
    assert WORK.between(end, start) == timedelta()


@settings(max_examples=60, deadline=None)
@given(instants, st.integers(1, 1200))
def test_after_is_the_first_instant_by_which_so_much_has_been_worked(start: datetime, minutes: int) -> None:
    end = WORK.after(start, minutes * MINUTE)
    assert WORK.between(start, end) == minutes * MINUTE
    assert is_worked(end - MINUTE)


@settings(max_examples=60, deadline=None)
@given(instants)
def test_it_is_open_exactly_in_worked_minutes_and_opens_next_at_the_first_of_them(at: datetime) -> None:
    assert WORK.is_open(at) == is_worked(at)
    opening = WORK.next_opening(at)
    assert is_worked(opening)
    assert not any(is_worked(at + n * MINUTE) for n in range(int((opening - at) / MINUTE)))


def test_closing_is_the_end_of_the_days_last_period_and_none_after_it() -> None:
    day = date(2026, 9, 29)
    assert WORK.closing(local_instant(day, time(12, 30))) == local_instant(day, time(17))
    assert WORK.closing(local_instant(day, time(17))) is None
    assert WORK.closing(local_instant(date(2026, 10, 1), time(9))) is None


def test_nothing_worked_is_reached_at_once_and_never_is_said() -> None:
    at = local_instant(date(2026, 10, 3), time(3))
    assert WORK.after(at, timedelta()) == at
    shut = WorkTime(WORKDAYS, [])
    with pytest.raises(ValueError, match="within a year"):
        shut.after(at, MINUTE)
    with pytest.raises(ValueError, match="within a year"):
        shut.next_opening(at)


@pytest.mark.parametrize("wrong", [[(60, 60)], [(60, 30)], [(0, 60), (30, 90)], [(60, 120), (0, 30)], [(0, 1441)]])
def test_periods_that_overlap_or_leave_the_day_are_refused(wrong: list[Period]) -> None:
    with pytest.raises(ValueError, match="out of order"):
        WorkTime(WORKDAYS, wrong)


@pytest.mark.parametrize("text", ["", "08:30", "8:30-12:00", "08:30-25:00", "08:61-12:00"])
def test_a_period_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not a time of day"):
        parse_period(text)
