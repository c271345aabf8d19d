"""WeChat Pay as one merchant sees it: orders, their payment, their refunds. Amounts are whole fen."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from kernel.clock import SHANGHAI, Clock
from simulators.control import MovableClock
from simulators.wechat_pay.keys import Keys
from simulators.wechat_pay.records import OrderRecord, Outcome, RefundOutcome, RefundRecord, Refusal

PREPAY_LIFE = timedelta(hours=2)
ORDER_LIFE = timedelta(days=7)
REFUND_WITHIN = timedelta(days=365)
MAX_REFUNDS = 50


@dataclass(frozen=True)
class WeChatPaySimSettings:
    """One merchant as configured on WeChat Pay's side.

    ``time_factor`` how many times faster than in reality the pauses between notifications pass; ``answer_within``
    seconds the merchant has for an answer, never compressed; ``refund_seconds`` how long the bank takes for a refund;
    ``refund_apart`` seconds between two refunds of an order; ``probe_every`` a SIGNTEST probe beside every n-th
    notification, 0 for none; ``fee_basis_points`` WeChat Pay's fee in 1/10,000 of the amount.
    """

    keys: Keys
    mchid: str = "1900000001"
    appid: str = "wx0000000000000000"
    time_factor: float = 1.0
    answer_within: float = 5.0
    refund_seconds: float = 1.0
    refund_apart: float = 60.0
    probe_every: int = 20
    fee_basis_points: int = 60


@dataclass
class NotifyFault:
    """What befalls the next ``count`` notifications that match. See simulators.wechat_pay.notifier."""

    kind: str
    count: int = 1
    seconds: float = 0.0
    event_type: str | None = None
    out_trade_no: str | None = None


@dataclass
class BillChange:
    """What is wrong with the bill of ``day`` (all days: None). See simulators.wechat_pay.bills."""

    kind: str
    day: str | None = None
    number: str | None = None
    amount: int | None = None


@dataclass
class WeChatPayWorld:
    """All state; ``reset`` empties it. What WeChat Pay would refuse raises Refusal.

    ``clock`` is the clock of the business (orders, expiry, bills) and can be moved; ``wire`` stamps notifications and
    is never moved, because the merchant's clock is not. ``callback_url``: where notifications go, when it is set,
    instead of to the ``notify_url`` of each order.
    """

    settings: WeChatPaySimSettings
    clock: MovableClock
    wire: Clock
    callback_url: str = ""
    orders: dict[str, OrderRecord] = field(default_factory=dict)
    refunds: dict[str, RefundRecord] = field(default_factory=dict)
    refund_outcomes: dict[str, RefundOutcome] = field(default_factory=dict)
    notifications: list[dict[str, Any]] = field(default_factory=list)
    notify_faults: list[NotifyFault] = field(default_factory=list)
    bill_changes: list[BillChange] = field(default_factory=list)
    downloads: dict[str, tuple[bytes, datetime]] = field(default_factory=dict)
    probe_answers: int = 0

    def reset(self) -> None:
        for mapping in (self.orders, self.refunds, self.refund_outcomes, self.downloads):
            mapping.clear()
        for collection in (self.notifications, self.notify_faults, self.bill_changes):
            collection.clear()
        self.probe_answers = 0

    def sent_to(self, wanted: Mapping[str, str]) -> list[dict[str, Any]]:
        """The orders, newest last, as far as they match."""
        shown = (self.refreshed(order).shown() for order in self.orders.values())
        return [entry for entry in shown if all(str(entry.get(key)) == value for key, value in wanted.items())]

    # Orders

    def prepay(self, body: dict[str, Any]) -> OrderRecord:
        """Place an order, or find it again: a repeated request gives the same prepay_id while that lives."""
        self._check_merchant(body)
        now = self.clock.now()
        if "time_expire" in body and datetime.fromisoformat(body["time_expire"]) <= now:
            raise Refusal("PARAM_ERROR", "time_expire 已过", field="/time_expire")
        order = self.orders.get(body["out_trade_no"])
        if order is None:
            order = self.orders[body["out_trade_no"]] = OrderRecord(body["out_trade_no"], body, now)
        state = self.refreshed(order).state
        if order.paid_at is not None:
            raise Refusal("ORDERPAID", "该订单已支付")
        if state == "CLOSED":
            raise Refusal("ORDER_CLOSED", "该订单已关闭")
        if order.body != body:
            raise Refusal("OUT_TRADE_NO_USED", "商户订单号重复")
        if order.prepaid_at is None or now >= order.prepaid_at + PREPAY_LIFE:
            stamp = now.astimezone(SHANGHAI).strftime("%Y%m%d%H%M%S")
            order.prepay_id, order.prepaid_at = f"wx{stamp}{secrets.token_hex(10)}", now
        return order

    def order(self, out_trade_no: str) -> OrderRecord:
        if out_trade_no not in self.orders:
            raise Refusal("ORDER_NOT_EXIST", "订单不存在")
        return self.refreshed(self.orders[out_trade_no])

    def order_of_transaction(self, transaction_id: str) -> OrderRecord:
        for order in self.orders.values():
            if transaction_id and order.transaction_id == transaction_id:
                return order
        raise Refusal("ORDER_NOT_EXIST", "订单不存在")

    def order_of_prepay(self, prepay_id: str) -> OrderRecord | None:
        return next((order for order in self.orders.values() if prepay_id and order.prepay_id == prepay_id), None)

    def refreshed(self, order: OrderRecord) -> OrderRecord:
        """WeChat Pay closes an unpaid order after 7 days; one past its time_expire only cannot be paid any more."""
        if order.state == "NOTPAY" and self.clock.now() >= order.created_at + ORDER_LIFE:
            order.state = "CLOSED"
        return order

    def close(self, out_trade_no: str) -> None:
        order = self.order(out_trade_no)
        if order.paid_at is not None:
            raise Refusal("ORDERPAID", "该订单已支付")
        if order.state == "USERPAYING":
            raise Refusal("USERPAYING", "用户支付中，需要输入密码")
        if order.state == "CLOSED":
            raise Refusal("ORDER_CLOSED", "该订单已关闭")
        order.state = "CLOSED"

    # The resident

    def pay(self, order: OrderRecord, openid: str | None, prepay_id: str | None) -> str:
        """The resident pays; "paid", or why nothing was paid."""
        self.refreshed(order)
        now = self.clock.now()
        for obstacle, reason in (
            (order.paid_at is not None, "already_paid"),
            (order.state == "CLOSED", "closed"),
            (order.expires_at is not None and now >= order.expires_at, "order_expired"),
            (openid is not None and openid != order.openid, "wrong_openid"),
            (prepay_id is not None and prepay_id != order.prepay_id, "wrong_prepay_id"),
            (order.prepaid_at is None or now >= order.prepaid_at + PREPAY_LIFE, "prepay_expired"),
        ):
            if obstacle:
                return reason
        return self.settle(order, order.outcome)

    def settle(self, order: OrderRecord, outcome: Outcome) -> str:
        if outcome == "user_paying":
            order.state = "USERPAYING"
            return "user_paying"
        if outcome == "refuse":
            order.state = "NOTPAY"
            return "refused"
        order.state, order.paid_at = "SUCCESS", self.clock.now()
        order.transaction_id = _digits("42")
        return "paid"

    # Refunds

    def refund(self, body: Mapping[str, Any]) -> tuple[RefundRecord, bool]:
        """The refund, and whether it is new: one out_refund_no is refunded once, however often it is asked for."""
        known = self.refunds.get(body["out_refund_no"])
        if known is not None:
            if not known.same(body):
                raise Refusal("INVALID_REQUEST", "商户退款单号重复，且参数不一致")
            return known, False
        order = self._refundable(body)
        amount, now = body["amount"], self.clock.now()
        refund = RefundRecord(
            out_refund_no=body["out_refund_no"],
            refund_id=_digits("50"),
            out_trade_no=order.out_trade_no,
            transaction_id=order.transaction_id,
            refund=amount["refund"],
            total=amount["total"],
            reason=str(body.get("reason", "")),
            notify_url=str(body.get("notify_url", "")),
            created_at=now,
        )
        order.refunds.append(refund)
        order.state = "REFUND"
        self.refunds[refund.out_refund_no] = refund
        return refund, True

    def _refundable(self, body: Mapping[str, Any]) -> OrderRecord:
        if not body.get("transaction_id") and not body.get("out_trade_no"):
            raise Refusal("PARAM_ERROR", "transaction_id 和 out_trade_no 必填其一", field="/out_trade_no")
        try:
            if body.get("transaction_id"):
                order = self.order_of_transaction(str(body["transaction_id"]))
            else:
                order = self.order(str(body["out_trade_no"]))
        except Refusal as refusal:
            raise Refusal("RESOURCE_NOT_EXISTS", "订单不存在") from refusal
        amount, now = body["amount"], self.clock.now()
        if order.paid_at is None:
            raise Refusal("TRADE_ERROR", "订单未支付")
        if amount["total"] != order.total:
            raise Refusal("INVALID_REQUEST", "订单金额不一致")
        if now > order.paid_at + REFUND_WITHIN:
            raise Refusal("INVALID_REQUEST", "订单已超过可退款的时间")
        if len(order.refunds) >= MAX_REFUNDS:
            raise Refusal("INVALID_REQUEST", "退款次数超过 50 次")
        # A refund that was given up leaves its money to be refunded again.
        taken = sum(refund.refund for refund in order.refunds if refund.state != "CLOSED")
        if taken + amount["refund"] > order.total:
            raise Refusal("INVALID_REQUEST", "退款金额大于可退金额")
        apart = timedelta(seconds=self.settings.refund_apart)
        if order.refunds and now < order.refunds[-1].created_at + apart:
            raise Refusal("FREQUENCY_LIMITED", "频率限制：同一订单 1 分钟内只能退款一次")
        return order

    def refund_of(self, out_refund_no: str) -> RefundRecord:
        if out_refund_no not in self.refunds:
            raise Refusal("RESOURCE_NOT_EXISTS", "退款单不存在")
        return self.refunds[out_refund_no]

    def settle_refund(self, refund: RefundRecord) -> None:
        """The bank has decided."""
        refund.state = self.refund_outcomes.get(refund.out_refund_no, "SUCCESS")
        refund.success_at = self.clock.now() if refund.state == "SUCCESS" else None

    def _check_merchant(self, body: Mapping[str, Any]) -> None:
        if body["mchid"] != self.settings.mchid:
            raise Refusal("MCH_NOT_EXISTS", "商户号不存在", field="/mchid")
        if body["appid"] != self.settings.appid:
            raise Refusal("APPID_MCHID_NOT_MATCH", "appid和mchid不匹配", field="/appid")


def _digits(prefix: str) -> str:
    """28 digits, as transactions and refunds have them."""
    return prefix + f"{secrets.randbelow(10**26):026d}"
