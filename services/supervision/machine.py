"""The life of a supervision entry as data; docs/cases.md draws it."""

from __future__ import annotations

from kernel.machine import Actor, Edge, Machine

_ST, _SY = Actor.STAFF, Actor.SYSTEM

OPEN = Edge("open", (), "open", "supervision.opened", (_SY,))

MACHINE = Machine(
    "supervision",
    initial=("open",),
    edges=(
        Edge("acknowledge", ("open",), "acknowledged", "supervision.acknowledged", (_ST,)),
        Edge("close", ("open", "acknowledged"), "closed", "supervision.closed", (_ST,)),
        Edge("settle", ("open", "acknowledged"), "settled", "supervision.settled", (_SY,)),
    ),
)
