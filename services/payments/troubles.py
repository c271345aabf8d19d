"""Orders that somebody had to look at: what they found, and that it is looked at no more."""

from __future__ import annotations

from datetime import datetime

from kernel.clock import Clock
from kernel.errors import Code, Conflict, NotFound
from kernel.machine import Actor
from services.payments.machine import ORDER
from services.payments.model import Order, PayRules
from services.payments.orders import told_order
from services.payments.refunds import can_be_refunded
from services.payments.store import OrderStore
from services.store import Step

ATTEMPTS = 4


class Troubles:
    """What staff do with the list of flagged orders, but asking WeChat Pay again and sending money back."""

    def __init__(self, orders: OrderStore, clock: Clock, rules: PayRules) -> None:
        self._orders, self._clock, self._rules = orders, clock, rules

    async def do_see(self, officer: str, order_id: str, flagged_at: datetime, note: str) -> Order:
        """Takes an order off the list, with what was found. Not seen yet is what came after ``flagged_at``, the time of
        the newest trouble that the officer was shown; what has been seen stays so.

        Raises NotFound, Conflict when there is newer trouble, SURPLUS_HELD with ``held_fen`` while it holds money that
        is not the city's and can be sent back.
        """
        for _ in range(ATTEMPTS):
            order = await self._orders.get(order_id)
            if order is None:
                raise NotFound(Code.ORDER_NOT_FOUND, order=order_id)
            if order.flagged_at is None:
                return order
            if order.flagged_at != flagged_at:
                raise Conflict(flagged_at=order.flagged_at)
            if order.held_fen and can_be_refunded(order, self._clock.now(), self._rules):
                raise Conflict(Code.SURPLUS_HELD, held_fen=order.held_fen)
            edge = ORDER.step(order.state, "see", Actor.STAFF)
            step = Step(edge, Actor.STAFF, officer, note, {"flagged_at": None}, told_order(order))
            written = await self._orders.step(order, step)
            if written is not None:
                return written
        raise Conflict
