"""The life of an item: draft -> published -> withdrawn, with a new draft possible at any time."""

from __future__ import annotations

from kernel.machine import Actor, Edge, Machine

EDITORS = (Actor.STAFF, Actor.SYSTEM)

MACHINE = Machine(
    "item",
    initial=("draft",),
    edges=(
        Edge("edit", ("draft",), "draft", "item.edited", EDITORS),
        Edge("edit_published", ("published",), "published", "item.edited", EDITORS),
        Edge("edit_withdrawn", ("withdrawn",), "withdrawn", "item.edited", EDITORS),
        Edge("publish", ("draft", "published", "withdrawn"), "published", "item.published", EDITORS),
        Edge("withdraw", ("published",), "withdrawn", "item.withdrawn", EDITORS),
    ),
)

# The edge that makes a record: an item begins as a draft.
BEGIN = Edge("begin", (), "draft", "item.edited", EDITORS)
