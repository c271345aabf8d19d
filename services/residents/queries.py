"""What is still open between one resident and the city, wherever it is kept."""

from __future__ import annotations

import asyncio

from msgspec import Struct

from services.appointments.model import OPEN as OPEN_BOOKINGS
from services.appointments.queries import AppointmentQueries
from services.cases.model import OPEN as OPEN_CASES
from services.cases.queries import CaseQueries
from services.payments.model import BillState
from services.payments.queries import PaymentQueries


class OpenMatters(Struct, frozen=True, kw_only=True):
    """Ids of what has not come to its end."""

    cases: list[str]
    bookings: list[str]
    bills: list[str]


class Residents:
    """Three database commands, at the same time."""

    def __init__(self, cases: CaseQueries, bookings: AppointmentQueries, bills: PaymentQueries) -> None:
        self._cases = cases
        self._bookings = bookings
        self._bills = bills

    async def open_matters(self, person: str) -> OpenMatters:
        cases, bookings, bills = await asyncio.gather(
            self._cases.mine(person), self._bookings.mine(person), self._bills.mine(person)
        )
        return OpenMatters(
            cases=[case.id for case in cases if case.state in OPEN_CASES],
            bookings=[booking.id for booking in bookings if booking.state in OPEN_BOOKINGS],
            bills=[bill.id for bill in bills if bill.state == BillState.OPEN],
        )
