"""Giving money back: reserved in the order's own write, asked for with one number for ever, booked when it is sure.

    requested   reserved here; the worker asks WeChat Pay, again with the SAME out_refund_no after every doubt
    processing  WeChat Pay has it: its notification or our query tells how it ends
    abnormal    the payer's account refuses the money: staff handle it and say so

WeChat Pay wants a minute between two refunds of an order: later ones wait their turn (``Order.refunds_from``).
"""

from __future__ import annotations

import logging
from datetime import datetime, timedelta
from typing import Any

from gateways.wechat_pay import NoSuchRefund, RefundFate
from gateways.wechat_pay import Refund as SeenRefund
from gateways.wechat_pay import RefundState as Seen
from kernel.clock import Clock
from kernel.errors import BanshiError, Code, Conflict, InvalidInput, NotFound
from kernel.ids import Ids, Kind
from kernel.machine import Actor, Edge
from services.payments.actions import told
from services.payments.ledger import CLEARING, Entry, Movement, collected
from services.payments.machine import BILL, ORDER, REFUND, REQUEST
from services.payments.model import Anomaly, Bill, Order, PayRules, Refund, RefundState
from services.payments.orders import BACK_OFF, Overtaken, PaymentMismatch, new_refund, told_order, told_refund
from services.payments.store import KEPT_ANOMALIES, ONE_REFUND_REQUEST, BillStore, LedgerStore, OrderStore, RefundStore
from services.payments.till import Till
from services.store import Duplicate, Step, Transaction, to_document

log = logging.getLogger("banshi.payments")

# All refunds of an order write to it: of twenty at once the last has lost nineteen races.
ATTEMPTS = 40
# WeChat Pay refunds within a year. Source: 申请退款.
REFUND_WITHIN = timedelta(days=365)
MAX_REASON = 80
# Looks at an accepted refund, times ``PayRules.refund_query_after``: 1, 5, 15, 30 minutes, 1, 3, 6 hours …
LOOKS = (1, 5, 15, 30, 60, 180, 360)
FINAL = frozenset({RefundState.SUCCEEDED, RefundState.CLOSED, RefundState.FAILED})


class Refunds:
    """All changes of refunds, and of orders and bills by them."""

    def __init__(
        self,
        orders: OrderStore,
        bills: BillStore,
        refunds: RefundStore,
        ledger: LedgerStore,
        till: Till,
        clock: Clock,
        ids: Ids,
        rules: PayRules,
    ) -> None:
        self._orders, self._bills, self._refunds, self._ledger = orders, bills, refunds, ledger
        self._till, self._clock, self._ids, self._rules = till, clock, ids, rules

    # -- staff -------------------------------------------------------------------------------------------------

    async def do_refund(
        self, officer: str, bill_id: str, amount_fen: int | None, reason: str, request_key: str | None = None
    ) -> Refund:
        """Reserves ``amount_fen`` (None: all that is left) of a paid bill; the worker then asks WeChat Pay.

        Raises NotFound BILL_NOT_FOUND, ActionNotAllowed (not paid, or all refunded), InvalidInput, Conflict
        REFUND_OVER_REST with ``rest_fen``, REFUND_NOT_POSSIBLE (50 refunds, or a year, are over).
        """
        _check_reason(reason)
        for _ in range(ATTEMPTS):
            made = await self._refunds.of_request(request_key) if request_key else None
            if made is not None:
                return made
            bill = await self._bill(bill_id)
            BILL.step(bill.state, "refund_part", Actor.SYSTEM)
            order = await self._order(bill.paid_by or "")
            amount = self._checked(order, amount_fen)
            try:
                return await self._begun(officer, order, amount, reason, request_key)
            except Overtaken:
                continue
            except Duplicate as duplicate:
                if duplicate.index != ONE_REFUND_REQUEST:
                    raise
        raise Conflict

    async def do_return(self, officer: str, order_id: str, reason: str, request_key: str | None = None) -> Refund:
        """Sends back all that an order holds beyond its bill, when WeChat Pay has refused or closed the refund that was
        begun by itself: staff have looked into it. What settled a bill is refunded by ``do_refund``.

        Raises NotFound ORDER_NOT_FOUND, InvalidInput, Conflict REFUND_OVER_REST where it holds nothing (any more),
        REFUND_NOT_POSSIBLE.
        """
        _check_reason(reason)
        for _ in range(ATTEMPTS):
            made = await self._refunds.of_request(request_key) if request_key else None
            if made is not None:
                return made
            order = await self._order(order_id)
            if order.held_fen < 1:
                raise Conflict(Code.REFUND_OVER_REST, rest_fen=0)
            try:
                return await self._begun(officer, order, self._checked(order, None), reason, request_key)
            except Overtaken:
                continue
            except Duplicate as duplicate:
                if duplicate.index != ONE_REFUND_REQUEST:
                    raise
        raise Conflict

    async def do_settle_by_hand(self, officer: str, refund_id: str, note: str) -> Refund:
        """Staff have sent back by another way the money of a refund that is abnormal, or came to nothing.

        Raises NotFound, ActionNotAllowed, Conflict REFUND_OVER_REST where another refund has given it back by now.
        """
        for _ in range(ATTEMPTS):
            refund = await self._refund(refund_id)
            edge = REFUND.step(refund.state, "settle_by_hand", Actor.STAFF)
            try:
                return await self._settle(refund, edge, Actor.STAFF, officer, note)
            except Overtaken:
                continue
        raise Conflict

    async def do_check(self, refund_id: str) -> Refund:
        """Asks WeChat Pay now. Raises NotFound, and what the gateway raises."""
        refund = await self._refund(refund_id)
        if refund.state in FINAL or (refund.state == RefundState.REQUESTED and not refund.asked):
            return refund
        try:
            return await self._apply(refund, await self._till.query_refund(refund.id))
        except NoSuchRefund:
            return refund

    # -- WeChat Pay --------------------------------------------------------------------------------------------

    async def do_told(self, seen: SeenRefund) -> Refund:
        """A verified notification about a refund. A repetition finds it done.

        Raises NotFound for a refund that is not ours, PaymentMismatch for another amount or order.
        """
        return await self._apply(await self._refund(seen.out_refund_no), seen)

    # -- the worker --------------------------------------------------------------------------------------------

    async def do_wake(self, refund: Refund) -> None:
        """A refund's timer has come: ask for it, or how it is. Several workers may come at once; one gets the lease."""
        asking = refund.state == RefundState.REQUESTED
        until = self._clock.now() + self._rules.lease
        # Kept before the request leaves: whoever dies now has perhaps been heard.
        changes: dict[str, Any] = {"asked": True} if asking and self._till.is_open else {}
        if not await self._refunds.lease(refund, until, changes):
            return
        try:
            if asking:
                await self._ask(refund)
            else:
                looked = await self._apply(refund, await self._till.query_refund(refund.id))
                if looked.state == refund.state:
                    await self._refunds.postpone(refund, self._next_look(refund))
        except Overtaken:
            # Somebody has written to its order at the same moment; the lease brings it here again.
            return
        except PaymentMismatch as error:
            await self._refunds.postpone(refund, self._next_look(refund), str(error))
        except BanshiError as error:
            await self._refunds.postpone(refund, self._back_off(refund), str(error))

    # -- inside ------------------------------------------------------------------------------------------------

    async def _ask(self, refund: Refund) -> None:
        """One request. Only a refusal that no earlier request can contradict ends the refund."""
        outcome = await self._till.refund(refund.order, refund.id, refund.amount_fen, refund.total_fen, refund.reason)
        if outcome.refund is not None:
            await self._apply(refund, outcome.refund)
        elif outcome.fate is RefundFate.FINAL:
            await self._refused(refund, outcome.reason or "")
        else:
            pause = timedelta(seconds=outcome.retry_after or 0)
            await self._refunds.postpone(
                refund, max(self._back_off(refund), self._clock.now() + pause), outcome.reason or ""
            )

    async def _refused(self, refund: Refund, reason: str) -> None:
        if refund.asked:
            try:
                await self._apply(refund, await self._till.query_refund(refund.id))
                return
            except NoSuchRefund:
                pass
        await self._give_up(refund, "fail", reason)

    async def _apply(self, refund: Refund, seen: SeenRefund) -> Refund:
        """What WeChat Pay says of a refund, whoever brings it."""
        if (seen.amount, seen.out_trade_no) != (refund.amount_fen, refund.order):
            order = await self._order(refund.order)
            what = f"refund {refund.id}: {seen.amount} fen of {seen.out_trade_no} instead of {refund.amount_fen}"
            log.error("a refund does not agree with WeChat Pay", extra={"refund": refund.id, "what": what})
            await self._orders.flag(order, what, self._clock.now())
            raise PaymentMismatch(refund=refund.id)
        for _ in range(ATTEMPTS):
            if refund.state in FINAL:
                return refund
            try:
                return await self._follow(refund, seen)
            except Overtaken:
                refund = await self._refund(refund.id)
        raise Conflict

    async def _follow(self, refund: Refund, seen: SeenRefund) -> Refund:
        if seen.state is Seen.SUCCESS:
            return await self._settle(refund, REFUND.step(refund.state, "succeed", Actor.SYSTEM), Actor.SYSTEM)
        if seen.state is Seen.CLOSED:
            return await self._give_up(refund, "close", "closed by WeChat Pay")
        action = "find_abnormal" if seen.state is Seen.ABNORMAL else "accept"
        if action not in REFUND.allowed(refund.state, Actor.SYSTEM):
            return refund
        wake_at = self._clock.now() + self._rules.refund_query_after
        changes: dict[str, Any] = {"wake_at": wake_at, "refund_id": seen.refund_id, "attempts": 0, "last_error": ""}
        changes["accepted_at"] = refund.accepted_at or self._clock.now()
        edge = REFUND.step(refund.state, action, Actor.SYSTEM)
        written = await self._refunds.step(refund, Step(edge, Actor.SYSTEM, changes=changes, data=told_refund(refund)))
        if written is None:
            raise Overtaken
        return written

    def _checked(self, order: Order, amount_fen: int | None) -> int:
        rest = order.captured_fen - order.refunded_fen - order.reserved_fen
        amount = rest if amount_fen is None else amount_fen
        if amount < 1 and amount_fen is not None:
            raise InvalidInput(field="$.amount_fen", reason="at least 1 fen")
        if amount > rest or rest < 1:
            raise Conflict(Code.REFUND_OVER_REST, rest_fen=rest)
        if not can_be_refunded(order, self._clock.now(), self._rules):
            raise Conflict(Code.REFUND_NOT_POSSIBLE, refunds=order.refunds, paid_at=order.paid_at)
        return amount

    async def _begun(self, officer: str, order: Order, amount_fen: int, reason: str, request_key: str | None) -> Refund:
        """A refund of what the order has, to be asked for in its turn. Raises Overtaken, Duplicate."""
        now = self._clock.now()
        at = max(now, order.refunds_from or now)
        refund = new_refund(self._ids.new(Kind.REFUND), order, amount_fen, reason, now, surplus=order.surplus)
        refund.wake_at, refund.request_key = at, request_key
        return await self._reserve(officer, order, refund, at)

    async def _reserve(self, officer: str, order: Order, refund: Refund, at: datetime) -> Refund:
        changes: dict[str, Any] = {
            "reserved_fen": order.reserved_fen + refund.amount_fen, "refunds": order.refunds + 1,
            "refunds_from": at + self._rules.refunds_apart,
        }  # fmt: skip
        if refund.surplus and not order.anomalies:
            # It was flagged for this money alone; should the refund come to nothing again, it is flagged again.
            changes["flagged_at"] = None
        edge = ORDER.step(order.state, "reserve", Actor.STAFF)
        reserve = Step(edge, Actor.STAFF, officer, refund.reason, changes, told_order(order) | {"refund": refund.id})
        request = Step(REQUEST, Actor.STAFF, officer, refund.reason, data=told_refund(refund))
        made: list[Refund] = []

        async def write(session: Transaction) -> None:
            if await self._orders.step(order, reserve, session) is None:
                raise Overtaken
            made.append(await self._refunds.create(refund, request, session))

        await self._orders.in_transaction(write)
        return made[-1]

    async def _settle(self, refund: Refund, edge: Edge, actor: Actor, by: str = "", note: str = "") -> Refund:
        """The money is back: refund, order, bill and ledger in one transaction. Raises Overtaken."""
        now, order = self._clock.now(), await self._order(refund.order)
        # One that came to nothing reserves nothing any more.
        reserved = 0 if refund.state in FINAL else refund.amount_fen
        rest = order.captured_fen - order.refunded_fen - order.reserved_fen + reserved
        if refund.amount_fen > rest:
            raise Conflict(Code.REFUND_OVER_REST, rest_fen=rest)
        bill = None if refund.surplus else await self._bill(refund.bill)
        refunded = order.refunded_fen + refund.amount_fen
        entry = Entry(
            id=refund.id, kind=Movement.REFUND, at=now, book_day=order.book_day or "", bill=refund.bill,
            order=order.id, debit=collected(refund.payee, surplus=refund.surplus), credit=CLEARING,
            amount_fen=refund.amount_fen, by_hand=actor is Actor.STAFF,
        )  # fmt: skip
        given = {"refunded_fen": refunded, "reserved_fen": order.reserved_fen - reserved}
        ended: dict[str, Any] = {"wake_at": None, "pending": None, "last_error": ""}
        ended["accepted_at"] = refund.accepted_at or now
        done = Step(edge, actor, by, note, ended, told_refund(refund))
        back = Step(ORDER.step(order.state, "give_back", actor), actor, by, "", given, told_order(order))
        written: list[Refund] = []

        async def write(session: Transaction) -> None:
            one = await self._refunds.step(refund, done, session)
            if one is None or await self._orders.step(order, back, session) is None:
                raise Overtaken
            if bill is not None and await self._bills.step(bill, _refunded(bill, refund), session) is None:
                raise Overtaken
            await self._ledger.post(entry, session)
            written.append(one)

        await self._orders.in_transaction(write)
        return written[-1]

    async def _give_up(self, refund: Refund, action: str, reason: str) -> Refund:
        """Nothing goes back: what was reserved is free again, in the same transaction. Raises Overtaken."""
        order = await self._order(refund.order)
        edge = REFUND.step(refund.state, action, Actor.SYSTEM)
        changes = {"wake_at": None, "pending": None, "last_error": reason[:500]}
        ended = Step(edge, Actor.SYSTEM, "", reason[:200], changes, told_refund(refund))
        # Money that was to go back and does not is somebody's work: what an order holds beside its bill is on the list
        # until it is gone, a refund of a bill until somebody has looked.
        freed: dict[str, Any] = {
            "reserved_fen": order.reserved_fen - refund.amount_fen, "flagged_at": self._clock.now(),
        }  # fmt: skip
        if not refund.surplus:
            what = f"refund {refund.id} of {refund.amount_fen} fen came to nothing: {reason}"
            kept = [*order.anomalies, Anomaly(at=self._clock.now(), what=what[:300])][-KEPT_ANOMALIES:]
            freed["anomalies"] = [to_document(anomaly) for anomaly in kept]
        release = Step(
            ORDER.step(order.state, "release", Actor.SYSTEM), Actor.SYSTEM, "", reason[:200], freed, told_order(order)
        )
        written: list[Refund] = []

        async def write(session: Transaction) -> None:
            one = await self._refunds.step(refund, ended, session)
            if one is None or await self._orders.step(order, release, session) is None:
                raise Overtaken
            written.append(one)

        await self._orders.in_transaction(write)
        return written[-1]

    def _next_look(self, refund: Refund) -> datetime:
        return self._clock.now() + self._rules.refund_query_after * LOOKS[min(refund.attempts + 1, len(LOOKS) - 1)]

    def _back_off(self, refund: Refund) -> datetime:
        return self._clock.now() + self._rules.retry_after * BACK_OFF[min(refund.attempts, len(BACK_OFF) - 1)]

    async def _refund(self, refund_id: str) -> Refund:
        refund = await self._refunds.get(refund_id)
        if refund is None:
            raise NotFound(Code.REFUND_NOT_FOUND, refund=refund_id)
        return refund

    async def _order(self, order_id: str) -> Order:
        order = await self._orders.get(order_id)
        if order is None:
            raise NotFound(Code.ORDER_NOT_FOUND, order=order_id)
        return order

    async def _bill(self, bill_id: str) -> Bill:
        bill = await self._bills.get(bill_id)
        if bill is None:
            raise NotFound(Code.BILL_NOT_FOUND, bill=bill_id)
        return bill


def _check_reason(reason: str) -> None:
    if not 1 <= len(reason) <= MAX_REASON:
        raise InvalidInput(field="$.reason", reason=f"1 to {MAX_REASON} characters")


def can_be_refunded(order: Order, now: datetime, rules: PayRules) -> bool:
    """Whether WeChat Pay still takes a refund of an order: within a year, and not too many of them."""
    late = order.paid_at is not None and now > order.paid_at + REFUND_WITHIN
    return not late and order.refunds < rules.refunds_per_order


def _refunded(bill: Bill, refund: Refund) -> Step:
    refunded = bill.refunded_fen + refund.amount_fen
    edge = BILL.step(bill.state, "refund_all" if refunded >= bill.paid_fen else "refund_part", Actor.SYSTEM)
    data = told(bill) | {"refund": refund.id, "refund_fen": refund.amount_fen, "reason": refund.reason}
    return Step(edge, Actor.SYSTEM, changes={"refunded_fen": refunded}, data=data)
