"""The life of a complaint as data; docs/dialogue.md draws it."""

from __future__ import annotations

from kernel.machine import Actor, Edge, Machine

_R, _ST, _SY = Actor.RESIDENT, Actor.STAFF, Actor.SYSTEM

# Somebody waits for an answer, and the time limit runs.
_WAITING = ("filed", "accepted", "dispatched")


def _warn(action: str, event: str) -> tuple[Edge, ...]:
    """A warning changes nothing but what was told."""
    return tuple(Edge(action, (state,), state, event, (_SY,)) for state in _WAITING)


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
        # The same matter was answered or rejected in the complaint that this one was merged into: so is this one.
        Edge("share_answer", ("merged",), "answered", "complaint.answered", (_SY,)),
        Edge("share_rejection", ("merged",), "rejected", "complaint.rejected", (_SY,)),
        # Merged into each other at the same moment: one of them is handled after all.
        Edge("part", ("merged",), "accepted", "complaint.parted", (_SY,)),
        Edge("close", ("answered",), "closed", "complaint.closed", (_R, _ST, _SY)),
        # Not content: it is worked on anew, once (``for_complainant``).
        Edge("object", ("answered",), "accepted", "complaint.objected", (_R,)),
        *_warn("warn_yellow", "complaint.limit_yellow"),
        *_warn("warn_red", "complaint.limit_red"),
    ),
)
