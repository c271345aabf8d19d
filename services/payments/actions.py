"""Bills: made, cancelled, recalled to mind. Paying is in ``orders.py``, giving back in ``refunds.py``."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from kernel.clock import Clock
from kernel.errors import Code, Conflict, InvalidInput, NotFound
from kernel.ids import Ids, Kind
from kernel.machine import Actor
from services.payments.machine import BILL, ISSUE
from services.payments.model import Bill, BillLine, PayRules, SubjectKind
from services.payments.store import ONE_REQUEST, BillStore
from services.store import Duplicate, Step

STEP_ATTEMPTS = 4
# WeChat Pay's ``description`` is the bill's title. Source: 小程序下单, description <= 127.
MAX_TITLE = 127
MAX_LINES = 100
# Ten million yuan: more in one bill is a slip of the keyboard.
MAX_FEN = 1_000_000_000
# Whose money it is when nobody is named.
CITY = "city"


class Payments:
    """All changes of bills but those that money makes."""

    def __init__(self, bills: BillStore, clock: Clock, ids: Ids, rules: PayRules) -> None:
        self._bills = bills
        self._clock = clock
        self._ids = ids
        self._rules = rules

    async def do_bill(
        self,
        *,
        subject_kind: SubjectKind,
        subject: str,
        person: str | None,
        title: str,
        lines: Sequence[BillLine],
        by: str,
        actor: Actor,
        due_at: datetime | None = None,
        request_key: str | None = None,
        payee: str = CITY,
        account_kind: str | None = None,
        account_number: str | None = None,
    ) -> Bill:
        """A new bill over the sum of its lines, or the one that ``request_key`` made before. One database command.

        Raises InvalidInput that names the field: a title of 1 to 127 characters, 1 to 100 lines, each of at least
        1 fen and at least once, together at most 10,000,000 yuan.
        """
        now = self._clock.now()
        bill = Bill(
            id=self._ids.new(Kind.BILL),
            state="",
            created_at=now,
            updated_at=now,
            subject_kind=subject_kind,
            subject=subject,
            person=person,
            account_kind=account_kind,
            account_number=account_number,
            payee=payee,
            title=title,
            lines=list(lines),
            amount_fen=_total(title, lines),
            due_at=due_at,
            wake_at=self.reminder(person, due_at),
            request_key=request_key,
        )
        try:
            return await self._bills.create(bill, Step(ISSUE, actor, by, data=told(bill)))
        except Duplicate as duplicate:
            made = await self._bills.of_request(request_key) if request_key else None
            if duplicate.index != ONE_REQUEST or made is None:
                raise
            return made

    async def do_cancel_bill(self, bill_id: str, by: str, reason: str, actor: Actor = Actor.STAFF) -> Bill:
        """Nobody has to pay it any more. An order that is under way is closed by the worker; what is paid all the same
        is refunded. Raises NotFound BILL_NOT_FOUND, ActionNotAllowed once it is paid."""
        for _ in range(STEP_ATTEMPTS):
            bill = await self._bills.get(bill_id)
            if bill is None:
                raise NotFound(Code.BILL_NOT_FOUND, bill=bill_id)
            edge = BILL.step(bill.state, "cancel", actor)
            step = Step(edge, actor, by, reason, changes={"wake_at": None}, data=told(bill))
            cancelled = await self._bills.step(bill, step)
            if cancelled is not None:
                return cancelled
        raise Conflict

    def reminder(self, person: str | None, due_at: datetime | None) -> datetime | None:
        """When to recall a bill to mind; never where there is nobody to tell."""
        if person is None or due_at is None:
            return None
        return max(self._clock.now(), due_at - self._rules.remind_before)

    async def do_wake(self, bill: Bill) -> None:
        """A bill's timer has come: it is due soon and still open."""
        if bill.state == "open":
            edge = BILL.step(bill.state, "remind", Actor.SYSTEM)
            await self._bills.step(bill, Step(edge, Actor.SYSTEM, changes={"wake_at": None}, data=told(bill)))


def told(bill: Bill) -> dict[str, Any]:
    """What consumers need to know of a bill."""
    return {
        "person": bill.person,
        "bill_id": bill.id,
        "subject_kind": bill.subject_kind.value,
        "subject": bill.subject,
        "title": bill.title,
        "amount_fen": bill.amount_fen,
        "due_at": bill.due_at,
    }


def _total(title: str, lines: Sequence[BillLine]) -> int:
    if not 1 <= len(title) <= MAX_TITLE:
        raise InvalidInput(field="$.title", reason=f"1 to {MAX_TITLE} characters")
    if not 1 <= len(lines) <= MAX_LINES:
        raise InvalidInput(field="$.lines", reason=f"1 to {MAX_LINES} lines")
    for number, line in enumerate(lines):
        if line.amount_fen < 1 or line.quantity < 1:
            raise InvalidInput(field=f"$.lines[{number}]", reason="at least 1 fen, at least once")
    total = sum(line.amount_fen * line.quantity for line in lines)
    if total > MAX_FEN:
        raise InvalidInput(field="$.lines", reason=f"together at most {MAX_FEN} fen")
    return total
