"""The life of a knowledge entry as data."""

from __future__ import annotations

from kernel.machine import Actor, Edge, Machine

_STAFF = (Actor.STAFF,)

# The two edges that make an entry.
PROPOSE = Edge("propose", (), "proposed", "knowledge.proposed", (Actor.STAFF, Actor.SYSTEM))
BEGIN = Edge("begin", (), "draft", "knowledge.edited", _STAFF)

MACHINE = Machine(
    "knowledge",
    initial=("proposed", "draft"),
    edges=(
        Edge("edit", ("proposed", "draft"), "draft", "knowledge.edited", _STAFF),
        Edge("edit", ("published",), "published", "knowledge.edited", _STAFF),
        Edge("edit", ("withdrawn",), "withdrawn", "knowledge.edited", _STAFF),
        Edge("publish", ("draft", "published", "withdrawn"), "published", "knowledge.published", _STAFF),
        Edge("withdraw", ("published",), "withdrawn", "knowledge.withdrawn", _STAFF),
        Edge("reject", ("proposed", "draft"), "rejected", "knowledge.rejected", _STAFF),
    ),
)
