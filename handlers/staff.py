"""Staff at the counters: the day's bookings, check in, call, finish, no-show; failed messages and events."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated

from msgspec import Meta, Struct

from handlers.base import Call
from handlers.routing import Idempotency, Limit, Route, staff
from kernel.clock import SHANGHAI, local_day
from kernel.errors import Code, InvalidInput, NotAllowed
from kernel.ids import Kind, normalise
from kernel.machine import Actor
from services.appointments.machine import MACHINE
from services.appointments.model import Booking
from services.identity.model import Profile


class DayQuery(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``centre`` only for staff who are not bound to one."""

    day: date | None = None
    centre: Annotated[str, Meta(max_length=40)] | None = None


class CheckInRequest(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the QR code holds, or what the resident reads out."""

    code: Annotated[str, Meta(min_length=1, max_length=64)]


class CallRequest(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    window: Annotated[str, Meta(min_length=1, max_length=20)]


class StaffCancelRequest(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``reason`` is kept in the booking's history."""

    reason: Annotated[str, Meta(min_length=1, max_length=100)]


class DeskBooking(Struct, kw_only=True):
    """A booking as the counter sees it; the resident is masked. ``actions``: the machine's, and "charge"."""

    id: str
    state: str
    queue_number: str
    item: str
    item_name: str
    counter: str
    start: datetime
    window: str
    actions: list[str]
    resident: Profile | None = None


class DeskCounter(Struct, kw_only=True):
    """Windows that call the same bookings: those whose ``counter`` is this ``kind``."""

    kind: str
    name: str
    windows: list[str]


class DeskDay(Struct, kw_only=True):
    centre: str
    centre_name: str
    day: date
    counters: list[DeskCounter]
    bookings: list[DeskBooking]


class MessageTrouble(Struct, kw_only=True):
    """A message that failed, or of which nobody knows whether it went out."""

    id: str
    person: str
    title: str
    state: str
    words: str
    attempts: int
    last_error: str
    updated_at: datetime


class EventTrouble(Struct, kw_only=True):
    """An event that a consumer refused for the last time; ``python -m server replay`` hands it over again."""

    id: str
    consumer: str
    event: str
    aggregate: str
    error: str
    at: datetime


class Troubles(Struct, kw_only=True):
    messages: list[MessageTrouble]
    events: list[EventTrouble]


async def desk_day(call: Call, query: DayQuery) -> DeskDay:
    """The day's bookings of the officer's centre."""
    centre = _centre(call, query.centre)
    if centre is None:
        raise InvalidInput(field="centre", reason="name the centre")
    day = query.day or local_day(call.city.clock.now())
    found = await call.city.appointment_queries.by_day(centre, day)
    place = call.city.centres.get(centre)
    return DeskDay(
        centre=centre,
        centre_name=place.name,
        day=day,
        counters=[DeskCounter(kind=c.kind, name=c.name, windows=list(c.windows)) for c in place.counters],
        bookings=[_desk(call, b) for b in found if b.queue_number],
    )


async def check_in(call: Call, body: CheckInRequest) -> DeskBooking:
    """Checks in by the QR code's text or the number read out, forgiving case, spaces and O/0, I/1."""
    booking_id = normalise(body.code, Kind.BOOKING)
    if booking_id is None:
        raise InvalidInput(field="$.code", reason="not a booking code (a character is wrong)")
    booking = await call.city.appointments.do_check_in(call.officer.staff_id, booking_id, call.officer.centre)
    return _desk(call, booking, await call.city.identity_queries.shown(booking.person))


async def call_up(call: Call, booking_id: str, body: CallRequest) -> DeskBooking:
    officer = call.officer
    return _desk(call, await call.city.appointments.do_call(officer.staff_id, booking_id, body.window, officer.centre))


async def finish(call: Call, booking_id: str) -> DeskBooking:
    officer = call.officer
    return _desk(call, await call.city.appointments.do_finish(officer.staff_id, booking_id, officer.centre))


async def no_show(call: Call, booking_id: str) -> DeskBooking:
    officer = call.officer
    return _desk(call, await call.city.appointments.do_mark_no_show(officer.staff_id, booking_id, officer.centre))


async def cancel(call: Call, booking_id: str, body: StaffCancelRequest) -> DeskBooking:
    """Cancels for the resident, who is told."""
    officer = call.officer
    args = (officer.staff_id, booking_id, body.reason, officer.centre)
    return _desk(call, await call.city.appointments.do_cancel_for(*args))


async def troubles(call: Call) -> Troubles:
    """What did not arrive: messages and events."""
    messages = await call.city.notification_queries.failures()
    letters = await call.city.dead_letters.all(100)
    return Troubles(
        messages=[
            MessageTrouble(
                id=m.id, person=m.person, title=m.title, state=m.state, words=m.words, attempts=m.attempts,
                last_error=m.last_error, updated_at=m.updated_at.astimezone(SHANGHAI),
            )
            for m in messages
        ],
        events=[
            EventTrouble(
                id=d.id, consumer=d.consumer, event=d.event.name, aggregate=d.event.aggregate, error=d.error,
                at=d.at.astimezone(SHANGHAI),
            )
            for d in letters
        ],
    )  # fmt: skip


def _centre(call: Call, wanted: str | None) -> str | None:
    """The centre this officer works with. Raises NotAllowed when they ask for another than their own."""
    own = call.officer.centre
    if own is not None and wanted is not None and wanted != own:
        raise NotAllowed(centre=wanted)
    return own or wanted


def _desk(call: Call, booking: Booking, resident: Profile | None = None) -> DeskBooking:
    actions = MACHINE.allowed(booking.state, Actor.STAFF)
    return DeskBooking(
        id=booking.id,
        state=booking.state,
        queue_number=booking.queue_number,
        item=booking.item,
        item_name=booking.item_name,
        counter=booking.counter,
        start=booking.start.astimezone(SHANGHAI),
        window=booking.window,
        actions=[*actions, "charge"] if call.city.booking_fees.chargeable(booking) else actions,
        resident=resident,
    )


_DESK = staff("window_officer", "supervisor", "administrator")
_STEP = (Code.BOOKING_NOT_FOUND, Code.ACTION_NOT_ALLOWED, Code.CONFLICT)
_WRITE = (_DESK, Limit.WRITE, Idempotency.KEY)

ROUTES = [
    Route("GET", "/staff/bookings", desk_day, _DESK, Limit.READ, Idempotency.SAFE, "Bookings of a day"),
    Route("POST", "/staff/check-in", check_in, *_WRITE, "Check a resident in", (*_STEP, Code.NOT_TODAY)),
    Route("POST", "/staff/bookings/{booking_id}/call", call_up, *_WRITE, "Call to a window", _STEP),
    Route("POST", "/staff/bookings/{booking_id}/finish", finish, *_WRITE, "The service is done", _STEP),
    Route("POST", "/staff/bookings/{booking_id}/cancel", cancel, *_WRITE, "Cancel for the resident", _STEP),
    Route("POST", "/staff/bookings/{booking_id}/no-show", no_show, *_WRITE, "The resident did not come", _STEP),
    Route(
        "GET", "/staff/troubles", troubles, staff("supervisor", "administrator"), Limit.READ, Idempotency.SAFE,
        "What did not arrive",
    ),
]  # fmt: skip
