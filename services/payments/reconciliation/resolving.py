"""Differences: found, asked about, resolved by what WeChat Pay says or by an officer."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from gateways.wechat_pay import NoSuchOrder
from kernel.clock import Clock
from kernel.errors import ActionNotAllowed, BanshiError, Code, Conflict, InvalidInput, NotFound
from kernel.ids import Ids, Kind
from kernel.machine import Actor
from services.payments.ledger import CLEARING, WRITTEN_OFF, Entry, Movement
from services.payments.model import OrderState, RefundState
from services.payments.orders import BACK_OFF, Orders
from services.payments.reconciliation.compare import Found, causes
from services.payments.reconciliation.machine import DIFFERENCE, FIND
from services.payments.reconciliation.model import CHOICES, Difference, DifferenceKind, ReconciliationRules, Resolution
from services.payments.reconciliation.store import DifferenceStore
from services.payments.refunds import Refunds
from services.payments.store import LedgerStore
from services.payments.till import Till
from services.store import Duplicate, Step, Transaction

ATTEMPTS = 4
MAX_NOTE = 200
# So often WeChat Pay is asked about a difference when it does not answer; then it is somebody's work.
MAX_ASKS = 6
# What WeChat Pay can be asked about: an order that we have, or a refund.
_ASKED = frozenset(
    {
        DifferenceKind.MISSING_WITH_US,
        DifferenceKind.MISSING_AT_WECHAT,
        DifferenceKind.REFUND_MISSING_WITH_US,
        DifferenceKind.STATE_DIFFERS,
    }
)
_OF_REFUNDS = frozenset({DifferenceKind.REFUND_MISSING_WITH_US, DifferenceKind.STATE_DIFFERS})
# One in the bill of one day is missing in that of another.
_PAIRS = {
    DifferenceKind.DAY_DIFFERS: DifferenceKind.MISSING_AT_WECHAT,
    DifferenceKind.MISSING_AT_WECHAT: DifferenceKind.DAY_DIFFERS,
}


class Resolving:
    """All changes of differences."""

    def __init__(
        self,
        differences: DifferenceStore,
        ledger: LedgerStore,
        cashier: Orders,
        refunding: Refunds,
        till: Till,
        clock: Clock,
        ids: Ids,
        rules: ReconciliationRules,
    ) -> None:
        self._differences, self._ledger = differences, ledger
        self._cashier, self._refunding, self._till = cashier, refunding, till
        self._clock, self._ids, self._rules = clock, ids, rules

    async def do_file(self, day: str, found: list[Found], billed: list[str], by: str, actor: Actor) -> None:
        """Brings the stored differences of a day in line with what was found; again, nothing changes.

        New ones are opened, those found no more are settled, those found again are opened again. What another day's
        bill explains is settled on both days.
        """
        stored = {one.cause: one for one in await self._differences.of_day(day)}
        named = causes(day, found)
        for cause, one in named.items():
            known = stored.get(cause)
            if known is None:
                await self._open(day, cause, one, by, actor)
            elif known.resolution is Resolution.VANISHED:
                await self._step(known, "reopen", Actor.SYSTEM, by, "", _opened(known.number, self._clock.now()))
        for cause, known in stored.items():
            if cause not in named and known.state == "open":
                await self._settle(known, Resolution.VANISHED, "再次对账时不再出现", by)
        await self._pair(day, billed)

    async def do_resolve(self, officer: str, difference_id: str, resolution: Resolution, note: str) -> Difference:
        """An officer says what became of it. ``adopted`` asks WeChat Pay and holds only if the two agree then;
        ``written_off`` posts the gap to the ledger in the same transaction.

        Raises NotFound DIFFERENCE_NOT_FOUND, ActionNotAllowed, InvalidInput, Conflict DIFFERENCE_REMAINS, and what the
        gateway raises.
        """
        if resolution not in CHOICES:
            raise InvalidInput(field="$.resolution", reason="only found by comparing again")
        if not 1 <= len(note) <= MAX_NOTE:
            raise InvalidInput(field="$.note", reason=f"1 to {MAX_NOTE} characters")
        for _ in range(ATTEMPTS):
            difference = await self._get(difference_id)
            DIFFERENCE.step(difference.state, "resolve", Actor.STAFF)
            if resolution is Resolution.ADOPTED:
                agreed, said = await self._asked(difference)
                if not agreed:
                    await self._differences.rest(difference, said)
                    raise Conflict(Code.DIFFERENCE_REMAINS, checked=said)
            changes = self._resolved(resolution, officer, note)
            resolved = await self._step(
                difference, "resolve", Actor.STAFF, officer, note, changes, self._write_off(difference, resolution)
            )
            if resolved is not None:
                return resolved
        raise Conflict

    async def do_wake(self, difference: Difference) -> None:
        """A new difference: ask WeChat Pay what is true. What agrees then is settled, all else waits for people."""
        until = self._clock.now() + self._rules.lease
        if not await self._differences.lease(difference, until) or difference.state != "open":
            return
        try:
            agreed, said = await self._asked(difference)
        except ActionNotAllowed as error:
            await self._differences.rest(difference, str(error))
        except BanshiError as error:
            if difference.attempts + 1 >= MAX_ASKS:
                await self._differences.rest(difference, str(error))
                return
            pause = self._rules.retry_after * BACK_OFF[min(difference.attempts, len(BACK_OFF) - 1)]
            await self._differences.postpone(difference, self._clock.now() + pause, str(error))
        else:
            if agreed:
                await self._settle(difference, Resolution.ADOPTED, said)
            else:
                await self._differences.rest(difference, said)

    # -- inside ------------------------------------------------------------------------------------------------

    async def _open(self, day: str, cause: str, one: Found, by: str, actor: Actor) -> None:
        now = self._clock.now()
        asks = one.kind in _ASKED and one.order is not None
        difference = Difference(
            id=self._ids.new(Kind.DIFFERENCE), state="", created_at=now, updated_at=now, cause=cause, day=day,
            kind=one.kind, number=one.number, order=one.order, transaction_id=one.transaction_id,
            ours_fen=one.ours_fen, theirs_fen=one.theirs_fen, gap_fen=one.gap_fen, detail=one.detail,
            open_number=one.number, wake_at=now if asks else None,
        )  # fmt: skip
        try:
            await self._differences.create(difference, Step(FIND, actor, by, data=_told(difference)))
        except Duplicate:
            return  # another process compares the same day at this moment

    async def _pair(self, day: str, billed: list[str]) -> None:
        mine = [one for one in await self._differences.of_day(day) if one.state == "open" and one.kind in _PAIRS]
        others = await self._differences.open_of([*billed, *(one.number for one in mine)])
        by_number = {one.number: one for one in mine}
        for other in others:
            if other.day == day:
                continue
            partner = by_number.get(other.number)
            if partner is not None and _PAIRS[partner.kind] is other.kind and partner.gap_fen == -other.gap_fen:
                await self._settle(partner, Resolution.TIMING, f"见 {other.day} 账单")
                await self._settle(other, Resolution.TIMING, f"见 {day} 账单")
            elif other.kind is DifferenceKind.REFUND_MISSING_AT_WECHAT and other.number in billed:
                await self._settle(other, Resolution.TIMING, f"见 {day} 账单")

    async def _asked(self, difference: Difference) -> tuple[bool, str]:
        """Whether WeChat Pay and we agree now, and what it says. Raises what the gateway raises."""
        if difference.kind not in _ASKED or difference.order is None:
            return False, "无法通过查询核实"
        if difference.kind in _OF_REFUNDS:
            refund = await self._refunding.do_check(difference.number)
            agreed = (refund.state == RefundState.SUCCEEDED) and refund.amount_fen == difference.theirs_fen
            return agreed, f"查询后退款状态为 {refund.state}"
        if difference.kind is DifferenceKind.MISSING_AT_WECHAT:
            try:
                seen = await self._till.query(difference.order)
            except NoSuchOrder:
                return False, "微信支付没有这个订单"
            return False, f"微信支付查询结果：{seen.state.value} {seen.total}"
        try:
            order = await self._cashier.do_ask(difference.order)
        except NoSuchOrder:
            return False, "微信支付没有这个订单"
        agreed = order.state == OrderState.PAID and order.captured_fen == difference.theirs_fen
        return agreed, f"查询后订单状态为 {order.state}，入账 {order.captured_fen} 分"

    async def _settle(self, one: Difference, resolution: Resolution, note: str, by: str = "") -> None:
        await self._step(one, "settle", Actor.SYSTEM, by, note, self._resolved(resolution, by, note))

    def _resolved(self, resolution: Resolution, by: str, note: str) -> dict[str, Any]:
        return {
            "resolution": resolution.value, "resolved_by": by or None, "resolved_at": self._clock.now(), "note": note,
            "open_number": None, "wake_at": None,
        }  # fmt: skip

    def _write_off(self, one: Difference, resolution: Resolution) -> Entry | None:
        if resolution is not Resolution.WRITTEN_OFF or not one.gap_fen:
            return None
        debit, credit = (CLEARING, WRITTEN_OFF) if one.gap_fen > 0 else (WRITTEN_OFF, CLEARING)
        return Entry(
            id=one.id, kind=Movement.WRITE_OFF, at=self._clock.now(), book_day=one.day, bill="", order=one.number,
            debit=debit, credit=credit, amount_fen=abs(one.gap_fen), by_hand=True,
        )  # fmt: skip

    async def _step(
        self, one: Difference, action: str, actor: Actor, by: str, note: str, changes: dict[str, Any],
        entry: Entry | None = None,
    ) -> Difference | None:  # fmt: skip
        step = Step(DIFFERENCE.step(one.state, action, actor), actor, by, note, changes, _told(one))
        if entry is None:
            return await self._differences.step(one, step)
        written: list[Difference | None] = []

        async def write(session: Transaction) -> None:
            resolved = await self._differences.step(one, step, session)
            written.append(resolved)
            if resolved is not None:
                await self._ledger.post(entry, session)

        await self._differences.in_transaction(write)
        return written[-1]

    async def _get(self, difference_id: str) -> Difference:
        difference = await self._differences.get(difference_id)
        if difference is None:
            raise NotFound(Code.DIFFERENCE_NOT_FOUND, difference=difference_id)
        return difference


def _opened(number: str, now: datetime) -> dict[str, Any]:
    return {
        "resolution": None, "resolved_by": None, "resolved_at": None, "note": "", "open_number": number, "wake_at": now,
    }  # fmt: skip


def _told(one: Difference) -> dict[str, Any]:
    return {"day": one.day, "kind": one.kind.value, "number": one.number, "gap_fen": one.gap_fen}
