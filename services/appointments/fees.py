"""Fees that are asked for at an appointment: a bill of the resident's, paid in the app."""

from __future__ import annotations

from collections.abc import Mapping

from kernel.errors import ActionNotAllowed, Code, NotFound
from kernel.machine import Actor
from services.appointments.machine import MACHINE
from services.appointments.model import Booking
from services.appointments.store import BookingStore
from services.catalogue.model import FeeLine
from services.catalogue.queries import Catalogue
from services.payments.actions import Payments
from services.payments.fees import fee_lines
from services.payments.model import Bill, BillState, SubjectKind
from services.payments.queries import PaymentQueries

# The resident is there, or has been.
CHARGED = frozenset({"checked_in", "called", "done"})


class BookingFees:
    """``centre``: of the officer, who charges only at their own; None for one of all centres."""

    def __init__(
        self, bookings: BookingStore, catalogue: Catalogue, payments: Payments, payment_queries: PaymentQueries
    ) -> None:
        self._bookings = bookings
        self._catalogue = catalogue
        self._payments = payments
        self._payment_queries = payment_queries

    async def do_charge(self, officer: str, booking_id: str, quantities: Mapping[str, int], centre: str | None) -> Bill:
        """A bill over fees of the item. The same fees of one appointment are asked for once, and again only after a
        bill came to nothing.

        Raises NotFound BOOKING_NOT_FOUND, ActionNotAllowed before the resident is there, InvalidInput.
        """
        booking = await self._require(booking_id, centre)
        if booking.state not in CHARGED:
            raise ActionNotAllowed(booking.state, "charge", MACHINE.allowed(booking.state, Actor.STAFF))
        content = (await self._catalogue.version(booking.item, booking.item_version)).content
        counted = ",".join(f"{name}*{quantity}" for name, quantity in sorted(quantities.items()))
        bills = await self._payment_queries.of_subject(SubjectKind.APPOINTMENT, booking.id)
        void = sum(bill.state in (BillState.CANCELLED, BillState.REFUNDED) for bill in bills)
        return await self._payments.do_bill(
            subject_kind=SubjectKind.APPOINTMENT, subject=booking.id, person=booking.person,
            title=booking.item_name[:127], lines=fee_lines(content, quantities), by=officer, actor=Actor.STAFF,
            payee=content.department, request_key=f"booking:{booking.id}:{counted}" + (f":{void}" if void else ""),
        )  # fmt: skip

    def chargeable(self, booking: Booking) -> bool:
        """Whether a fee can be asked for now: the resident is there, and the item has fees or, withdrawn, may have."""
        if booking.state not in CHARGED:
            return False
        try:
            return bool(self._catalogue.get(booking.item).content.fees)
        except NotFound:
            return True

    async def fees(self, booking_id: str, centre: str | None) -> tuple[list[FeeLine], list[Bill]]:
        """What can be asked for at an appointment, and what was, newest first. Raises NotFound BOOKING_NOT_FOUND."""
        booking = await self._require(booking_id, centre)
        version = await self._catalogue.version(booking.item, booking.item_version)
        return list(version.content.fees), await self._payment_queries.of_subject(SubjectKind.APPOINTMENT, booking_id)

    async def _require(self, booking_id: str, centre: str | None) -> Booking:
        booking = await self._bookings.get(booking_id)
        if booking is None or centre not in (None, booking.centre):
            raise NotFound(Code.BOOKING_NOT_FOUND, booking=booking_id)
        return booking
