"""A booking: one person's way to one counter at one time, from the hold to the end of the service.

Invariants, held by unique indexes (services/appointments/store.py) and not by counting:

- a place (slot, number) is taken by at most one booking, so a slot never has more bookings than places;
- a person has at most one open booking per item, and at most ``Rules.open_per_person`` open ones in all.

A hold or an offer ends at ``until``: whoever wants the place after that moment frees it first, so no sweeper is needed
for the places to be right; the worker's timer only makes the end visible sooner.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

import msgspec
from msgspec import Struct

from services.store import Aggregate


class State(StrEnum):
    WAITING = "waiting"  # on the waiting list of a full slot; takes no place
    HELD = "held"  # has a place until ``until``
    OFFERED = "offered"  # first of the waiting list: has a freed place until ``until``
    CONFIRMED = "confirmed"
    CHECKED_IN = "checked_in"
    CALLED = "called"
    DONE = "done"
    NO_SHOW = "no_show"
    CANCELLED = "cancelled"
    CLOSED = "closed"  # its day passed and nobody recorded how it ended: no fault of the resident
    EXPIRED = "expired"  # a hold or an offer that nobody confirmed, or a wait that came to nothing


OPEN = frozenset({State.WAITING, State.HELD, State.OFFERED, State.CONFIRMED, State.CHECKED_IN, State.CALLED})
# States that somebody at the counter brings to their end; the day after, the worker does.
EXPECTED = frozenset({State.CONFIRMED, State.CHECKED_IN, State.CALLED})
# States that end by themselves at ``until``.
TEMPORARY = frozenset({State.HELD, State.OFFERED})


class Booking(Aggregate, kw_only=True):
    """``place`` (0-based) is there exactly while the booking takes a place; ``open`` and ``ordinal`` while it counts
    against the person's limits."""

    person: str
    item: str
    item_version: int
    item_name: str
    centre: str
    centre_name: str
    centre_address: str
    counter: str
    slot: str
    # The slot's day in Weihai, "2026-11-25": staff and limits look by day.
    day: str
    start: datetime
    end: datetime
    open: bool = True
    ordinal: int | None = None
    place: int | None = None
    until: datetime | None = None
    queue_number: str = ""
    # Who is called to which window.
    window: str = ""
    reminded: bool = False
    # Names the request that made the booking, so that a repeat finds it (unique).
    request_key: str | None = None


class Occupant(Struct, frozen=True, kw_only=True):
    """What a claim needs to know of a slot's open bookings: fifty whole bookings would be mostly history."""

    id: str = msgspec.field(name="_id")
    state: str
    created_at: datetime
    place: int | None = None
    until: datetime | None = None


class Taken(Struct, frozen=True):
    """How many places of a slot are taken, and how many people wait for it."""

    places: int = 0
    waiting: int = 0


@dataclass(frozen=True)
class Rules:
    """The city's rules for appointments."""

    hold: timedelta = timedelta(minutes=5)
    offer: timedelta = timedelta(minutes=30)
    days_ahead: int = 30
    open_per_person: int = 3
    no_shows_until_block: int = 3
    no_show_window: timedelta = timedelta(days=90)
    no_show_block: timedelta = timedelta(days=30)
    # Hour of the day before, in Weihai, at which the reminder goes out.
    reminder_hour: int = 10
