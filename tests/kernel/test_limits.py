"""The clock of a time limit: what a day counts, and that it equals a naive replay of every day."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kernel.clock import local_instant
from kernel.limits import Colour, Mark, Reading, Sign, next_change, read
from kernel.workdays import WorkdayTable

# One break of six days, and two days worked in its stead.
TABLE = WorkdayTable.from_records(
    [
        {
            "year": 2026,
            "provisional": False,
            "source": {"title": "安排", "number": "1", "issued": "2025-11-04"},
            "holidays": [
                {"name": "国庆", "from": "2026-10-01", "to": "2026-10-06", "make_up": ["2026-09-27", "2026-10-10"]}
            ],
        }
    ]
)
ONE_DAY = timedelta(days=1)


def at(day: str, hour: int = 10) -> datetime:
    return local_instant(date.fromisoformat(day), time(hour))


def marks(*pairs: tuple[Sign, str]) -> list[Mark]:
    return [Mark(sign, at(day)) for sign, day in pairs]


def reading(limit: int, history: list[Mark], day: str) -> Reading:
    found = read(limit, history, TABLE, at(day, 20))
    assert found is not None
    return found


def test_the_day_after_the_start_is_day_one_and_holidays_do_not_count() -> None:
    history = marks((Sign.START, "2026-09-24"))  # Thursday; the break begins a week later, Sunday the 27th is worked
    assert (reading(5, history, "2026-09-24").used, reading(5, history, "2026-09-25").used) == (0, 1)
    assert reading(5, history, "2026-09-24").deadline == date(2026, 9, 30)
    assert reading(6, history, "2026-09-24").deadline == date(2026, 10, 7)
    assert reading(5, history, "2026-09-26").left == 4


def test_yellow_comes_at_four_fifths_or_one_day_left_and_red_after_the_last_day() -> None:
    history = marks((Sign.START, "2026-11-02"))  # Monday
    assert [reading(5, history, f"2026-11-{day:02}").colour for day in (5, 6, 7, 9, 10)] == [
        Colour.GREEN, Colour.YELLOW, Colour.YELLOW, Colour.YELLOW, Colour.RED,
    ]  # fmt: skip
    assert [reading(20, history, day).colour for day in ("2026-11-23", "2026-11-24")] == [Colour.GREEN, Colour.YELLOW]
    assert reading(5, history, "2026-11-12").left == -3
    assert reading(1, history, "2026-11-02").colour is Colour.YELLOW


def test_on_the_spot_means_the_same_day_and_has_no_yellow() -> None:
    history = marks((Sign.START, "2026-11-06"))  # Friday
    assert reading(0, history, "2026-11-06").colour is Colour.GREEN
    assert reading(0, history, "2026-11-07").colour is Colour.RED
    on_saturday = marks((Sign.START, "2026-11-07"))
    assert reading(0, on_saturday, "2026-11-07").deadline == date(2026, 11, 9)


def test_a_pause_takes_away_its_days_and_the_one_on_which_it_ends() -> None:
    history = marks((Sign.START, "2026-11-02"), (Sign.PAUSE, "2026-11-03"))
    paused = reading(5, history, "2026-11-20")
    assert (paused.used, paused.left, paused.deadline, paused.paused) == (1, 4, None, True)
    history += marks((Sign.RESUME, "2026-11-20"))
    assert reading(5, history, "2026-11-20").used == 1
    assert reading(5, history, "2026-11-20").deadline == date(2026, 11, 26)


def test_a_pause_that_ends_on_its_own_day_takes_nothing_away() -> None:
    one_day = [Mark(Sign.PAUSE, at("2026-11-03", 9)), Mark(Sign.RESUME, at("2026-11-03", 17))]
    history = [*marks((Sign.START, "2026-11-02")), *one_day]
    assert reading(5, history, "2026-11-03") == reading(5, history[:1], "2026-11-03")


def test_a_clock_paused_on_its_last_day_gets_the_day_on_which_it_goes_on() -> None:
    history = marks((Sign.START, "2026-11-02"), (Sign.PAUSE, "2026-11-03"), (Sign.RESUME, "2026-11-12"))
    assert reading(1, history, "2026-11-12").deadline == date(2026, 11, 12)
    on_saturday = marks((Sign.START, "2026-11-02"), (Sign.PAUSE, "2026-11-03"), (Sign.RESUME, "2026-11-14"))
    assert reading(1, on_saturday, "2026-11-14").deadline == date(2026, 11, 16)


def test_a_stopped_clock_shows_for_ever_what_it_showed() -> None:
    history = marks((Sign.START, "2026-11-02"), (Sign.STOP, "2026-11-05"))
    assert reading(5, history, "2026-11-05") == reading(5, history, "2026-12-31")
    assert next_change(5, history, TABLE, at("2026-11-06")) is None


@pytest.mark.parametrize(
    "signs",
    [
        ["pause"], ["resume"], ["stop"], ["start", "start"], ["start", "resume"], ["start", "pause", "pause"],
        ["start", "stop", "resume"], ["start", "stop", "stop"],
    ],
)  # fmt: skip
def test_a_history_that_is_none_is_refused(signs: list[str]) -> None:
    history = [Mark(Sign(sign), at(f"2026-11-{index + 2:02}")) for index, sign in enumerate(signs)]
    with pytest.raises(ValueError, match="a clock cannot"):
        read(5, history, TABLE, at("2026-11-30"))


def test_a_history_out_of_order_and_a_negative_limit_are_refused() -> None:
    with pytest.raises(ValueError, match="a clock cannot"):
        read(5, marks((Sign.START, "2026-11-05"), (Sign.PAUSE, "2026-11-03")), TABLE, at("2026-11-30"))
    with pytest.raises(ValueError, match="-1 working days"):
        read(-1, [], TABLE, at("2026-11-30"))
    assert read(5, [], TABLE, at("2026-11-30")) is None


# -- against a model that lives through every day ----------------------------------------------------------------------


@st.composite
def histories(draw: st.DrawFn) -> tuple[int, list[Mark], datetime]:
    """Any sound history around the break, by the hour, and an instant at or after its last mark."""
    hours = sorted(draw(st.lists(st.integers(0, 60 * 24), min_size=1, max_size=9)))
    first = local_instant(date(2026, 9, 10), time())
    signs = [Sign.START]
    while len(signs) < len(hours):
        signs.append(Sign.PAUSE if signs[-1] in (Sign.START, Sign.RESUME) else Sign.RESUME)
    if len(signs) > 1 and draw(st.booleans()):
        signs[-1] = Sign.STOP
    history = [Mark(sign, first + timedelta(hours=hour)) for sign, hour in zip(signs, hours, strict=True)]
    now = history[-1].at + timedelta(hours=draw(st.integers(0, 40 * 24)))
    return draw(st.integers(0, 25)), history, now


def running_at(history: list[Mark], instant: datetime) -> bool:
    """By replaying the marks up to an instant, that of the instant itself not included."""
    signs = [mark.sign for mark in history if mark.at < instant]
    return bool(signs) and signs[-1] in (Sign.START, Sign.RESUME)


def worked(day: date) -> bool:
    if date(2026, 10, 1) <= day <= date(2026, 10, 6):
        return False
    return day in (date(2026, 9, 27), date(2026, 10, 10)) or day.isoweekday() <= 5


def naive(limit: int, history: list[Mark], now: datetime) -> tuple[int, str, date | None]:
    """(used, colour, last day), living one day after the other from the start on."""

    def day_of(instant: datetime) -> date:
        return (instant + timedelta(hours=8)).date()

    today, frozen = day_of(now), False
    if history[-1].sign is Sign.STOP or not running_at(history, now + timedelta(seconds=1)):
        open_pause = next((m for m in reversed(history) if m.sign is not Sign.STOP), history[-1])
        frozen_by = open_pause if open_pause.sign is Sign.PAUSE else history[-1]
        today, frozen = day_of(frozen_by.at), frozen_by.sign is Sign.PAUSE
    day, counted, used, last = day_of(history[0].at), 0, 0, None
    colour = ""
    while day <= today or (last is None and not (frozen and day > today)):
        midnight = local_instant(day, time())
        next_midnight = midnight + ONE_DAY
        # A stop ends nothing for the last day: what it would have been is known.
        without_stop = [m for m in history if m.sign is not Sign.STOP]
        counted += worked(day) and running_at(without_stop, midnight)
        if last is None and counted >= limit and worked(day) and running_at(without_stop, next_midnight):
            last = day
        if day == today:
            used = counted
            over = last is not None and day > last
            colour = "red" if over else ""
        day += ONE_DAY
    if not colour:
        if last is None:
            left = max(0, limit - used)
        else:
            later = [today + n * ONE_DAY for n in range(1, (last - today).days + 1)]
            left = sum(worked(d) and running_at(without_stop, local_instant(d, time())) for d in later)
        colour = "yellow" if limit > 0 and (used / limit >= 0.8 or left <= 1) else "green"
    return used, colour, last


@given(histories())
def test_any_history_reads_as_a_life_of_single_days(given_: tuple[int, list[Mark], datetime]) -> None:
    limit, history, now = given_
    found = read(limit, history, TABLE, now)
    assert found is not None
    assert (found.used, found.colour, found.deadline) == naive(limit, history, now)


@given(histories())
def test_the_next_change_is_exactly_where_the_colour_changes(given_: tuple[int, list[Mark], datetime]) -> None:
    limit, history, now = given_
    change, current = next_change(limit, history, TABLE, now), read(limit, history, TABLE, now)
    assert current is not None
    if change is None:
        later = read(limit, history, TABLE, now + timedelta(days=200))
        assert later is not None
        assert later.colour is current.colour
        return
    just_before, then = (read(limit, history, TABLE, change + timedelta(seconds=s)) for s in (-1, 0))
    assert just_before is not None
    assert then is not None
    assert just_before.colour is current.colour
    assert [*Colour].index(then.colour) > [*Colour].index(current.colour)
