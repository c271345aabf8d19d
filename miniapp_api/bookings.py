"""Appointments: free places, hold, confirm, move, cancel, waiting list, check-in code (网上预约)."""

from __future__ import annotations

import io
from datetime import date, datetime
from typing import Annotated

import segno
from msgspec import Meta, Struct

from handlers.base import Call
from handlers.routing import ANYONE, RESIDENT, Idempotency, Limit, Raw, Route
from kernel.errors import Code
from kernel.machine import Actor
from miniapp_api.views import BookingView, CalendarView, booking_view, calendar_view
from services.appointments.machine import MACHINE
from services.appointments.model import Booking

ItemCode = Annotated[str, Meta(max_length=40)]
CentreCode = Annotated[str, Meta(max_length=40)]
# RFC 3339 with a time zone: "2026-11-25T09:00:00+08:00".
Start = Annotated[datetime, Meta(tz=True)]


class CalendarQuery(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``first``: the first day wanted (today); ``days``: how many (all that can be booked)."""

    item: ItemCode
    centre: CentreCode
    first: date | None = None
    days: Annotated[int, Meta(ge=1, le=366)] | None = None


class HoldRequest(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A time at a centre for an item; ``start`` as the calendar gave it."""

    item: ItemCode
    centre: CentreCode
    start: Start


class MoveRequest(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    start: Start
    centre: CentreCode | None = None


class CancelRequest(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    reason: Annotated[str, Meta(max_length=100)] = ""


class BookingList(Struct, kw_only=True):
    bookings: list[BookingView]


async def calendar(call: Call, query: CalendarQuery) -> CalendarView:
    """Free places by day and time, all days that can be booked in one answer."""
    days = await call.city.appointment_queries.calendar(query.item, query.centre, query.first, query.days)
    return calendar_view(query.item, query.centre, days)


async def hold(call: Call, body: HoldRequest) -> BookingView:
    """Takes a place and holds it for some minutes; confirm it to keep it."""
    args = (call.person, body.item, body.centre, body.start, call.request_key)
    return _view(await call.city.appointments.do_hold(*args))


async def wait(call: Call, body: HoldRequest) -> BookingView:
    """Joins the waiting list of a full time; a freed place is offered to the first."""
    args = (call.person, body.item, body.centre, body.start, call.request_key)
    return _view(await call.city.appointments.do_wait(*args))


async def confirm(call: Call, booking_id: str) -> BookingView:
    """Makes a held or offered place a booking with a queue number."""
    return _view(await call.city.appointments.do_confirm(call.person, booking_id))


async def move(call: Call, booking_id: str, body: MoveRequest) -> BookingView:
    """Moves a booking; the old place is only given back when the new one is taken."""
    return _view(await call.city.appointments.do_move(call.person, booking_id, body.start, body.centre))


async def cancel(call: Call, booking_id: str, body: CancelRequest) -> BookingView:
    """Cancels a booking, gives up a hold or an offer, or leaves the waiting list."""
    return _view(await call.city.appointments.do_cancel(call.person, booking_id, body.reason))


async def list_bookings(call: Call) -> BookingList:
    """The caller's bookings, latest day first."""
    return BookingList(bookings=[_view(b) for b in await call.city.appointment_queries.mine(call.person)])


async def read_booking(call: Call, booking_id: str) -> BookingView:
    return _view(await call.city.appointment_queries.one(call.person, booking_id))


async def check_in_code(call: Call, booking_id: str) -> Raw:
    """The QR code to show at the counter; it holds the booking's id and nothing about the person."""
    booking = await call.city.appointment_queries.one(call.person, booking_id)
    picture = io.BytesIO()
    segno.make_qr(booking.id, error="m").save(picture, kind="png", scale=8, border=4)
    return Raw(picture.getvalue(), "image/png")


def _view(booking: Booking) -> BookingView:
    return booking_view(booking, MACHINE.allowed(booking.state, Actor.RESIDENT))


_CLAIM = (
    Code.ITEM_NOT_FOUND, Code.CENTRE_NOT_FOUND, Code.NOT_BOOKABLE, Code.SLOT_NOT_OFFERED, Code.BOOKING_SUSPENDED,
    Code.ALREADY_BOOKED, Code.TOO_MANY_BOOKINGS,
)  # fmt: skip
_STEP = (Code.BOOKING_NOT_FOUND, Code.ACTION_NOT_ALLOWED, Code.CONFLICT)
_READ = (RESIDENT, Limit.READ, Idempotency.SAFE)
_WRITE = (RESIDENT, Limit.WRITE, Idempotency.KEY)

ROUTES = [
    Route(
        "GET", "/api/calendar", calendar, ANYONE, Limit.READ, Idempotency.SAFE, "Free places by day and time",
        (Code.ITEM_NOT_FOUND, Code.CENTRE_NOT_FOUND, Code.NOT_BOOKABLE),
    ),
    Route("POST", "/api/bookings", hold, *_WRITE, "Hold a place", (*_CLAIM, Code.SLOT_FULL), 201),
    Route("POST", "/api/waiting", wait, *_WRITE, "Join a waiting list", (*_CLAIM, Code.SLOT_FREE), 201),
    Route("GET", "/api/bookings", list_bookings, *_READ, "My bookings"),
    Route("GET", "/api/bookings/{booking_id}", read_booking, *_READ, "Read a booking", (Code.BOOKING_NOT_FOUND,)),
    Route(
        "GET", "/api/bookings/{booking_id}/code.png", check_in_code, *_READ, "QR code for check-in",
        (Code.BOOKING_NOT_FOUND,), content_type="image/png",
    ),
    Route(
        "POST", "/api/bookings/{booking_id}/confirm", confirm, *_WRITE, "Confirm a hold or an offer",
        (*_STEP, Code.HOLD_EXPIRED),
    ),
    Route(
        "POST", "/api/bookings/{booking_id}/move", move, *_WRITE, "Move a booking",
        (*_STEP, Code.CENTRE_NOT_FOUND, Code.SLOT_NOT_OFFERED, Code.SLOT_FULL),
    ),
    Route("POST", "/api/bookings/{booking_id}/cancel", cancel, *_WRITE, "Cancel a booking", _STEP),
]  # fmt: skip
