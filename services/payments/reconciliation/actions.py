"""Each day's bill: fetched when it is ready, compared to the fen, its fees booked.

Every step finds the work of an earlier run done, so a run that died in the middle, two at once, and one that staff ask
for again all end in the same: differences are unique by cause, fees are posted as what is missing to the bill's sum.
"""

from __future__ import annotations

import asyncio
import logging
from datetime import date, datetime, time, timedelta
from typing import Any

import msgspec

from gateways.wechat_pay import Bill, BillCorrupt, BillNotReady
from kernel.clock import Clock, local_day, local_instant
from kernel.errors import BanshiError, Conflict, InvalidInput
from kernel.machine import Actor
from services.payments.ledger import CLEARING, FEES, Entry, Movement
from services.payments.orders import BACK_OFF
from services.payments.reconciliation.compare import Comparison, OurPayment, OurRefund, compare
from services.payments.reconciliation.machine import DAY, PLAN
from services.payments.reconciliation.model import Day, ReconciliationRules, Run
from services.payments.reconciliation.resolving import Resolving
from services.payments.reconciliation.store import DayStore, DifferenceStore
from services.payments.store import LedgerStore, OrderStore, RefundStore
from services.payments.till import Till
from services.store import Duplicate, Step, Transaction

log = logging.getLogger("banshi.payments")

ATTEMPTS = 4
# WeChat Pay gives the bills of the last three months.
KEPT_DAYS = 90
KEPT_RUNS = 20
BATCH = 20
ONE_DAY = timedelta(days=1)


class Reconciliation:
    """Days, one run after another."""

    def __init__(
        self,
        days: DayStore,
        differences: DifferenceStore,
        orders: OrderStore,
        refunds: RefundStore,
        ledger: LedgerStore,
        resolving: Resolving,
        till: Till,
        clock: Clock,
        rules: ReconciliationRules,
    ) -> None:
        self._days, self._differences, self._orders, self._refunds = days, differences, orders, refunds
        self._ledger, self._resolving, self._till = ledger, resolving, till
        self._clock, self._rules = clock, rules
        self._planned: date | None = None

    async def do_wake(self) -> int:
        """The worker's round: plans yesterday, runs the days whose bill is due, asks about new differences."""
        if not self._till.is_open:
            return 0
        await self._plan()
        now = self._clock.now()
        days, differences = await self._days.due(now, BATCH), await self._differences.due(now, BATCH)
        for day in days:
            if await self._days.lease(day, now + self._rules.lease):
                try:
                    await self.do_run(date.fromisoformat(day.id))
                except BanshiError as error:
                    log.info("a day is not reconciled yet", extra={"day": day.id, "error": str(error)})
        for difference in differences:
            await self._resolving.do_wake(difference)
        return len(days) + len(differences)

    async def do_run(self, day: date, by: str = "", actor: Actor = Actor.SYSTEM) -> Day:
        """Fetches the bill of a day and compares. Again: the same, unless the bill or our books have changed.

        Raises InvalidInput for a day that is not over or too long ago; BillNotReady, BillCorrupt and what else the
        gateway raises: kept with the day, and tried again by the worker.
        """
        if not local_day(self._clock.now()) - timedelta(days=KEPT_DAYS) <= day < local_day(self._clock.now()):
            raise InvalidInput(field="day", reason=f"one of the last {KEPT_DAYS} days")
        record = await self._recorded(day, by, actor)
        try:
            bill = await self._till.bill(day)
        except BillCorrupt as corrupt:
            await self._refused(record, corrupt, by, actor)
            raise
        except BanshiError as error:
            await self._days.postpone(record, self._again_at(record, error), str(error))
            raise
        comparison = await self._compared(day, bill)
        await self._refunds.mark_billed(comparison.billed, day.isoformat())
        await self._resolving.do_file(day.isoformat(), comparison.differences, comparison.billed, by, actor)
        await self._post_fees(day, comparison.totals.fees_fen)
        return await self._concluded(record, Run(
            at=self._clock.now(), by=by, sha1=bill.sha1, totals=comparison.totals
        ), by, actor)  # fmt: skip

    # -- inside ------------------------------------------------------------------------------------------------

    async def _plan(self) -> None:
        """Yesterday has a record, and every day since the first that has one: also those between a day that somebody
        has run by hand and the last that was planned. Asked of the database once a day."""
        yesterday = local_day(self._clock.now()) - ONE_DAY
        if self._planned == yesterday:
            return
        begun = yesterday - timedelta(days=KEPT_DAYS - 2)
        recorded = await self._days.recorded()
        day = max(begun, date.fromisoformat(recorded[0])) if recorded else yesterday
        while day <= yesterday:
            if day.isoformat() not in recorded:
                await self._recorded(day, "", Actor.SYSTEM)
            day += ONE_DAY
        self._planned = yesterday

    async def _recorded(self, day: date, by: str, actor: Actor) -> Day:
        found = await self._days.get(day.isoformat())
        if found is not None:
            return found
        now, ready = self._clock.now(), local_instant(day + ONE_DAY, self._rules.ready_at)
        record = Day(id=day.isoformat(), state="", created_at=now, updated_at=now, wake_at=ready)
        try:
            return await self._days.create(record, Step(PLAN, actor, by, data={"day": record.id}))
        except Duplicate:
            return await self._get(record.id)

    async def _compared(self, day: date, bill: Bill) -> Comparison:
        begin, end = local_instant(day, time(0)), local_instant(day + ONE_DAY, time(0))
        paid = {one.id: one for one in await self._orders.paid_between(begin, end)}
        expected = frozenset(paid)
        named = {row.out_trade_no for row in bill.rows}
        paid |= {one.id: one for one in await self._orders.money_of(sorted(named - expected))}
        payments = [
            OurPayment(one.id, one.state, one.captured_fen, one.transaction_id, one.id in expected)
            for one in paid.values()
        ]
        refunds = await self._our_refunds(day, begin, end, bill)
        points = self._rules.fee_basis_points
        # A city's day has several 100,000 rows: the event loop has no time for them.
        return await asyncio.to_thread(compare, bill.rows, payments, refunds, points)

    async def _our_refunds(self, day: date, begin: datetime, end: datetime, bill: Bill) -> list[OurRefund]:
        """Refunds that this bill should have: we learned on this day that WeChat Pay has them, and no other day's bill
        has had them; or this day's bill had them before. And all that a row names."""
        name = day.isoformat()
        found = {one.id: one for one in await self._refunds.accepted(begin, end) if one.billed_on in (None, name)}
        found |= {one.id: one for one in await self._refunds.billed(name)}
        expected = frozenset(found)
        named = {row.out_refund_no for row in bill.rows if row.out_refund_no is not None}
        found |= {one.id: one for one in await self._refunds.of_ids(sorted(named - expected))}
        return [OurRefund(r.id, r.order, r.state, r.amount_fen, r.id in expected) for r in found.values()]

    async def _post_fees(self, day: date, fees_fen: int) -> None:
        """Books what is missing to the bill's sum of fees: all of it the first time, nothing the second."""
        cause = f"fees:{day.isoformat()}"
        posted = await self._ledger.of_order(cause)
        missing = fees_fen - sum(one.amount_fen if one.debit == FEES else -one.amount_fen for one in posted)
        if missing == 0:
            return
        debit, credit = (FEES, CLEARING) if missing > 0 else (CLEARING, FEES)
        entry = Entry(
            id=f"{cause}:{len(posted) + 1}", kind=Movement.FEE, at=self._clock.now(), book_day=day.isoformat(), bill="",
            order=cause, debit=debit, credit=credit, amount_fen=abs(missing),
        )  # fmt: skip

        async def write(session: Transaction) -> None:
            await self._ledger.post(entry, session)

        try:
            await self._ledger.in_transaction(write)
        except Duplicate:
            return  # another process has posted it at this moment

    async def _refused(self, record: Day, corrupt: BillCorrupt, by: str, actor: Actor) -> None:
        log.error("a bill of WeChat Pay was refused", extra={"day": record.id, "reason": corrupt.reason})
        run = Run(at=self._clock.now(), by=by, fault=corrupt.reason)
        changes = {"wake_at": self._again_at(record, corrupt), "last_error": str(corrupt)}
        await self._write(record, "refuse_bill", run, changes | {"attempts": record.attempts + 1}, by, actor)

    async def _concluded(self, record: Day, run: Run, by: str, actor: Actor) -> Day:
        totals = run.totals
        if totals is not None and totals.unexplained_fen:
            log.error("a reconciliation does not add up", extra={"day": record.id, "fen": totals.unexplained_fen})
        changes: dict[str, Any] = {"wake_at": None, "last_error": "", "attempts": 0, "totals": totals}
        return await self._write(record, "compare", run, changes, by, actor)

    async def _write(self, record: Day, action: str, run: Run, changes: dict[str, Any], by: str, actor: Actor) -> Day:
        data = {"day": record.id, "differences": run.totals.differences if run.totals else None}
        for _ in range(ATTEMPTS):
            record = await self._get(record.id)
            edge = DAY.step(record.state, action, actor)
            set_ = _stored(changes | {"runs": [*record.runs, run][-KEPT_RUNS:]})
            written = await self._days.step(record, Step(edge, actor, by, run.fault, set_, data))
            if written is not None:
                return written
        raise Conflict

    def _again_at(self, record: Day, error: BanshiError) -> datetime:
        pause = self._rules.retry_after * BACK_OFF[min(record.attempts, len(BACK_OFF) - 1)]
        if isinstance(error, BillNotReady):
            pause = max(pause, timedelta(seconds=error.retry_after))
        return self._clock.now() + pause

    async def _get(self, day: str) -> Day:
        record = await self._days.get(day)
        if record is None:
            raise Conflict
        return record


def _stored(changes: dict[str, Any]) -> dict[str, Any]:
    """Records among the changes as MongoDB takes them."""
    return dict(msgspec.to_builtins(changes, builtin_types=(datetime, bytes)))
