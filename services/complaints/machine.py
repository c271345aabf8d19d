"""The life of a complaint as data; docs/dialogue.md draws it."""

from __future__ import annotations

from kernel.machine import Actor, Edge, Machine

_R, _ST = Actor.RESIDENT, Actor.STAFF

FILE = Edge("file", (), "filed", "complaint.filed", (_R,))

MACHINE = Machine(
    "complaint",
    initial=("filed",),
    edges=(
        Edge("accept", ("filed",), "accepted", "complaint.accepted", (_ST,)),
        Edge("reject", ("filed", "accepted"), "rejected", "complaint.rejected", (_ST,)),
        Edge("merge", ("filed", "accepted"), "merged", "complaint.merged", (_ST,)),
        Edge("dispatch", ("accepted", "dispatched"), "dispatched", "complaint.dispatched", (_ST,)),
        Edge("answer", ("accepted", "dispatched"), "answered", "complaint.answered", (_ST,)),
        Edge("close", ("answered",), "closed", "complaint.closed", (_R, _ST)),
    ),
)
