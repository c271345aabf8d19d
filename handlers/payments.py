"""Staff and money: a bill with its orders and refunds, refunds, what needs somebody's attention, the books."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated

from msgspec import Meta, Struct

from handlers.base import Call
from handlers.routing import WORDS, Idempotency, Limit, Route, staff
from kernel.clock import SHANGHAI
from kernel.errors import Code
from kernel.machine import Actor
from services.payments.machine import BILL, ORDER, REFUND
from services.payments.model import Anomaly, Bill, BillLine, Order, Refund

Reason = Annotated[str, Meta(min_length=1, max_length=80, pattern=WORDS)]


class RefundRequest(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``amount_fen``: left out, all that is left goes back. ``reason`` is shown to the resident."""

    reason: Reason
    amount_fen: Annotated[int, Meta(ge=1, le=1_000_000_000)] | None = None


class ReasonRequest(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Kept in the history."""

    reason: Reason


class SeenRequest(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``flagged_at``: of the order as it was shown; what came after that is not seen. ``reason``: what was found."""

    reason: Reason
    flagged_at: datetime


class BooksQuery(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Days on which money was captured; the last seven when left out, 31 at most."""

    first: date | None = None
    last: date | None = None


class DeskRefund(Struct, kw_only=True):
    id: str
    bill: str
    order: str
    state: str
    amount_fen: int
    reason: str
    surplus: bool
    attempts: int
    last_error: str
    created_at: datetime
    updated_at: datetime
    actions: list[str]


class DeskOrder(Struct, kw_only=True):
    id: str
    bill: str
    state: str
    amount_fen: int
    captured_fen: int
    refunded_fen: int
    reserved_fen: int
    held_fen: int
    surplus: bool
    transaction_id: str | None
    expires_at: datetime
    paid_at: datetime | None
    last_error: str
    anomalies: list[Anomaly]
    flagged_at: datetime | None
    actions: list[str]


class DeskBill(Struct, kw_only=True):
    id: str
    state: str
    subject_kind: str
    subject: str
    title: str
    payee: str
    lines: list[BillLine]
    amount_fen: int
    paid_fen: int
    refunded_fen: int
    due_at: datetime | None
    paid_at: datetime | None
    paid_by: str | None
    actions: list[str]


class DeskPayments(Struct, kw_only=True):
    """The attempts to pay a bill."""

    orders: list[DeskOrder]


class DeskRefunds(Struct, kw_only=True):
    refunds: list[DeskRefund]


class PayTroubles(Struct, kw_only=True):
    """Orders that do not agree with WeChat Pay, and refunds that are not final."""

    orders: list[DeskOrder]
    refunds: list[DeskRefund]


class BooksView(Struct, kw_only=True):
    """``differences`` is empty when captured - refunded = ledger, order by order."""

    first: date
    last: date
    orders: int
    entries: int
    captured_fen: int
    refunded_fen: int
    ledger_fen: int
    balances: dict[str, int]
    differences: list[str]


async def desk_bill(call: Call, bill_id: str) -> DeskBill:
    return _bill(await call.city.payment_queries.any(bill_id))


async def cancel_bill(call: Call, bill_id: str, body: ReasonRequest) -> DeskBill:
    """Nobody has to pay it any more. What is paid all the same goes back by itself."""
    return _bill(await call.city.payments.do_cancel_bill(bill_id, call.officer.staff_id, body.reason))


async def list_orders(call: Call, bill_id: str) -> DeskPayments:
    await call.city.payment_queries.any(bill_id)
    return DeskPayments(orders=[_order(o) for o in await call.city.payment_queries.orders_of(bill_id)])


async def list_refunds(call: Call, bill_id: str) -> DeskRefunds:
    await call.city.payment_queries.any(bill_id)
    return DeskRefunds(refunds=[_refund(r) for r in await call.city.payment_queries.refunds_of(bill_id)])


async def refund(call: Call, bill_id: str, body: RefundRequest) -> DeskRefund:
    """Sends all or a part of a payment back. Reserved at once, asked for at WeChat Pay by the worker."""
    args = (call.officer.staff_id, bill_id, body.amount_fen, body.reason, call.request_key)
    return _refund(await call.city.refunds.do_refund(*args))


async def check_refund(call: Call, refund_id: str) -> DeskRefund:
    """Asks WeChat Pay now how a refund stands."""
    return _refund(await call.city.refunds.do_check(refund_id))


async def settle_refund(call: Call, refund_id: str, body: ReasonRequest) -> DeskRefund:
    """An abnormal refund was sent by another way; it counts as paid back from now on."""
    args = (call.officer.staff_id, refund_id, body.reason)
    return _refund(await call.city.refunds.do_settle_by_hand(*args))


async def reconsider(call: Call, order_id: str, body: ReasonRequest) -> DeskOrder:
    """A disputed order was looked into: WeChat Pay is asked again."""
    return _order(await call.city.pay_orders.do_reconsider(call.officer.staff_id, order_id, body.reason))


async def return_surplus(call: Call, order_id: str, body: ReasonRequest) -> DeskRefund:
    """Sends back what an order holds beyond its bill, after its own refund came to nothing."""
    args = (call.officer.staff_id, order_id, body.reason, call.request_key)
    return _refund(await call.city.refunds.do_return(*args))


async def see(call: Call, order_id: str, body: SeenRequest) -> DeskOrder:
    """What was wrong with an order was looked into: it is on the list of troubles no more."""
    args = (call.officer.staff_id, order_id, body.flagged_at, body.reason)
    return _order(await call.city.pay_troubles.do_see(*args))


async def troubles(call: Call) -> PayTroubles:
    queries = call.city.payment_queries
    return PayTroubles(
        orders=[_order(o) for o in await queries.flagged()],
        refunds=[_refund(r) for r in await queries.pending_refunds()],
    )


async def check_books(call: Call, query: BooksQuery) -> BooksView:
    """Proves captured - refunded = ledger for some days, of one moment."""
    report = await call.city.payment_queries.check_books(query.first, query.last)
    return BooksView(
        first=report.first,
        last=report.last,
        orders=report.orders,
        entries=report.entries,
        captured_fen=report.captured_fen,
        refunded_fen=report.refunded_fen,
        ledger_fen=report.ledger_fen,
        balances=report.balances,
        differences=report.differences,
    )


def _bill(bill: Bill) -> DeskBill:
    return DeskBill(
        id=bill.id, state=bill.state, subject_kind=bill.subject_kind.value, subject=bill.subject, title=bill.title,
        payee=bill.payee, lines=bill.lines, amount_fen=bill.amount_fen, paid_fen=bill.paid_fen,
        refunded_fen=bill.refunded_fen, due_at=_local(bill.due_at), paid_at=_local(bill.paid_at), paid_by=bill.paid_by,
        actions=BILL.allowed(bill.state, Actor.STAFF),
    )  # fmt: skip


def _order(order: Order) -> DeskOrder:
    return DeskOrder(
        id=order.id, bill=order.bill, state=order.state, amount_fen=order.amount_fen, captured_fen=order.captured_fen,
        refunded_fen=order.refunded_fen, reserved_fen=order.reserved_fen, held_fen=order.held_fen,
        surplus=order.surplus, transaction_id=order.transaction_id, expires_at=order.expires_at.astimezone(SHANGHAI),
        paid_at=_local(order.paid_at), last_error=order.last_error, anomalies=order.anomalies,
        flagged_at=_local(order.flagged_at), actions=_order_actions(order),
    )  # fmt: skip


def _order_actions(order: Order) -> list[str]:
    """Those of an order itself, and only where there is something to do about it."""
    wanted = {"reconsider": True, "see": order.flagged_at is not None}
    actions = [action for action in ORDER.allowed(order.state, Actor.STAFF) if wanted.get(action)]
    return [*actions, "return_surplus"] if order.held_fen else actions


def _refund(refund: Refund) -> DeskRefund:
    return DeskRefund(
        id=refund.id, bill=refund.bill, order=refund.order, state=refund.state, amount_fen=refund.amount_fen,
        reason=refund.reason, surplus=refund.surplus, attempts=refund.attempts, last_error=refund.last_error,
        created_at=refund.created_at.astimezone(SHANGHAI), updated_at=refund.updated_at.astimezone(SHANGHAI),
        actions=REFUND.allowed(refund.state, Actor.STAFF),
    )  # fmt: skip


def _local(instant: datetime | None) -> datetime | None:
    return None if instant is None else instant.astimezone(SHANGHAI)


# Money is not the business of who takes applications: whoever refunds has no window (separation of duties).
_MONEY = staff("supervisor", "administrator")
_BOOKS = staff("supervisor", "administrator", "auditor")
_READ = (_BOOKS, Limit.READ, Idempotency.SAFE)
_WRITE = (_MONEY, Limit.WRITE, Idempotency.KEY)
_BILL = "/staff/bills/{bill_id}"
_STEP = (Code.ACTION_NOT_ALLOWED, Code.CONFLICT)
_REFUND = (Code.REFUND_NOT_FOUND, *_STEP)

ROUTES = [
    Route("GET", _BILL, desk_bill, *_READ, "Read a bill", (Code.BILL_NOT_FOUND,)),
    Route("POST", f"{_BILL}/cancel", cancel_bill, *_WRITE, "Cancel a bill", (Code.BILL_NOT_FOUND, *_STEP)),
    Route("GET", f"{_BILL}/orders", list_orders, *_READ, "The attempts to pay a bill", (Code.BILL_NOT_FOUND,)),
    Route("GET", f"{_BILL}/refunds", list_refunds, *_READ, "A bill's refunds", (Code.BILL_NOT_FOUND,)),
    Route(
        "POST", f"{_BILL}/refunds", refund, *_WRITE, "Refund a bill, all or a part",
        (Code.BILL_NOT_FOUND, Code.REFUND_OVER_REST, Code.REFUND_NOT_POSSIBLE, *_STEP), 201,
    ),
    Route(
        "POST", "/staff/refunds/{refund_id}/check", check_refund, _MONEY, Limit.WRITE, Idempotency.NATURAL,
        "Ask how a refund stands", (*_REFUND, Code.PAY_NOT_OFFERED, Code.UPSTREAM_FAILED, Code.UNAVAILABLE),
    ),
    Route("POST", "/staff/refunds/{refund_id}/settle", settle_refund, *_WRITE, "Settle an abnormal refund", _REFUND),
    Route(
        "POST", "/staff/orders/{order_id}/reconsider", reconsider, *_WRITE, "Ask again about a disputed order",
        (Code.ORDER_NOT_FOUND, *_STEP),
    ),
    Route(
        "POST", "/staff/orders/{order_id}/refund", return_surplus, *_WRITE, "Send back what an order holds too much",
        (Code.ORDER_NOT_FOUND, Code.REFUND_OVER_REST, Code.REFUND_NOT_POSSIBLE, *_STEP), 201,
    ),
    Route(
        "POST", "/staff/orders/{order_id}/seen", see, *_WRITE, "Take an order off the list of troubles",
        (Code.ORDER_NOT_FOUND, Code.SURPLUS_HELD, *_STEP),
    ),
    Route("GET", "/staff/payments/troubles", troubles, *_READ, "Payments that need somebody's attention"),
    Route("GET", "/staff/ledger/check", check_books, *_READ, "Check the books"),
]  # fmt: skip
