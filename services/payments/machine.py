"""The lives of bills, orders and refunds as data; docs/payments.md draws the order's."""

from __future__ import annotations

from kernel.machine import Actor, Edge, Machine

_R, _ST, _SY = Actor.RESIDENT, Actor.STAFF, Actor.SYSTEM

# The edges that make them.
ISSUE = Edge("issue", (), "open", "bill.issued", (_R, _ST, _SY))
START = Edge("start", (), "created", "order.started", (_R,))
REQUEST = Edge("request", (), "requested", "refund.requested", (_ST, _SY))

_ORDER_STATES = ("created", "awaiting", "paid", "closed", "disputed")

BILL = Machine(
    "bill",
    initial=("open",),
    edges=(
        Edge("remind", ("open",), "open", "bill.due_soon", (_SY,)),
        # An imported account's bill follows whoever has bound the account.
        Edge("assign", ("open",), "open", "bill.assigned", (_SY,)),
        Edge("unassign", ("open",), "open", "bill.unassigned", (_SY,)),
        Edge("settle", ("open",), "paid", "bill.paid", (_SY,)),
        Edge("cancel", ("open",), "cancelled", "bill.cancelled", (_ST, _SY)),
        Edge("refund_part", ("paid", "part_refunded"), "part_refunded", "bill.part_refunded", (_SY,)),
        Edge("refund_all", ("paid", "part_refunded"), "refunded", "bill.refunded", (_SY,)),
    ),
)

ORDER = Machine(
    "order",
    initial=("created",),
    edges=(
        Edge("await", ("created",), "awaiting", "order.awaiting", (_SY,)),
        # Also from closed: a payment may be told of late. Also from created: the notification may overtake the answer.
        Edge("pay", ("created", "awaiting", "closed"), "paid", "order.paid", (_SY,)),
        Edge("close", ("created", "awaiting"), "closed", "order.closed", (_SY,)),
        Edge("dispute", ("created", "awaiting", "closed"), "disputed", "order.disputed", (_SY,)),
        # The money of a paid order; a refund reserves its part before anybody is asked for it.
        Edge("reserve", ("paid",), "paid", "order.refund_reserved", (_ST, _SY)),
        Edge("release", ("paid",), "paid", "order.refund_released", (_SY,)),
        Edge("give_back", ("paid",), "paid", "order.refund_paid", (_ST, _SY)),
        # Somebody has looked and wants WeChat Pay asked again.
        Edge("reconsider", ("disputed",), "closed", "order.reconsidered", (_ST,)),
        # Somebody has looked at what is wrong with it, and says what came of it: it is on the list no more.
        *(Edge("see", (state,), state, "order.seen", (_ST,)) for state in _ORDER_STATES),
    ),
)

REFUND = Machine(
    "refund",
    initial=("requested",),
    edges=(
        Edge("accept", ("requested",), "processing", "refund.accepted", (_SY,)),
        Edge("succeed", ("requested", "processing", "abnormal"), "succeeded", "refund.succeeded", (_SY,)),
        # Staff have sent the money back on the merchant platform or by bank transfer.
        Edge("settle_by_hand", ("abnormal", "failed", "closed"), "succeeded", "refund.settled_by_hand", (_ST,)),
        Edge("find_abnormal", ("requested", "processing"), "abnormal", "refund.abnormal", (_SY,)),
        Edge("close", ("requested", "processing", "abnormal"), "closed", "refund.closed", (_SY,)),
        Edge("fail", ("requested",), "failed", "refund.failed", (_SY,)),
    ),
)
