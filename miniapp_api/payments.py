"""Paying online (网上缴费): my bills, pay one, how the payment stands."""

from __future__ import annotations

from datetime import datetime

import msgspec
from msgspec import Struct

from handlers.base import Call
from handlers.routing import RESIDENT, Idempotency, Limit, Route
from kernel.clock import SHANGHAI
from kernel.errors import Code
from services.payments.model import LIVE, Bill, BillLine, BillState, Order

BILL_TEXT = {
    "open": "待缴费",
    "paid": "已缴费",
    "part_refunded": "已部分退款",
    "refunded": "已全额退款",
    "cancelled": "已取消",
}
ORDER_TEXT = {
    "created": "正在下单",
    "awaiting": "等待支付",
    "paid": "支付成功",
    "closed": "支付已关闭",
    "disputed": "支付结果核对中，请联系窗口",
}


class BillView(Struct, kw_only=True):
    """A bill. ``payable``: it can be paid here and now. Amounts in fen; instants carry +08:00."""

    id: str
    state: str
    state_text: str
    subject_kind: str
    subject: str
    title: str
    lines: list[BillLine]
    amount_fen: int
    paid_fen: int
    refunded_fen: int
    created_at: datetime
    due_at: datetime | None
    paid_at: datetime | None
    order: str | None
    payable: bool


class BillList(Struct, kw_only=True):
    bills: list[BillView]


class PayRequest(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Nothing: the amount is the bill's, the payer is the caller. An amount sent along is refused by name."""


class PayFieldsView(Struct, kw_only=True, rename="camel"):
    """What ``wx.requestPayment`` takes, under its own names: ``timeStamp``, ``paySign`` …"""

    time_stamp: str
    nonce_str: str
    package: str
    sign_type: str
    pay_sign: str


class PayView(Struct, kw_only=True):
    """Hand ``pay`` to wx.requestPayment; afterwards ask ``POST /api/orders/{order}/check`` how it went."""

    order: str
    amount_fen: int
    expires_at: datetime
    pay: PayFieldsView


class OrderView(Struct, kw_only=True):
    """One attempt to pay. ``final``: it will not change any more, but for refunds."""

    id: str
    bill: str
    state: str
    state_text: str
    final: bool
    amount_fen: int
    refunded_fen: int
    # On its way back.
    refunding_fen: int
    # Paid a second time: it goes back in full by itself.
    surplus: bool
    created_at: datetime
    expires_at: datetime
    paid_at: datetime | None


async def list_bills(call: Call) -> BillList:
    """The caller's bills, the newest first."""
    offered = call.city.till.is_open
    return BillList(bills=[_bill(b, offered) for b in await call.city.payment_queries.mine(call.person)])


async def read_bill(call: Call, bill_id: str) -> BillView:
    return _bill(await call.city.payment_queries.bill(call.person, bill_id), call.city.till.is_open)


async def pay(call: Call, bill_id: str, body: PayRequest) -> PayView:
    """What wx.requestPayment needs to pay a bill. Again, also from a second phone: the same order while it is live."""
    order, fields = await call.city.pay_orders.do_pay(call.person, bill_id)
    view = msgspec.convert(fields, PayFieldsView)
    return PayView(order=order.id, amount_fen=order.amount_fen, expires_at=_local(order.expires_at), pay=view)


async def read_order(call: Call, order_id: str) -> OrderView:
    return _order(await call.city.payment_queries.order(call.person, order_id))


async def check_order(call: Call, order_id: str) -> OrderView:
    """After wx.requestPayment: asks WeChat Pay whether the money is there, at most every few seconds."""
    return _order(await call.city.pay_orders.do_check(call.person, order_id))


def _bill(bill: Bill, offered: bool) -> BillView:
    return BillView(
        id=bill.id,
        state=bill.state,
        state_text=BILL_TEXT[bill.state],
        subject_kind=bill.subject_kind.value,
        subject=bill.subject,
        title=bill.title,
        lines=bill.lines,
        amount_fen=bill.amount_fen,
        paid_fen=bill.paid_fen,
        refunded_fen=bill.refunded_fen,
        created_at=_local(bill.created_at),
        due_at=None if bill.due_at is None else _local(bill.due_at),
        paid_at=None if bill.paid_at is None else _local(bill.paid_at),
        order=bill.paid_by,
        payable=offered and bill.state == BillState.OPEN,
    )


def _order(order: Order) -> OrderView:
    return OrderView(
        id=order.id,
        bill=order.bill,
        state=order.state,
        state_text=ORDER_TEXT[order.state],
        final=order.state not in LIVE,
        amount_fen=order.amount_fen,
        refunded_fen=order.refunded_fen,
        refunding_fen=order.reserved_fen,
        surplus=order.surplus,
        created_at=_local(order.created_at),
        expires_at=_local(order.expires_at),
        paid_at=None if order.paid_at is None else _local(order.paid_at),
    )


def _local(instant: datetime) -> datetime:
    return instant.astimezone(SHANGHAI)


_READ = (RESIDENT, Limit.READ, Idempotency.SAFE)
# Natural: a repeat finds the live order, and a stored answer would hand out one that has ended since.
_WRITE = (RESIDENT, Limit.WRITE, Idempotency.NATURAL)
_OUTSIDE = (Code.PAY_NOT_OFFERED, Code.UPSTREAM_FAILED, Code.UNAVAILABLE)

ROUTES = [
    Route("GET", "/api/bills", list_bills, *_READ, "My bills"),
    Route("GET", "/api/bills/{bill_id}", read_bill, *_READ, "Read a bill", (Code.BILL_NOT_FOUND,)),
    Route(
        "POST", "/api/bills/{bill_id}/pay", pay, *_WRITE, "Pay a bill with WeChat Pay",
        (Code.BILL_NOT_FOUND, Code.BILL_NOT_PAYABLE, Code.BILL_BEING_PAID, Code.CONFLICT, *_OUTSIDE),
    ),
    Route("GET", "/api/orders/{order_id}", read_order, *_READ, "How a payment stands", (Code.ORDER_NOT_FOUND,)),
    Route(
        "POST", "/api/orders/{order_id}/check", check_order, *_WRITE, "I have paid",
        (Code.ORDER_NOT_FOUND, Code.CONFLICT, *_OUTSIDE),
    ),
]  # fmt: skip
