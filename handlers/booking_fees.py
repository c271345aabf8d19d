"""Fees at an appointment, for officers: asked for, and how they stand."""

from __future__ import annotations

from msgspec import Struct

from handlers.base import Call
from handlers.case_desk import CaseBill, fee_view
from handlers.cases import ChargeRequest
from handlers.routing import Idempotency, Limit, Route, staff
from kernel.errors import Code


class BookingBills(Struct, kw_only=True):
    bills: list[CaseBill]


async def charge(call: Call, booking_id: str, body: ChargeRequest) -> CaseBill:
    """A bill over fees of the item, for a resident who has checked in; the same fees once."""
    officer = call.officer
    return fee_view(
        await call.city.booking_fees.do_charge(officer.staff_id, booking_id, body.quantities, officer.centre)
    )


async def list_bills(call: Call, booking_id: str) -> BookingBills:
    found = await call.city.booking_fees.bills(booking_id, call.officer.centre)
    return BookingBills(bills=[fee_view(bill) for bill in found])


_DESK = staff("window_officer", "supervisor")
_BOOKING = "/staff/bookings/{booking_id}"

ROUTES = [
    Route(
        "POST", _BOOKING + "/charge", charge, _DESK, Limit.WRITE, Idempotency.KEY, "Charge a fee at an appointment",
        (Code.BOOKING_NOT_FOUND, Code.ACTION_NOT_ALLOWED), 201,
    ),
    Route(
        "GET", _BOOKING + "/bills", list_bills, _DESK, Limit.READ, Idempotency.SAFE, "The fees of an appointment",
        (Code.BOOKING_NOT_FOUND,),
    ),
]  # fmt: skip
