"""Events that a consumer could not take: kept, visible, and replayed by command."""

from __future__ import annotations

from datetime import datetime

import msgspec
from msgspec import Struct

from services.store import Event


class DeadLetter(Struct, frozen=True, kw_only=True):
    """One event that one consumer refused for the last time. ``_id`` is consumer/event id: once a pair."""

    id: str = msgspec.field(name="_id")
    consumer: str
    event: Event
    error: str
    attempts: int
    at: datetime
