from datetime import UTC, date, datetime, time, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kernel.clock import SHANGHAI, ManualClock, SystemClock, local_day, local_instant, minutes, to_milliseconds

INSTANTS = st.integers(0, 130 * 365 * 86_400 * 10**6).map(
    lambda microseconds: datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=microseconds)
)
DAYS = st.dates(date(1992, 1, 1), date(2100, 1, 1))


@pytest.mark.parametrize(
    ("instant", "day"),
    [
        (datetime(2026, 11, 23, 15, 59, 59, 999_000, UTC), date(2026, 11, 23)),
        (datetime(2026, 11, 23, 16, 0, tzinfo=UTC), date(2026, 11, 24)),
        (datetime(2026, 11, 24, 15, 59, 59, tzinfo=UTC), date(2026, 11, 24)),
        (datetime(2026, 12, 31, 16, 0, tzinfo=UTC), date(2027, 1, 1)),
        (datetime(2024, 2, 28, 16, 0, tzinfo=UTC), date(2024, 2, 29)),
    ],
)
def test_the_day_in_weihai_turns_at_16_o_clock_utc(instant: datetime, day: date) -> None:
    assert local_day(instant) == day


def test_the_day_in_weihai_does_not_depend_on_the_offset_in_which_the_instant_is_written() -> None:
    instant = datetime(2026, 11, 23, 16, 0, tzinfo=UTC)
    assert local_day(instant.astimezone(timezone(timedelta(hours=-8)))) == local_day(instant) == date(2026, 11, 24)


@given(DAYS, st.times())
def test_a_wall_clock_time_falls_on_its_own_day(day: date, at: time) -> None:
    instant = local_instant(day, at)
    assert instant.utcoffset() == timedelta(0)
    assert local_day(instant) == day
    assert instant.astimezone(SHANGHAI).time() == at


@given(DAYS)
def test_a_day_begins_at_midnight_and_not_a_millisecond_earlier(day: date) -> None:
    midnight = local_instant(day, time(0))
    assert local_day(midnight) == day
    assert local_day(midnight - timedelta(milliseconds=1)) == day - timedelta(days=1)


@given(st.integers(0, 24 * 60))
def test_every_minute_of_the_day_is_read_back(minute: int) -> None:
    assert minutes(f"{minute // 60:02}:{minute % 60:02}") == minute


@pytest.mark.parametrize(
    "text",
    [
        "",
        ":",
        "8:30",
        "08:3",
        "0830",
        "08:60",
        "24:01",
        "25:00",
        "-1:00",
        "08:30:00",
        " 08:30",
        "08.30",
        "aa:bb",
        "+8:30",
        "08：30",
        "０８:３０",
        "٠٨:٣٠",
        "²²:²²",
    ],
)
def test_anything_but_hh_mm_is_not_a_time_of_day(text: str) -> None:
    with pytest.raises(ValueError, match="not a time of day"):
        minutes(text)


@given(st.text(max_size=6))
def test_any_text_is_a_minute_of_the_day_or_a_value_error(text: str) -> None:
    try:
        minute = minutes(text)
    except ValueError:
        return
    assert 0 <= minute <= 24 * 60


def test_the_system_clock_gives_utc_and_whole_milliseconds() -> None:
    now = SystemClock().now()
    assert now.utcoffset() == timedelta(0)
    assert now.microsecond % 1000 == 0


@given(INSTANTS)
def test_cutting_to_milliseconds_never_runs_ahead_and_loses_less_than_one(instant: datetime) -> None:
    cut = to_milliseconds(instant)
    assert timedelta(0) <= instant - cut < timedelta(milliseconds=1)
    assert to_milliseconds(cut) == cut


def test_a_manual_clock_moves_only_when_told_to() -> None:
    clock = ManualClock(datetime(2026, 11, 24, 12, 0, tzinfo=SHANGHAI))
    assert clock.now() == clock.now() == datetime(2026, 11, 24, 4, 0, tzinfo=UTC)
    assert clock.advance(timedelta(minutes=15)) == clock.now() == datetime(2026, 11, 24, 4, 15, tzinfo=UTC)
    clock.set(datetime(2027, 1, 1, 0, 0, tzinfo=SHANGHAI))
    assert clock.now() == datetime(2026, 12, 31, 16, 0, tzinfo=UTC)


@given(INSTANTS, st.timedeltas(timedelta(0), timedelta(days=400)))
def test_a_manual_clock_keeps_whole_milliseconds_like_the_system_clock(start: datetime, delta: timedelta) -> None:
    clock = ManualClock(start)
    clock.advance(delta)
    assert clock.now().microsecond % 1000 == 0
