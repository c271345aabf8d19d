"""The life of an imported account as data."""

from __future__ import annotations

from kernel.machine import Actor, Edge, Machine

_R, _ST, _SY = Actor.RESIDENT, Actor.STAFF, Actor.SYSTEM

OPEN = Edge("open", (), "free", "account.opened", (_ST, _SY))

ACCOUNT = Machine(
    "account",
    initial=("free",),
    edges=(
        Edge("bind", ("free",), "bound", "account.bound", (_R,)),
        Edge("unbind", ("bound",), "free", "account.unbound", (_R, _ST)),
        # The issuer names another holder: whoever proved to be the former one has no part in it any more.
        Edge("rename", ("free", "bound"), "free", "account.renamed", (_ST, _SY)),
    ),
)

EVENTS = frozenset(edge.event for edge in (*ACCOUNT.edges, OPEN))
# After these an account's open bills may be somebody else's.
MOVING = frozenset({"account.bound", "account.unbound", "account.renamed"})
BILLS_MOVING = frozenset({"bill.issued", "bill.assigned", "bill.unassigned"})
