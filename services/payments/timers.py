"""What the worker does for payments: everything whose timer has come, some at a time."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

from kernel.clock import Clock
from services.payments.actions import Payments
from services.payments.orders import Orders
from services.payments.refunds import Refunds
from services.payments.store import BillStore, LedgerStore, OrderStore, RefundStore

log = logging.getLogger("banshi.payments")

BATCH = 100
# Calls to WeChat Pay at once. One slow answer must not hold up the others, and a day's backlog must not flood it.
AT_ONCE = 8
# See LedgerStore.let_go.
LET_GO_EVERY = timedelta(seconds=5)


class PaymentTimers:
    """One round over bills, orders and refunds."""

    def __init__(
        self,
        bills: BillStore,
        orders: OrderStore,
        refunds: RefundStore,
        payments: Payments,
        cashier: Orders,
        refunding: Refunds,
        ledger: LedgerStore,
        clock: Clock,
    ) -> None:
        self._bills, self._orders, self._refunds = bills, orders, refunds
        self._payments, self._cashier, self._refunding = payments, cashier, refunding
        self._ledger, self._clock = ledger, clock
        self._let_go_at = clock.now()

    async def do_wake(self) -> int:
        """Wakes all that is due; returns how many. One that fails is tried again when its lease has run out."""
        now = self._clock.now()
        if now >= self._let_go_at:
            await self._ledger.let_go()
            self._let_go_at = now + LET_GO_EVERY
        work: list[tuple[Callable[[Any], Awaitable[None]], Any]] = []
        work += [(self._payments.do_wake, bill) for bill in await self._bills.due(now, BATCH)]
        work += [(self._cashier.do_wake, order) for order in await self._orders.due(now, BATCH)]
        work += [(self._refunding.do_wake, refund) for refund in await self._refunds.due(now, BATCH)]
        turn = asyncio.Semaphore(AT_ONCE)

        async def one(wake: Callable[[Any], Awaitable[None]], aggregate: Any) -> None:
            async with turn:
                try:
                    await wake(aggregate)
                except Exception as error:  # the others go on; this one keeps its lease and comes again
                    log.warning("a payment's timer failed", extra={"aggregate": aggregate.id, "error": repr(error)})

        await asyncio.gather(*(one(wake, aggregate) for wake, aggregate in work))
        return len(work)
