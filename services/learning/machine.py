"""The life of a proposal as data; docs/learning.md draws it."""

from __future__ import annotations

from kernel.machine import Actor, Edge, Machine

_STAFF, _SYSTEM = (Actor.STAFF,), (Actor.SYSTEM,)

PROPOSE = Edge("propose", (), "proposed", "proposal.proposed", _SYSTEM)

# Accepting writes two documents, the item and the proposal. ``take`` keeps everybody else's hands off between the two;
# after a crash there, accepting once more finds what was written and finishes.
MACHINE = Machine(
    "proposal",
    initial=("proposed",),
    edges=(
        Edge("take", ("proposed", "accepting"), "accepting", "proposal.taken", _STAFF),
        Edge("accept", ("accepting",), "accepted", "proposal.accepted", _STAFF),
        Edge("release", ("accepting",), "proposed", "proposal.released", _STAFF),
        Edge("reject", ("proposed",), "rejected", "proposal.rejected", _STAFF),
        Edge("withdraw", ("proposed",), "withdrawn", "proposal.withdrawn", _SYSTEM),
    ),
)
