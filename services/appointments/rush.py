"""A rush on one slot, softened: callers of one process take turns, and a slot just found full is full for a moment.

Nothing here makes bookings right: the unique index does (store.py). This only spares the database what would fail:
without it, five hundred callers read the same fifty places and lose the same races again and again.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from weakref import WeakValueDictionary

from kernel.clock import Clock

# A place freed by another process is seen that much later; one freed by this process at once.
REMEMBER = timedelta(milliseconds=250)
# A caller who has waited so long for a turn goes without: a slow database must not make a queue of time-outs.
PATIENCE_SECONDS = 1.0
# Slots remembered as full; more than a rush has.
REMEMBERED = 10_000


class Rush:
    """Turns and fullness, by slot id."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._turns: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._full: dict[str, datetime] = {}

    @asynccontextmanager
    async def turn(self, slot: str) -> AsyncIterator[None]:
        """One caller at a time, or any after a second of waiting."""
        lock = self._turns.setdefault(slot, asyncio.Lock())
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                await lock.acquire()
        except TimeoutError:
            yield
            return
        try:
            yield
        finally:
            lock.release()

    def is_full(self, slot: str) -> bool:
        return self._full.get(slot, datetime.min.replace(tzinfo=self._clock.now().tzinfo)) > self._clock.now()

    def found_full(self, slot: str, first_end: datetime | None) -> None:
        """``first_end``: when the first hold or offer of the slot ends, if any: then it may be full no longer."""
        until = self._clock.now() + REMEMBER
        if len(self._full) >= REMEMBERED:
            self._full.clear()
        self._full[slot] = until if first_end is None else min(until, first_end)

    def freed(self, slot: str) -> None:
        self._full.pop(slot, None)
