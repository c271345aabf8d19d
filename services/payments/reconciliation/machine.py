"""The lives of a reconciled day and of a difference as data."""

from __future__ import annotations

from kernel.machine import Actor, Edge, Machine

_ST, _SY = Actor.STAFF, Actor.SYSTEM

PLAN = Edge("plan", (), "due", "reconciliation.planned", (_ST, _SY))
FIND = Edge("find", (), "open", "difference.found", (_ST, _SY))

DAY = Machine(
    "reconciliation",
    initial=("due",),
    edges=(
        # A bill that must not be used. It is asked for again until a sound one comes.
        Edge("refuse_bill", ("due", "refused", "compared"), "refused", "reconciliation.bill_refused", (_ST, _SY)),
        Edge("compare", ("due", "refused", "compared"), "compared", "reconciliation.compared", (_ST, _SY)),
    ),
)

DIFFERENCE = Machine(
    "difference",
    initial=("open",),
    edges=(
        Edge("resolve", ("open",), "resolved", "difference.resolved", (_ST,)),
        # By what WeChat Pay answered, or because a later comparison does not find it any more.
        Edge("settle", ("open",), "resolved", "difference.settled", (_SY,)),
        Edge("reopen", ("resolved",), "open", "difference.reopened", (_SY,)),
    ),
)
