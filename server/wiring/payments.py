"""Payments: bills, orders, refunds and the ledger, over WeChat Pay where it is configured."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from server.settings import Settings
from server.wiring.parts import Parts
from services.identity.queries import IdentityQueries
from services.payments.actions import Payments
from services.payments.model import PayRules
from services.payments.orders import Orders
from services.payments.queries import PaymentQueries
from services.payments.refunds import Refunds
from services.payments.store import BillStore, LedgerStore, OrderStore, RefundStore
from services.payments.till import Till
from services.payments.timers import PaymentTimers
from services.payments.troubles import Troubles

NOTIFY_PATH = "/callbacks/wechat-pay"


@dataclass(frozen=True)
class PaymentParts:
    """What the City has of payments; ``stores``: whose events the relay delivers."""

    payments: Payments
    orders: Orders
    refunds: Refunds
    queries: PaymentQueries
    timers: PaymentTimers
    troubles: Troubles
    till: Till
    stores: list[Any]


def build(parts: Parts, identity: IdentityQueries) -> PaymentParts:
    database, clock, ids, rules = parts.database, parts.clock, parts.ids, pay_rules(parts.settings)
    bills, orders = BillStore(database, clock, ids), OrderStore(database, clock, ids)
    refunds, ledger = RefundStore(database, clock, ids), LedgerStore(database)
    till = Till(parts.wechat_pay, parts.settings.public_url.rstrip("/") + NOTIFY_PATH)
    payments = Payments(bills, clock, ids, rules)
    cashier = Orders(orders, bills, refunds, ledger, identity, till, clock, ids, rules)
    refunding = Refunds(orders, bills, refunds, ledger, till, clock, ids, rules)
    return PaymentParts(
        payments=payments,
        orders=cashier,
        refunds=refunding,
        queries=PaymentQueries(bills, orders, refunds, ledger, clock),
        timers=PaymentTimers(bills, orders, refunds, payments, cashier, refunding, ledger, clock),
        troubles=Troubles(orders, clock, rules),
        till=till,
        stores=[bills, orders, refunds],
    )


def pay_rules(settings: Settings) -> PayRules:
    return PayRules(
        order_for=timedelta(seconds=settings.pay_order_seconds),
        query_after=timedelta(seconds=settings.pay_query_seconds),
        retry_after=timedelta(seconds=settings.pay_retry_seconds),
        refund_query_after=timedelta(seconds=settings.pay_refund_query_seconds),
        refunds_apart=timedelta(seconds=settings.pay_refund_apart_seconds),
        # Twice the longest chain of calls under one lease: a query and a close.
        lease=timedelta(milliseconds=4 * settings.wechat_pay_timeout_ms),
    )
