"""Fees at an appointment, for officers: asked for, and how they stand."""

from __future__ import annotations

from msgspec import Struct

from handlers.base import Call
from handlers.case_desk import CaseBill, fee_view
from handlers.cases import ChargeRequest
from handlers.routing import Idempotency, Limit, Route, staff
from kernel.errors import Code
from services.catalogue.model import FeeLine


class BookingFees(Struct, kw_only=True):
    """``fees``: of the item's version that was booked; ``bills``: what was asked for, the newest first."""

    fees: list[FeeLine]
    bills: list[CaseBill]


async def charge(call: Call, booking_id: str, body: ChargeRequest) -> CaseBill:
    """A bill over fees of the item, for a resident who has checked in; the same fees once."""
    officer = call.officer
    return fee_view(
        await call.city.booking_fees.do_charge(officer.staff_id, booking_id, body.quantities, officer.centre)
    )


async def show_fees(call: Call, booking_id: str) -> BookingFees:
    fees, bills = await call.city.booking_fees.fees(booking_id, call.officer.centre)
    return BookingFees(fees=fees, bills=[fee_view(bill) for bill in bills])


_DESK = staff("window_officer", "supervisor")
_BOOKING = "/staff/bookings/{booking_id}"

ROUTES = [
    Route(
        "POST", _BOOKING + "/charge", charge, _DESK, Limit.WRITE, Idempotency.KEY, "Charge a fee at an appointment",
        (Code.BOOKING_NOT_FOUND, Code.ACTION_NOT_ALLOWED), 201,
    ),
    Route(
        "GET", _BOOKING + "/fees", show_fees, _DESK, Limit.READ, Idempotency.SAFE,
        "Fees that an appointment can have, and has",
        (Code.BOOKING_NOT_FOUND,),
    ),
]  # fmt: skip
