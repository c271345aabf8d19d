"""Wishes carried out through the same services as the screens, with the resident's own rights."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Any

from kernel.clock import SHANGHAI, local_day
from kernel.errors import BanshiError, Code, Conflict, NotAuthenticated
from services.appointments.actions import Appointments
from services.appointments.model import Booking
from services.appointments.queries import AppointmentQueries
from services.cases.model import Case
from services.cases.progress import STATES as CASE_WORDS
from services.cases.queries import CaseQueries
from services.complaints.actions import Complaints
from services.complaints.model import STATE_WORDS, Complaint, ComplaintKind, State
from services.complaints.queries import ComplaintQueries
from services.dialogue.model import BookingFact, FreeTime, Result, Thing, Wish
from services.payments.model import BillState
from services.payments.queries import PaymentQueries

_BOOKING_WORDS = {
    "waiting": "候补中", "held": "待确认", "offered": "有空位，请尽快确认", "confirmed": "已预约",
    "checked_in": "已签到，等待叫号", "called": "正在叫号", "done": "已办结", "no_show": "未到", "cancelled": "已取消",
    "closed": "已结束", "expired": "已过期",
}  # fmt: skip
_GONE = ("cancelled", "expired", "closed")
# What a confirmation that was lost on its way may find of the booking that it made.
_BOOKED = ("confirmed", "checked_in", "called", "done")


class Performer:
    """Each method named as a wish; a typed error becomes the result's code and sentence."""

    def __init__(
        self,
        appointments: Appointments,
        appointment_queries: AppointmentQueries,
        complaints: Complaints,
        complaint_queries: ComplaintQueries,
        payment_queries: PaymentQueries,
        case_queries: CaseQueries,
    ) -> None:
        self._appointments = appointments
        self._bookings = appointment_queries
        self._complaints = complaints
        self._complaint_queries = complaint_queries
        self._payments = payment_queries
        self._cases = case_queries
        self._by_name: dict[str, Callable[..., Awaitable[Any]]] = {
            "book": self._book, "wait": self._wait, "bookings": self._mine, "cancel": self._cancel, "move": self._move,
            "progress": self._progress, "bills": self._bills, "complain": self._complain,
        }  # fmt: skip

    async def perform(self, person: str | None, wish: Wish) -> Result:
        """Carries out a wish. Only the calendar and suggestions are for people who are not signed in."""
        try:
            if wish.do == "calendar":
                return Result(wish=wish, data=await self._calendar(**wish.args))
            if wish.do == "suggest":
                return Result(wish=wish, data=self._suggest(**wish.args))
            if person is None:
                raise NotAuthenticated
            return Result(wish=wish, data=await self._by_name[wish.do](person, **wish.args))
        except BanshiError as error:
            return Result(wish=wish, code=error.code.name, detail=error.detail)

    async def _calendar(self, item: str, centre: str) -> list[FreeTime]:
        days = await self._bookings.calendar(item, centre)
        return [_free_time(t.start, t.end, t.free) for day in days for t in day.times]

    def _suggest(self, matter: str, kind: str) -> dict[str, Any]:
        complaint_kind = ComplaintKind(kind)
        due = self._complaints.due(complaint_kind)
        return {
            "departments": self._complaints.suggest(matter),
            "limit_days": self._complaints.rules.limits[complaint_kind],
            "due": due.day.isoformat(),
            "due_provisional": due.provisional,
        }

    async def _book(self, person: str, item: str, centre: str, start: str, key: str) -> BookingFact:
        """Holds and confirms; asked again after a lost answer, it finds the booking made.

        A process that died between the two leaves a hold that ends by itself: what is found then is no booking. Raises
        as do_hold and do_confirm, Conflict HOLD_EXPIRED also for a hold that has ended.
        """
        held = await self._appointments.do_hold(person, item, centre, datetime.fromisoformat(start), _key(person, key))
        if held.state in _BOOKED:
            return _fact(held)
        if held.state != "held":
            raise Conflict(Code.HOLD_EXPIRED, booking=held.id)
        return _fact(await self._appointments.do_confirm(person, held.id))

    async def _wait(self, person: str, item: str, centre: str, start: str, key: str) -> BookingFact:
        at = datetime.fromisoformat(start)
        return _fact(await self._appointments.do_wait(person, item, centre, at, _key(person, key)))

    async def _mine(self, person: str) -> list[BookingFact]:
        return [_fact(booking) for booking in reversed(await self._bookings.mine(person)) if booking.open]

    async def _cancel(self, person: str, booking: str) -> BookingFact:
        return _fact(await self._appointments.do_cancel(person, booking))

    async def _move(self, person: str, booking: str, start: str, centre: str) -> BookingFact:
        return _fact(await self._appointments.do_move(person, booking, datetime.fromisoformat(start), centre))

    async def _progress(self, person: str) -> list[Thing]:
        """Cases first, then complaints, then bookings; each the latest first."""
        cases = [_case_thing(c) for c in await self._cases.mine(person)]
        complaints = [_complaint_thing(c) for c in await self._complaint_queries.mine(person)]
        bookings = [_booking_thing(b) for b in await self._bookings.mine(person) if b.state not in _GONE]
        return [*cases, *complaints, *bookings]

    async def _bills(self, person: str) -> list[dict[str, Any]]:
        mine = await self._payments.mine(person)
        return [
            {"id": b.id, "title": b.title, "payee": b.payee, "amount_fen": b.amount_fen}
            for b in mine
            if b.state == BillState.OPEN
        ]

    async def _complain(
        self, person: str, kind: str, matter: str, place: str, happened: str, photos: list[str], key: str
    ) -> dict[str, Any]:
        filed = await self._complaints.do_file(
            person, ComplaintKind(kind), matter, place=place, happened=happened, photos=photos,
            request_key=_key(person, key),
        )  # fmt: skip
        return {"id": filed.id, "due": filed.due, "limit_days": filed.limit_days, "departments": filed.suggested}


def _key(person: str, key: str) -> str:
    return f"dialogue:{person}:{key}"


def _free_time(start: datetime, end: datetime, free: int) -> FreeTime:
    local = start.astimezone(SHANGHAI)
    opens = local.hour * 60 + local.minute
    closes = opens + (end - start) // timedelta(minutes=1)
    return FreeTime(start=local, day=local.date().isoformat(), opens=opens, closes=closes, free=free)


def _fact(booking: Booking) -> BookingFact:
    return BookingFact(
        id=booking.id, item=booking.item, item_name=booking.item_name, centre=booking.centre,
        centre_name=booking.centre_name, centre_address=booking.centre_address,
        start=booking.start.astimezone(SHANGHAI), state=booking.state, queue_number=booking.queue_number,
    )  # fmt: skip


def _case_thing(case: Case) -> Thing:
    day = local_day(case.submitted_at or case.created_at).isoformat()
    title = f"办件“{case.item_name}”" + (f"（{case.number}）" if case.number else "")
    return Thing(kind="case", id=case.id, number=case.number or "", title=title, words=CASE_WORDS[case.state], day=day)


def _booking_thing(booking: Booking) -> Thing:
    at = booking.start.astimezone(SHANGHAI)
    detail = f"{at:%Y-%m-%d %H:%M} {booking.centre_name}"
    day = local_day(booking.created_at).isoformat()
    words = f"{_BOOKING_WORDS[booking.state]}（{detail}）"
    return Thing(kind="booking", id=booking.id, title=f"预约“{booking.item_name}”", words=words, day=day, detail=detail)


def _complaint_thing(complaint: Complaint) -> Thing:
    words = STATE_WORDS[State(complaint.state)]
    if complaint.answer:
        words += f"：{complaint.answer}"
    else:
        words += f"，最晚{complaint.due}前答复"
    title = f"诉求“{complaint.matter[:15]}”"
    day = local_day(complaint.created_at).isoformat()
    return Thing(kind="complaint", id=complaint.id, title=title, words=words, day=day, detail=complaint.due)
