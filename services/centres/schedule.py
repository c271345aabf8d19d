"""When a counter has places: a pure function of opening hours, working days, closures, windows and service length.

Slots are not stored. What is stored is who takes which place of which slot (services/appointments), so a change of
opening hours or windows is at once the truth for all days to come.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from kernel.clock import SHANGHAI, local_instant, minutes
from kernel.workdays import WorkdayTable
from services.centres.model import WEEKDAYS, Centre, Counter, Period


@dataclass(frozen=True, slots=True)
class Slot:
    """A time at a counter. ``id`` sorts by centre, counter and time: "C1/household/2026-11-25T09:00" (Shanghai)."""

    id: str
    start: datetime
    end: datetime
    capacity: int


def slot_id(centre: str, counter: str, start: datetime) -> str:
    """``start`` aware; written in Shanghai's wall-clock time, without the zone."""
    return f"{centre}/{counter}/{start.astimezone(SHANGHAI):%Y-%m-%dT%H:%M}"


def periods_on(centre: Centre, day: date, workdays: WorkdayTable) -> list[Period]:
    """The opening periods of one day; empty when shut."""
    if any(closure.first <= day <= closure.last for closure in centre.closures):
        return []
    weekday = day.weekday()
    if workdays.is_working_day(day):
        # A make-up working day on a weekend is a day like Monday.
        name = WEEKDAYS[weekday] if weekday < 5 else "mon"
    elif weekday < 5:
        return []  # a public holiday
    else:
        name = WEEKDAYS[weekday]
        if workdays.is_holiday(day):
            return []
    return centre.opening.get(name, [])


def slots_on(centre: Centre, counter: Counter, day: date, workdays: WorkdayTable) -> list[Slot]:
    """The slots of one day in order of time. The last one of a period may be shorter and then holds fewer places."""
    slots: list[Slot] = []
    for period in periods_on(centre, day, workdays):
        begin, closes = minutes(period.opens), minutes(period.closes)
        while begin < closes:
            end = min(begin + counter.slot_minutes, closes)
            capacity = len(counter.windows) * ((end - begin) // counter.service_minutes)
            if capacity:
                start = local_instant(day, time()) + timedelta(minutes=begin)
                length = timedelta(minutes=end - begin)
                slots.append(Slot(slot_id(centre.code, counter.kind, start), start, start + length, capacity))
            begin = end
    return slots


def slot_at(centre: Centre, counter: Counter, start: datetime, workdays: WorkdayTable) -> Slot | None:
    """The slot that begins at ``start`` (aware), or None when the counter offers none then."""
    day = start.astimezone(SHANGHAI).date()
    return next((slot for slot in slots_on(centre, counter, day, workdays) if slot.start == start), None)
