"""What can be done with a booking. Every ``do_*`` reads, decides, and makes one guarded write."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, time, timedelta
from typing import Any

from kernel.clock import Clock, local_day, local_instant
from kernel.errors import ActionNotAllowed, Code, Conflict, InvalidInput, NotFound
from kernel.ids import Ids, Kind
from kernel.machine import Actor, Edge
from services.appointments.machine import HOLD, MACHINE, WAIT
from services.appointments.model import EXPECTED, TEMPORARY, Booking, Occupant, Rules, State
from services.appointments.places import CLOSED, Places, Target, queue_number, told
from services.appointments.store import ONE_ITEM, ONE_REQUEST, BookingStore
from services.centres.queries import Centres
from services.centres.schedule import Slot
from services.store import Duplicate, Step

# How often a claim that lost a race for one place looks for another. Each loss means that somebody else won a place.
CLAIM_ATTEMPTS = 25
# How often a step that lost a race for its booking decides again on the newer one.
STEP_ATTEMPTS = 4


_Decide = Callable[[Booking, Edge], Mapping[str, Any]]


class Appointments:
    """All changes of bookings."""

    def __init__(
        self, store: BookingStore, places: Places, centres: Centres, clock: Clock, ids: Ids, rules: Rules
    ) -> None:
        self._store = store
        self._places = places
        self._centres = centres
        self._clock = clock
        self._ids = ids
        self._rules = rules

    # -- residents ---------------------------------------------------------------------------------------------

    async def do_hold(
        self, person: str, item: str, centre: str, start: datetime, request_key: str | None = None
    ) -> Booking:
        """Takes a place for ``Rules.hold``. Three database commands when nobody interferes.

        Raises NotFound (item, centre), InvalidInput (not bookable, slot not offered), NotAllowed BOOKING_SUSPENDED,
        Conflict SLOT_FULL, ALREADY_BOOKED, TOO_MANY_BOOKINGS.
        """
        target = self._places.target(item, centre, start)

        def decide(booking: Booking, on_slot: list[Occupant]) -> Edge:
            booking.place = self._free_place(target.slot, on_slot)
            booking.until = booking.wake_at = self._clock.now() + self._rules.hold
            return HOLD

        async with self._places.rush.turn(target.slot.id):
            made = await self._refused_by_rush(target.slot.id, request_key)
            return made or await self._claim(person, target, request_key, decide)

    async def do_wait(
        self, person: str, item: str, centre: str, start: datetime, request_key: str | None = None
    ) -> Booking:
        """Joins the waiting list of a full slot. Raises as do_hold, and Conflict SLOT_FREE when there is a place."""
        target = self._places.target(item, centre, start)

        def decide(booking: Booking, on_slot: list[Occupant]) -> Edge:
            waiting = any(b.state == State.WAITING for b in on_slot)
            if not waiting and self._places.free_place(target.slot, on_slot) is not None:
                raise Conflict(Code.SLOT_FREE, slot=target.slot.id)
            booking.wake_at = target.slot.start
            return WAIT

        return await self._claim(person, target, request_key, decide)

    async def do_confirm(self, person: str, booking_id: str) -> Booking:
        """Makes a hold or an offer a booking with a queue number. Raises Conflict HOLD_EXPIRED after its time."""

        def decide(booking: Booking, edge: Edge) -> Mapping[str, Any]:
            if booking.until is None or booking.until <= self._clock.now():
                raise Conflict(Code.HOLD_EXPIRED, until=booking.until)
            return {
                "until": None,
                "queue_number": self._queue_number(booking),
                "wake_at": self._next_wake(booking.start),
            }

        return await self._step(booking_id, "confirm", Actor.RESIDENT, person, decide, person=person)

    async def do_cancel(self, person: str, booking_id: str, reason: str = "") -> Booking:
        """Gives the place back, or leaves the waiting list."""
        return await self._step(
            booking_id, "cancel", Actor.RESIDENT, person, lambda b, e: CLOSED, person=person, note=reason
        )

    async def do_move(self, person: str, booking_id: str, start: datetime, centre: str | None = None) -> Booking:
        """Moves a confirmed booking to another time, or also to another centre. The old place is kept until the new one
        is taken: both happen in one write."""
        booking = await self._require(booking_id, person)
        edge = MACHINE.step(booking.state, "move", Actor.RESIDENT)
        if booking.start <= self._clock.now():
            raise Conflict(Code.SLOT_NOT_OFFERED, "预约时间已过，不能改期。")
        target = self._places.target(booking.item, centre or booking.centre, start)
        if target.slot.id == booking.slot:
            return booking
        for _ in range(CLAIM_ATTEMPTS):
            on_slot = await self._places.on_slot(target.slot.id)
            place = self._free_place(target.slot, on_slot)
            changes = target.fields() | {
                "place": place,
                "queue_number": queue_number(target.counter, target.slot.start, place),
                "wake_at": self._next_wake(target.slot.start),
                "reminded": False,
            }
            data = told(booking, changes) | {"freed_slot": booking.slot}
            step = Step(edge, Actor.RESIDENT, person, changes=changes, data=data)
            try:
                moved = await self._store.step(booking, step)
            except Duplicate:
                continue
            if moved is not None:
                self._places.rush.freed(booking.slot)
                return moved
            booking = await self._require(booking_id, person)
            edge = MACHINE.step(booking.state, "move", Actor.RESIDENT)
        raise Conflict(Code.SLOT_FULL, slot=target.slot.id)

    # -- staff -------------------------------------------------------------------------------------------------

    async def do_check_in(self, officer: str, booking_id: str, centre: str | None) -> Booking:
        """The resident is here. Only on the day of the booking."""

        def decide(booking: Booking, edge: Edge) -> Mapping[str, Any]:
            if booking.day != local_day(self._clock.now()).isoformat():
                raise Conflict(Code.NOT_TODAY, day=booking.day)
            return {"wake_at": self._day_after(booking.start)}

        return await self._step(booking_id, "check_in", Actor.STAFF, officer, decide, centre=centre)

    async def do_call(self, officer: str, booking_id: str, window: str, centre: str | None) -> Booking:
        """Calls the resident to a window; a second call repeats it, perhaps to another window."""

        def decide(booking: Booking, edge: Edge) -> Mapping[str, Any]:
            counter = self._centres.get(booking.centre).counter(booking.counter)
            if counter is None or window not in counter.windows:
                raise InvalidInput(field="$.window", reason="not a window of this counter")
            return {"window": window}

        return await self._step(booking_id, "call", Actor.STAFF, officer, decide, centre=centre)

    async def do_finish(self, officer: str, booking_id: str, centre: str | None) -> Booking:
        return await self._step(booking_id, "finish", Actor.STAFF, officer, lambda b, e: CLOSED, centre=centre)

    async def do_cancel_for(self, officer: str, booking_id: str, reason: str, centre: str | None) -> Booking:
        """Staff cancel, as when the centre has to shut; the resident is told."""

        def decide(booking: Booking, edge: Edge) -> Mapping[str, Any]:
            return CLOSED

        return await self._step(booking_id, "cancel", Actor.STAFF, officer, decide, centre=centre, note=reason)

    async def do_mark_no_show(self, officer: str, booking_id: str, centre: str | None) -> Booking:
        """Not before the slot has begun: until then nobody is late."""

        def decide(booking: Booking, edge: Edge) -> Mapping[str, Any]:
            if booking.start > self._clock.now():
                raise Conflict(Code.ACTION_NOT_ALLOWED, "还没到预约时间，不能登记未到。", start=booking.start)
            return CLOSED

        return await self._step(booking_id, "mark_no_show", Actor.STAFF, officer, decide, centre=centre)

    # -- the worker --------------------------------------------------------------------------------------------

    async def do_wake(self, booking: Booking) -> None:
        """A booking's timer has come: its hold or offer ends, its wait is over, or its reminder is due."""
        now = self._clock.now()
        if (booking.state in TEMPORARY and booking.until is not None and booking.until <= now) or (
            booking.state == State.WAITING and booking.start <= now
        ):
            await self._places.end(booking)
        elif booking.state in EXPECTED and self._day_after(booking.start) <= now:
            edge = MACHINE.step(booking.state, "close", Actor.SYSTEM)
            await self._store.step(booking, Step(edge, Actor.SYSTEM, changes=CLOSED, data=told(booking)))
        elif booking.state == State.CONFIRMED and not booking.reminded:
            edge = MACHINE.step(booking.state, "remind", Actor.SYSTEM)
            changes = {"reminded": True, "wake_at": self._day_after(booking.start)}
            await self._store.step(booking, Step(edge, Actor.SYSTEM, changes=changes, data=told(booking)))

    async def do_offer_freed(self, slot: str) -> Booking | None:
        """Offers a free place of a slot to the first who waits for it; None when there is no place or nobody waits.

        Safe to repeat and to run twice at once: the place's unique index lets one offer through.
        """
        for _ in range(CLAIM_ATTEMPTS):
            on_slot = await self._places.on_slot(slot)
            waiting = next((b for b in on_slot if b.state == State.WAITING), None)
            first = await self._store.get(waiting.id) if waiting else None
            if first is None or first.start <= self._clock.now():
                return None
            if first.state != State.WAITING:
                continue
            offered = self._places.slot_of(first)
            place = self._places.free_place(offered, on_slot) if offered else None
            if place is None:
                return None
            until = min(self._clock.now() + self._rules.offer, first.start)
            changes = {"place": place, "until": until, "wake_at": until}
            edge = MACHINE.step(first.state, "offer", Actor.SYSTEM)
            step = Step(edge, Actor.SYSTEM, changes=changes, data=told(first, changes))
            try:
                written = await self._store.step(first, step)
            except Duplicate:
                continue
            if written is not None:
                return written
        return None

    # -- inside ------------------------------------------------------------------------------------------------

    async def _claim(
        self,
        person: str,
        target: Target,
        request_key: str | None,
        decide: Callable[[Booking, list[Occupant]], Edge],
    ) -> Booking:
        """Reads the person's bookings and the slot's, lets ``decide`` complete the new one, inserts it; all again when
        somebody was faster."""
        for _ in range(CLAIM_ATTEMPTS):
            mine = await self._store.of_person(person, self._places.oldest_relevant_day())
            repeated = next((b for b in mine if request_key is not None and b.request_key == request_key), None)
            if repeated is not None:
                return repeated
            ordinal = await self._places.check_person(mine, target.item.content.code)
            on_slot = await self._places.on_slot(target.slot.id)
            booking = self._new(person, target, ordinal, request_key)
            made = await self._create(booking, decide(booking, on_slot))
            if made is not None:
                return made
        raise Conflict(Code.SLOT_FULL, slot=target.slot.id)

    async def _refused_by_rush(self, slot: str, request_key: str | None) -> Booking | None:
        """Raises SLOT_FULL when the slot was found full a moment ago; a repeated request still gets its booking."""
        if not self._places.rush.is_full(slot):
            return None
        made = await self._store.of_request(request_key) if request_key else None
        if made is None:
            raise Conflict(Code.SLOT_FULL, slot=slot)
        return made

    def _free_place(self, slot: Slot, on_slot: list[Occupant]) -> int:
        """Raises Conflict SLOT_FULL. Whoever waits comes first, also between a place being freed and being offered."""
        place = self._places.free_place(slot, on_slot)
        if place is None or any(b.state == State.WAITING for b in on_slot):
            self._places.rush.found_full(slot.id, min((b.until for b in on_slot if b.until), default=None))
            raise Conflict(Code.SLOT_FULL, slot=slot.id)
        return place

    def _new(self, person: str, target: Target, ordinal: int, request_key: str | None) -> Booking:
        now = self._clock.now()
        return Booking(
            id=self._ids.new(Kind.BOOKING),
            state="",
            created_at=now,
            updated_at=now,
            person=person,
            item=target.item.content.code,
            item_version=target.item.number,
            item_name=target.item.content.name,
            ordinal=ordinal,
            request_key=request_key,
            **target.fields(),
        )

    async def _create(self, booking: Booking, edge: Edge) -> Booking | None:
        """Inserts; None when another request took the place or the ordinal first; a repeat gets its booking."""
        step = Step(edge, Actor.RESIDENT, booking.person, data=told(booking))
        try:
            return await self._store.create(booking, step)
        except Duplicate as duplicate:
            if duplicate.index == ONE_REQUEST and booking.request_key:
                return await self._store.of_request(booking.request_key)
            if duplicate.index == ONE_ITEM:
                raise Conflict(Code.ALREADY_BOOKED) from None
            return None

    async def _step(
        self,
        booking_id: str,
        action: str,
        actor: Actor,
        by: str,
        decide: _Decide,
        *,
        person: str | None = None,
        centre: str | None = None,
        note: str = "",
    ) -> Booking:
        """Read, decide, write under the version's guard; decides again when somebody was faster."""
        for _ in range(STEP_ATTEMPTS):
            booking = await self._require(booking_id, person, centre)
            edge = MACHINE.step(booking.state, action, actor)
            changes = dict(decide(booking, edge))
            data = told(booking, changes) | {"by": actor.value}
            if changes.get("open") is False and booking.place is not None:
                data["freed_slot"] = booking.slot
            written = await self._store.step(booking, Step(edge, actor, by, note, changes, data))
            if written is not None:
                self._places.rush.freed(booking.slot)
                return written
        raise Conflict

    async def _require(self, booking_id: str, person: str | None = None, centre: str | None = None) -> Booking:
        """A booking that is this person's or at this centre; a foreign one is not told from one that does not exist."""
        booking = await self._store.get(booking_id)
        foreign = booking is None or (person is not None and booking.person != person)
        if booking is None or foreign or (centre is not None and booking.centre != centre):
            raise NotFound(Code.BOOKING_NOT_FOUND, booking=booking_id)
        return booking

    def _queue_number(self, booking: Booking) -> str:
        counter = self._centres.get(booking.centre).counter(booking.counter)
        if counter is None or booking.place is None:
            raise ActionNotAllowed(booking.state, "confirm", ["cancel"])
        return queue_number(counter, booking.start, booking.place)

    def _next_wake(self, start: datetime) -> datetime:
        """The reminder, the day before at the hour set; when that has passed (who books today knows about tomorrow),
        the end of the booking's day."""
        reminder = local_instant(local_day(start) - timedelta(days=1), time(self._rules.reminder_hour))
        return reminder if reminder > self._clock.now() else self._day_after(start)

    @staticmethod
    def _day_after(start: datetime) -> datetime:
        return local_instant(local_day(start) + timedelta(days=1), time())
