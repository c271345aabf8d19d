"""Paying a bill: the order's life from the first tap to its end, whether or not WeChat Pay ever calls back.

Nothing is asked of WeChat Pay inside a database write. The order is written first, then placed; whatever happens
between, its timer (``wake_at``) asks WeChat Pay later what has become of it. What WeChat Pay says is applied by
``_capture`` alone, whoever brings it: a notification, a query, a refused close.
"""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import Any

from gateways.wechat_pay import NoSuchOrder, OrderClosed, OrderPaid, PayFields, TradeState
from gateways.wechat_pay import Order as SeenOrder
from kernel.clock import Clock, local_day
from kernel.errors import BanshiError, Code, Conflict, NotFound
from kernel.ids import Ids, Kind
from kernel.machine import Actor
from services.identity.queries import IdentityQueries
from services.payments.actions import told
from services.payments.ledger import CLEARING, Entry, Movement, collected
from services.payments.machine import BILL, ORDER, REQUEST, START
from services.payments.model import LIVE, Bill, BillState, Order, OrderState, PayRules, Refund
from services.payments.store import ONE_LIVE, ONE_TRANSACTION, BillStore, LedgerStore, OrderStore, RefundStore
from services.payments.till import Till
from services.store import Duplicate, Step, Transaction

log = logging.getLogger("banshi.payments")

# How often a step that lost a race decides again on the newer order or bill.
ATTEMPTS = 8
# An order that ends so soon is not handed out any more: nobody types a password in a minute.
TOO_LATE = timedelta(minutes=1)
# Pauses after failed calls, times ``PayRules.retry_after``: 30 s, 1, 2, 5, 10 minutes …
BACK_OFF = (1, 2, 4, 10, 20, 60)


class Overtaken(Exception):
    """Somebody else has changed the order or the bill: read again, decide again."""


class PaymentMismatch(Conflict):
    """WeChat Pay tells of another amount or another transaction than ours; kept with the order for people."""


class Orders:
    """All changes of orders but their refunds."""

    def __init__(
        self,
        orders: OrderStore,
        bills: BillStore,
        refunds: RefundStore,
        ledger: LedgerStore,
        identity: IdentityQueries,
        till: Till,
        clock: Clock,
        ids: Ids,
        rules: PayRules,
    ) -> None:
        self._orders, self._bills, self._refunds, self._ledger = orders, bills, refunds, ledger
        self._identity, self._till, self._clock, self._ids, self._rules = identity, till, clock, ids, rules

    # -- residents ---------------------------------------------------------------------------------------------

    async def do_pay(self, person: str, bill_id: str) -> tuple[Order, PayFields]:
        """An order that can be paid now and what ``wx.requestPayment`` takes. From a second phone of the same person:
        the same order. Not from another person while it is live.

        Raises NotFound BILL_NOT_FOUND, Conflict BILL_NOT_PAYABLE, BILL_BEING_PAID, Unavailable PAY_NOT_OFFERED, and
        what the gateway raises when WeChat Pay does not answer: the order stays, and the next call goes on with it.
        """
        client_is_there = self._till.client
        for _ in range(ATTEMPTS):
            bill = await self._bills.get(bill_id)
            if bill is None or bill.person != person:
                raise NotFound(Code.BILL_NOT_FOUND, bill=bill_id)
            if bill.state != BillState.OPEN:
                raise Conflict(Code.BILL_NOT_PAYABLE, bill=bill_id, state=bill.state)
            order = await self._started(bill, person)
            if order is None:
                continue
            if order.person != person:
                raise Conflict(Code.BILL_BEING_PAID, until=order.expires_at)
            if order.expires_at - self._clock.now() < min(TOO_LATE, self._rules.order_for / 4):
                await self.do_conclude(order)
                continue
            if order.prepay_id is None:
                order = await self._placed(order)
            if order is not None and order.prepay_id is not None and order.state in LIVE:
                return order, client_is_there.pay_sign(order.prepay_id)
        raise Conflict

    async def do_check(self, person: str, order_id: str) -> Order:
        """ "I have paid": asks WeChat Pay now, at most once in some seconds; otherwise tells what is known.

        Raises NotFound ORDER_NOT_FOUND, and what the gateway raises when WeChat Pay does not answer.
        """
        order = await self._orders.get(order_id)
        if order is None or order.person != person:
            raise NotFound(Code.ORDER_NOT_FOUND, order=order_id)
        if order.state not in LIVE or not await self._orders.may_check(
            order, self._clock.now(), self._rules.checks_apart
        ):
            return order
        try:
            return await self._looked(order)
        except NoSuchOrder:
            return order

    # -- WeChat Pay --------------------------------------------------------------------------------------------

    async def do_paid(self, seen: SeenOrder) -> Order:
        """A verified notification: the order is paid. A repetition or a replay finds it done.

        Raises NotFound for an order that is not ours, PaymentMismatch for another amount: it is kept with the order,
        and WeChat Pay is asked what is true.
        """
        order = await self._orders.get(seen.out_trade_no)
        if order is None:
            raise NotFound(Code.ORDER_NOT_FOUND, order=seen.out_trade_no)
        if seen.total != order.amount_fen:
            await self._flag(order, f"notified of {seen.total} fen instead of {order.amount_fen}")
            raise PaymentMismatch(order=order.id)
        return await self._capture(order, seen)

    # -- staff -------------------------------------------------------------------------------------------------

    async def do_reconsider(self, officer: str, order_id: str, reason: str) -> Order:
        """A disputed order has been looked into: WeChat Pay is asked again, and what it says now counts.

        Raises NotFound, ActionNotAllowed.
        """
        for _ in range(ATTEMPTS):
            order = await self._orders.get(order_id)
            if order is None:
                raise NotFound(Code.ORDER_NOT_FOUND, order=order_id)
            edge = ORDER.step(order.state, "reconsider", Actor.STAFF)
            changes = {"wake_at": self._clock.now(), "flagged_at": None, "attempts": 0}
            written = await self._orders.step(
                order, Step(edge, Actor.STAFF, officer, reason, changes, told_order(order))
            )
            if written is not None:
                return written
        raise Conflict

    # -- the worker --------------------------------------------------------------------------------------------

    async def do_wake(self, order: Order) -> None:
        """An order's timer has come: ask WeChat Pay, close it when its time is over, and try again later when that
        fails. Several workers may come at once; one gets the lease."""
        now = self._clock.now()
        if not await self._orders.lease(order, now + self._rules.lease):
            return
        try:
            if order.state not in LIVE:
                await self._last_look(order)
            elif order.expires_at <= now:
                await self.do_conclude(order)
            else:
                await self._routine_look(order)
        except BanshiError as error:
            pause = self._rules.retry_after * BACK_OFF[min(order.attempts, len(BACK_OFF) - 1)]
            await self._orders.postpone(order, self._clock.now() + pause, str(error))

    async def do_conclude(self, order: Order) -> Order:
        """Brings a live order to its end: paid if it is paid, else closed at WeChat Pay and here.

        Raises what the gateway raises when WeChat Pay does not answer.
        """
        known = True
        try:
            order = await self._looked(order)
            if order.state not in LIVE:
                return order
            await self._till.close(order.id)
        except NoSuchOrder:
            known = False
        except OrderPaid:
            # The payment came between the look and the close.
            return await self._looked(order)
        return await self._closed(order, known)

    async def do_abandon(self, bill_id: str) -> None:
        """The bill was cancelled: its live order, if there is one, must not be paid any more."""
        order = await self._orders.live(bill_id)
        if order is not None:
            await self.do_conclude(order)

    async def do_ask(self, order_id: str) -> Order:
        """WeChat Pay's bill tells of a payment that we do not have: ask, and take what it says.

        Raises NotFound, NoSuchOrder, ActionNotAllowed for a disputed order, and what else the gateway raises.
        """
        order = await self._orders.get(order_id)
        if order is None:
            raise NotFound(Code.ORDER_NOT_FOUND, order=order_id)
        return await self._looked(order)

    # -- inside ------------------------------------------------------------------------------------------------

    async def _started(self, bill: Bill, person: str) -> Order | None:
        """A new order, or the one that is live; None when it ended at this moment."""
        now = self._clock.now()
        # WeChat Pay keeps whole seconds: what it is told must be what is stored, or a repeat would be another order.
        expires_at = (now + self._rules.order_for).replace(microsecond=0)
        order = Order(
            id=self._ids.new(Kind.ORDER),
            state="",
            created_at=now,
            updated_at=now,
            bill=bill.id,
            person=person,
            payee=bill.payee,
            title=bill.title,
            amount_fen=bill.amount_fen,
            expires_at=expires_at,
            live_of=bill.id,
            wake_at=min(now + self._rules.query_after, expires_at),
        )
        try:
            return await self._orders.create(order, Step(START, Actor.RESIDENT, person, data=told_order(order)))
        except Duplicate as duplicate:
            if duplicate.index != ONE_LIVE:
                raise
            return await self._orders.live(bill.id)

    async def _placed(self, order: Order) -> Order | None:
        """Places the order at WeChat Pay; None when it turned out to be over."""
        openid = (await self._identity.contact(order.person)).openid
        if openid is None:
            raise NotFound(person=order.person)
        try:
            prepay_id = await self._till.prepay(
                order.id, order.title, order.amount_fen, openid, order.expires_at, order.bill
            )
        except OrderPaid:
            return await self._looked(order)
        except OrderClosed:
            return await self._closed(order, known=True)
        except BanshiError as error:
            await self._orders.note(order, str(error))
            raise
        edge = ORDER.step(order.state, "await", Actor.SYSTEM)
        step = Step(edge, Actor.SYSTEM, changes={"prepay_id": prepay_id, "last_error": ""}, data=told_order(order))
        # None: the notification has overtaken this answer, or another request of the same person has placed it.
        return await self._orders.step(order, step) or await self._orders.get(order.id)

    async def _looked(self, order: Order) -> Order:
        """The order after WeChat Pay was asked. Raises NoSuchOrder and what else the gateway raises."""
        seen = await self._till.query(order.id)
        if seen.is_paid:
            if seen.total != order.amount_fen:
                return await self._dispute(order, f"paid {seen.total} fen instead of {order.amount_fen}")
            return await self._capture(order, seen)
        if seen.state in (TradeState.CLOSED, TradeState.REVOKED) and order.state in LIVE:
            return await self._closed(order, known=True)
        return order

    async def _routine_look(self, order: Order) -> None:
        try:
            looked = await self._looked(order)
        except NoSuchOrder:
            looked = order
        if looked.state in LIVE:
            # After 15, 30, 60 minutes, and at the end: who has not paid by then hardly will.
            later = self._clock.now() + self._rules.query_after * 2 ** min(order.attempts, 8)
            await self._orders.postpone(order, min(later, order.expires_at))

    async def _last_look(self, order: Order) -> None:
        """A closed order that WeChat Pay did not know when it was closed: has it been placed, and paid, since?"""
        try:
            looked = await self._looked(order)
        except NoSuchOrder:
            looked = order
        if looked.state == OrderState.CLOSED:
            await self._orders.rest(order)

    async def _closed(self, order: Order, known: bool) -> Order:
        """Nobody can pay it any more. Not ``known`` to WeChat Pay: our request may still be on its way there, so it is
        looked at once more after its end."""
        again = None if known else max(order.expires_at, self._clock.now()) + self._rules.query_after
        changes = {"live_of": None, "wake_at": again, "last_error": ""}
        for _ in range(ATTEMPTS):
            if order.state not in LIVE:
                return order
            edge = ORDER.step(order.state, "close", Actor.SYSTEM)
            step = Step(edge, Actor.SYSTEM, changes=changes, data=told_order(order))
            written = await self._orders.step(order, step)
            if written is not None:
                return written
            order = await self._again(order)
        raise Conflict

    async def _dispute(self, order: Order, what: str) -> Order:
        await self._flag(order, what)
        for _ in range(ATTEMPTS):
            if order.state in (OrderState.PAID, OrderState.DISPUTED):
                return order
            edge = ORDER.step(order.state, "dispute", Actor.SYSTEM)
            changes = {"live_of": None, "wake_at": None, "last_error": what}
            written = await self._orders.step(order, Step(edge, Actor.SYSTEM, "", what, changes, told_order(order)))
            if written is not None:
                return written
            order = await self._again(order)
        raise Conflict

    async def _flag(self, order: Order, what: str) -> None:
        log.error("an order does not agree with WeChat Pay", extra={"order": order.id, "what": what})
        await self._orders.flag(order, what, self._clock.now())

    async def _capture(self, order: Order, seen: SeenOrder) -> Order:
        """The money is here: order, bill and ledger in one transaction; a surplus is sent back by the same one."""
        for _ in range(ATTEMPTS):
            if order.state == OrderState.PAID:
                if order.transaction_id != seen.transaction_id:
                    await self._flag(order, f"paid again, as {seen.transaction_id}")
                    raise PaymentMismatch(order=order.id)
                return order
            bill = await self._bills.get(order.bill)
            if bill is None:
                raise NotFound(Code.BILL_NOT_FOUND, bill=order.bill)
            try:
                return await self._book(order, bill, seen)
            except Overtaken:
                order = await self._again(order)
            except Duplicate as duplicate:
                if duplicate.index != ONE_TRANSACTION:
                    raise
                await self._flag(order, f"{seen.transaction_id} has paid another order")
                raise PaymentMismatch(order=order.id) from None
        raise Conflict

    async def _book(self, order: Order, bill: Bill, seen: SeenOrder) -> Order:
        """Raises Overtaken when the order or the bill has changed, Duplicate for a transaction already booked."""
        now = self._clock.now()
        surplus = bill.state != BillState.OPEN
        edge = ORDER.step(order.state, "pay", Actor.SYSTEM)
        day = local_day(now).isoformat()
        changes: dict[str, Any] = {
            "live_of": None, "wake_at": None, "transaction_id": seen.transaction_id, "paid_at": seen.paid_at,
            "captured_fen": order.amount_fen, "book_day": day, "surplus": surplus, "last_error": "",
        }  # fmt: skip
        refund = self._surplus_refund(order, bill) if surplus else None
        if refund is not None:
            changes |= {"reserved_fen": refund.amount_fen, "refunds": 1}
            changes["refunds_from"] = now + self._rules.refunds_apart
        entry = Entry(
            id=order.id, kind=Movement.CAPTURE, at=now, book_day=day, bill=bill.id, order=order.id, debit=CLEARING,
            credit=collected(order.payee, surplus=surplus), amount_fen=order.amount_fen,
        )  # fmt: skip
        paid = Step(edge, Actor.SYSTEM, changes=changes, data=told_order(order) | {"surplus": surplus})
        written: list[Order] = []

        async def write(session: Transaction) -> None:
            one = await self._orders.step(order, paid, session)
            if one is None:
                raise Overtaken
            if refund is not None:
                await self._refunds.create(refund, Step(REQUEST, Actor.SYSTEM, data=told_refund(refund)), session)
            elif await self._bills.step(bill, _settle(bill, order, seen, day), session) is None:
                raise Overtaken
            await self._ledger.post(entry, session)
            written.append(one)

        await self._orders.in_transaction(write)
        return written[-1]

    def _surplus_refund(self, order: Order, bill: Bill) -> Refund:
        reason = "账单已取消，原路退回" if bill.state == BillState.CANCELLED else "重复缴费，原路退回"
        return new_refund(self._ids.new(Kind.REFUND), order, order.amount_fen, reason, self._clock.now(), surplus=True)

    async def _again(self, order: Order) -> Order:
        newer = await self._orders.get(order.id)
        if newer is None:
            raise NotFound(Code.ORDER_NOT_FOUND, order=order.id)
        return newer


def _settle(bill: Bill, order: Order, seen: SeenOrder, day: str) -> Step:
    changes = {
        "paid_fen": order.amount_fen, "paid_by": order.id, "transaction_id": seen.transaction_id,
        "paid_at": seen.paid_at, "book_day": day, "wake_at": None,
        # A paid bill is its payer's, also when the account was unbound meanwhile.
        "person": order.person,
    }  # fmt: skip
    edge = BILL.step(bill.state, "settle", Actor.SYSTEM)
    return Step(edge, Actor.SYSTEM, changes=changes, data=told(bill) | {"order": order.id, "person": order.person})


def new_refund(id_: str, order: Order, amount_fen: int, reason: str, at: Any, *, surplus: bool) -> Refund:
    """A refund of an order, asked for at WeChat Pay not before ``at``."""
    return Refund(
        id=id_, state="", created_at=at, updated_at=at, wake_at=at, bill=order.bill, order=order.id,
        person=order.person, payee=order.payee, title=order.title, surplus=surplus, amount_fen=amount_fen,
        total_fen=order.amount_fen, reason=reason, pending=order.id,
    )  # fmt: skip


def told_order(order: Order) -> dict[str, Any]:
    return {"person": order.person, "bill_id": order.bill, "order": order.id, "amount_fen": order.amount_fen}


def told_refund(refund: Refund) -> dict[str, Any]:
    return {
        "person": refund.person, "bill_id": refund.bill, "order": refund.order, "refund": refund.id,
        "amount_fen": refund.amount_fen, "title": refund.title, "reason": refund.reason,
    }  # fmt: skip
