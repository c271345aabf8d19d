"""Read views of appointments: free places by day and time, a person's bookings, a centre's day."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta

from kernel.clock import Clock, local_day
from kernel.errors import Code, InvalidInput, NotFound
from kernel.workdays import WorkdayTable
from services.appointments.model import Booking, Rules, Taken
from services.appointments.store import BookingStore
from services.catalogue.queries import Catalogue
from services.centres.queries import Centres, counter_for
from services.centres.schedule import slots_on

# How far back a person's list goes.
KEPT_DAYS = 365


@dataclass(frozen=True, slots=True)
class Time:
    """One slot of a calendar day. ``free`` counts only places that anybody may take now."""

    start: datetime
    end: datetime
    capacity: int
    free: int
    waiting: int


@dataclass(frozen=True, slots=True)
class Day:
    """One day with its slots; a day without slots is shut."""

    day: date
    free: int
    times: list[Time]


class AppointmentQueries:
    """Two database commands at most for each view."""

    def __init__(
        self,
        store: BookingStore,
        catalogue: Catalogue,
        centres: Centres,
        workdays: WorkdayTable,
        clock: Clock,
        rules: Rules,
    ) -> None:
        self._store = store
        self._catalogue = catalogue
        self._centres = centres
        self._workdays = workdays
        self._clock = clock
        self._rules = rules

    async def calendar(self, item: str, centre: str, first: date | None = None, days: int | None = None) -> list[Day]:
        """Free places for an item at a centre, by day, from ``first`` (today) on, for ``days`` (all that are offered).

        One database command for the whole calendar. Raises NotFound, InvalidInput NOT_BOOKABLE.
        """
        content = self._catalogue.get(item).content
        place = self._centres.get(centre)
        counter = counter_for(place, content)
        if counter is None:
            raise InvalidInput(Code.NOT_BOOKABLE, field="centre", item=item, centre=centre)
        now = self._clock.now()
        today = local_day(now)
        last = today + timedelta(days=self._rules.days_ahead)
        begin = max(first or today, today)
        if begin > last:
            return []
        end = min(last, begin + timedelta(days=(days or self._rules.days_ahead + 1) - 1))
        prefix = f"{place.code}/{counter.kind}/"
        taken = await self._store.taken(f"{prefix}{begin}", f"{prefix}{end + timedelta(days=1)}", now)
        calendar: list[Day] = []
        for offset in range(max((end - begin).days + 1, 0)):
            day = begin + timedelta(days=offset)
            slots = [slot for slot in slots_on(place, counter, day, self._workdays) if slot.start > now]
            times = [_time(slot.start, slot.end, slot.capacity, taken.get(slot.id, Taken())) for slot in slots]
            calendar.append(Day(day, sum(time.free for time in times), times))
        return calendar

    async def mine(self, person: str) -> list[Booking]:
        """A person's bookings of the last year and to come, latest first."""
        since = local_day(self._clock.now()) - timedelta(days=KEPT_DAYS)
        return await self._store.of_person(person, since.isoformat())

    async def one(self, person: str, booking_id: str) -> Booking:
        """Raises NotFound also for somebody else's booking."""
        booking = await self._store.get(booking_id)
        if booking is None or booking.person != person:
            raise NotFound(Code.BOOKING_NOT_FOUND, booking=booking_id)
        return booking

    async def any(self, booking_id: str, centre: str | None) -> Booking:
        """For staff: a booking of their centre, or of any when ``centre`` is None."""
        booking = await self._store.get(booking_id)
        if booking is None or (centre is not None and booking.centre != centre):
            raise NotFound(Code.BOOKING_NOT_FOUND, booking=booking_id)
        return booking

    async def by_day(self, centre: str, day: date) -> list[Booking]:
        """A centre's bookings of one day, for staff."""
        self._centres.get(centre)
        return await self._store.of_centre(centre, day.isoformat())


def _time(start: datetime, end: datetime, capacity: int, taken: Taken) -> Time:
    # While somebody waits, a free place is theirs.
    free = 0 if taken.waiting else max(0, capacity - taken.places)
    return Time(start, end, capacity, free, taken.waiting)
