"""Slots from opening hours, working days, closures, windows and service length."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import msgspec
import pytest

from kernel.clock import SHANGHAI
from kernel.workdays import WorkdayTable
from server.wiring import read_workdays
from services.catalogue.model import Level
from services.centres.model import Centre, Closure, Counter, CounterKind, Period, faults
from services.centres.queries import distance_km
from services.centres.schedule import slots_on

COUNTER = Counter(kind=CounterKind.HOUSEHOLD, name="户政", prefix="户", windows=["A1", "A2"], service_minutes=15)
WEEK = [Period("08:30", "12:00"), Period("13:30", "17:00")]
CENTRE = Centre(
    code="C1", name="中心", level=Level.CITY, division="371002", district="环翠区", address="路 1 号", phone="0631",
    location=(122.1, 37.5), counters=[COUNTER],
    opening={**dict.fromkeys(("mon", "tue", "wed", "thu", "fri"), WEEK), "sat": [Period("09:00", "11:45")]},
)  # fmt: skip


@pytest.fixture(scope="module")
def workdays(data_folder: Path) -> WorkdayTable:
    return read_workdays(data_folder)


def times(centre: Centre, day: date, workdays: WorkdayTable) -> list[str]:
    return [f"{slot.start.astimezone(SHANGHAI):%H:%M}" for slot in slots_on(centre, COUNTER, day, workdays)]


def test_a_working_day_has_a_morning_and_an_afternoon(workdays: WorkdayTable) -> None:
    found = slots_on(CENTRE, COUNTER, date(2026, 11, 25), workdays)
    assert len(found) == 14
    assert {slot.capacity for slot in found} == {4}
    assert times(CENTRE, date(2026, 11, 25), workdays)[:2] == ["08:30", "09:00"]
    assert found[0].id == "C1/household/2026-11-25T08:30"


def test_the_last_slot_of_a_period_may_be_shorter_and_holds_fewer(workdays: WorkdayTable) -> None:
    last = slots_on(CENTRE, COUNTER, date(2026, 11, 28), workdays)[-1]
    assert (last.end - last.start).total_seconds() == 15 * 60
    assert last.capacity == 2


def test_a_public_holiday_is_shut_and_a_make_up_saturday_opens_like_monday(workdays: WorkdayTable) -> None:
    assert times(CENTRE, date(2026, 10, 1), workdays) == []
    assert times(CENTRE, date(2026, 10, 3), workdays) == []
    assert len(times(CENTRE, date(2026, 10, 10), workdays)) == 14
    assert times(CENTRE, date(2026, 11, 29), workdays) == []


def test_a_closure_shuts_its_days_first_and_last_included(workdays: WorkdayTable) -> None:
    shut = Closure(first=date(2026, 11, 25), last=date(2026, 11, 26), reason="搬迁")
    closed = msgspec.structs.replace(CENTRE, closures=[shut])
    opened = [bool(times(closed, date(2026, 11, day), workdays)) for day in (24, 25, 26, 27)]
    assert opened == [True, False, False, True]


def test_broken_centres_name_their_field() -> None:
    def fields(**changes: object) -> list[str]:
        return [name for name, _ in faults(msgspec.structs.replace(CENTRE, **changes))]

    assert fields() == []
    assert fields(location=(37.5, 122.1)) == ["location"]
    assert fields(opening={"monday": WEEK}) == ["opening.monday"]
    assert fields(opening={"mon": [Period("12:00", "08:00")]}) == ["opening.mon"]
    assert fields(opening={"mon": [Period("8:00", "12:00")]}) == ["opening.mon"]
    assert fields(counters=[COUNTER, COUNTER]) == ["counters"]


def test_distance_is_great_circle() -> None:
    assert distance_km((122.1, 37.5), (122.1, 37.5)) == 0
    assert distance_km((122.12, 37.51), (122.42, 37.16)) == pytest.approx(47.1, abs=1.0)
