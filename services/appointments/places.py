"""What can be booked, what is free, and what a person may have: read by the actions before they write."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from kernel.clock import SHANGHAI, Clock, local_day
from kernel.errors import Code, Conflict, InvalidInput, NotAllowed
from kernel.machine import Actor
from kernel.workdays import WorkdayTable
from services.appointments.machine import MACHINE
from services.appointments.model import TEMPORARY, Booking, Occupant, Rules, State
from services.appointments.rush import Rush
from services.appointments.store import BookingStore
from services.catalogue.model import ItemVersion
from services.catalogue.queries import Catalogue
from services.centres.model import Centre, Counter
from services.centres.queries import Centres, counter_for
from services.centres.schedule import Slot, slot_at
from services.store import Step

# What events tell: names of public things and the person's id, nothing personal.
TOLD: tuple[str, ...] = ("person", "item", "item_name", "centre", "centre_name", "centre_address", "slot", "start")
TOLD += ("queue_number", "until", "window")
# What a booking no longer has when it ends: its place and its part of the person's limits are free at once.
CLOSED: Mapping[str, Any] = {"open": False, "ordinal": None, "place": None, "until": None, "wake_at": None}


@dataclass(frozen=True)
class Target:
    """What somebody wants to book, checked."""

    item: ItemVersion
    centre: Centre
    counter: Counter
    slot: Slot

    def fields(self) -> dict[str, Any]:
        """The booking's fields that follow from it."""
        return {
            "centre": self.centre.code,
            "centre_name": self.centre.name,
            "centre_address": self.centre.address,
            "counter": self.counter.kind.value,
            "slot": self.slot.id,
            "day": local_day(self.slot.start).isoformat(),
            "start": self.slot.start,
            "end": self.slot.end,
        }


class Places:
    """Slots and their places now. ``rng`` only spreads callers over free places."""

    def __init__(
        self,
        store: BookingStore,
        catalogue: Catalogue,
        centres: Centres,
        workdays: WorkdayTable,
        clock: Clock,
        rules: Rules,
        rng: random.Random | None = None,
    ) -> None:
        self._store = store
        self._catalogue = catalogue
        self._centres = centres
        self._workdays = workdays
        self._clock = clock
        self._rules = rules
        self._rng = rng or random.Random()
        self.rush = Rush(clock)

    def target(self, item: str, centre: str, start: datetime) -> Target:
        version = self._catalogue.get(item)
        place = self._centres.get(centre)
        counter = counter_for(place, version.content)
        if counter is None:
            raise InvalidInput(Code.NOT_BOOKABLE, field="$.centre", item=item, centre=centre)
        if start.tzinfo is None:
            raise InvalidInput(field="$.start", reason="needs a time zone, as in 2026-11-25T09:00:00+08:00")
        now = self._clock.now()
        last = local_day(now) + timedelta(days=self._rules.days_ahead)
        # Far from now, ``start`` may have no day in Weihai at all: year 1, year 9999.
        near = abs(start - now) < timedelta(days=self._rules.days_ahead + 2)
        slot = slot_at(place, counter, start, self._workdays) if near else None
        if slot is None or slot.start <= now or local_day(slot.start) > last:
            raise InvalidInput(Code.SLOT_NOT_OFFERED, field="$.start", start=start)
        return Target(version, place, counter, slot)

    def slot_of(self, booking: Booking) -> Slot | None:
        """The booking's slot as the schedule has it today; None when it is no longer offered."""
        centre = self._centres.get(booking.centre)
        counter = centre.counter(booking.counter)
        return slot_at(centre, counter, booking.start, self._workdays) if counter else None

    async def check_person(self, mine: list[Booking], item: str) -> int:
        """The lowest free ordinal. Raises when the person may not have another booking."""
        now = self._clock.now()
        no_shows = [
            b.updated_at for b in mine if b.state == State.NO_SHOW and b.updated_at > now - self._rules.no_show_window
        ]
        if len(no_shows) >= self._rules.no_shows_until_block:
            ends = max(no_shows) + self._rules.no_show_block
            if ends > now:
                day = ends.astimezone(SHANGHAI)
                detail = f"因多次预约未到，{day:%Y年%m月%d日}前暂不能网上预约，可直接到窗口取号办理。"
                raise NotAllowed(Code.BOOKING_SUSPENDED, detail, until=ends)
        for booking in (ended := [b for b in mine if self._is_over(b)]):
            await self.end(booking)
        still_open = [b for b in mine if b.open and b not in ended]
        for booking in still_open:
            if booking.item == item:
                raise Conflict(Code.ALREADY_BOOKED, booking=booking.id)
        used = {b.ordinal for b in still_open}
        free = [n for n in range(self._rules.open_per_person) if n not in used]
        if not free:
            raise Conflict(Code.TOO_MANY_BOOKINGS, limit=self._rules.open_per_person)
        return free[0]

    async def on_slot(self, slot: str) -> list[Occupant]:
        """Who counts on a slot now; holds and offers whose time is over are ended first."""
        found = await self._store.of_slot(slot)
        ended = [one for one in found if self._is_over(one)]
        for one in ended:
            booking = await self._store.get(one.id)
            if booking is not None and self._is_over(booking):
                await self.end(booking)
        return [one for one in found if one not in ended]

    async def end(self, booking: Booking) -> None:
        """Ends a hold, an offer or a wait."""
        action = {State.HELD: "expire", State.OFFERED: "lapse", State.WAITING: "give_up"}[State(booking.state)]
        edge = MACHINE.step(booking.state, action, Actor.SYSTEM)
        data = told(booking) | {"freed_slot": booking.slot}
        # None means that somebody else has just ended or confirmed it: either is what the reader will find.
        await self._store.step(booking, Step(edge, Actor.SYSTEM, changes=CLOSED, data=data))
        self.rush.freed(booking.slot)

    def free_place(self, slot: Slot, on_slot: list[Occupant]) -> int | None:
        """A free place, or None; whether somebody waits for it is the caller's to ask."""
        taken = {one.place for one in on_slot}
        free = [place for place in range(slot.capacity) if place not in taken]
        return self._rng.choice(free) if free else None

    def _is_over(self, one: Booking | Occupant) -> bool:
        return one.state in TEMPORARY and one.until is not None and one.until <= self._clock.now()

    def oldest_relevant_day(self) -> str:
        return local_day(self._clock.now() - self._rules.no_show_window).isoformat()


def queue_number(counter: Counter, start: datetime, place: int) -> str:
    """ "户0930-2": counter, time, place. Unique within a day because the place is: no number series to keep."""
    return f"{counter.prefix}{start.astimezone(SHANGHAI):%H%M}-{place + 1}"


def told(booking: Booking, changes: Mapping[str, Any] = {}) -> dict[str, Any]:
    """The data of an event about a booking, as it is after ``changes``."""
    values = {name: changes.get(name, getattr(booking, name)) for name in TOLD}
    return {name: value for name, value in values.items() if value not in (None, "")} | {"booking_id": booking.id}
