"""The life of a booking as data; docs/appointments.md draws it."""

from __future__ import annotations

from kernel.machine import Actor, Edge, Machine

_R, _ST, _SY = Actor.RESIDENT, Actor.STAFF, Actor.SYSTEM

# The two edges that make a booking.
HOLD = Edge("hold", (), "held", "booking.held", (_R,))
WAIT = Edge("wait", (), "waiting", "booking.waiting", (_R,))

MACHINE = Machine(
    "booking",
    initial=("held", "waiting"),
    edges=(
        Edge("offer", ("waiting",), "offered", "booking.offered", (_SY,)),
        Edge("confirm", ("held", "offered"), "confirmed", "booking.confirmed", (_R,)),
        Edge("expire", ("held",), "expired", "booking.expired", (_SY,)),
        Edge("lapse", ("offered",), "expired", "booking.offer_lapsed", (_SY,)),
        Edge("give_up", ("waiting",), "expired", "booking.wait_ended", (_SY,)),
        Edge("move", ("confirmed",), "confirmed", "booking.moved", (_R,)),
        Edge("remind", ("confirmed",), "confirmed", "booking.reminder_due", (_SY,)),
        Edge("cancel", ("held", "waiting", "offered"), "cancelled", "booking.withdrawn", (_R,)),
        Edge("cancel", ("confirmed",), "cancelled", "booking.cancelled", (_R, _ST)),
        Edge("check_in", ("confirmed",), "checked_in", "booking.checked_in", (_ST,)),
        Edge("call", ("checked_in", "called"), "called", "booking.called", (_ST,)),
        Edge("finish", ("called",), "done", "booking.done", (_ST,)),
        Edge("close", ("confirmed", "checked_in", "called"), "closed", "booking.closed", (_SY,)),
        Edge("mark_no_show", ("confirmed", "checked_in", "called"), "no_show", "booking.no_show", (_ST,)),
    ),
)

# Events after which a place may be free for the first of the waiting list.
FREEING = frozenset(
    {"booking.expired", "booking.offer_lapsed", "booking.moved", "booking.withdrawn", "booking.cancelled"}
)
