"""Five hundred callers on fifty places: exactly fifty get one."""

from __future__ import annotations

import asyncio
from collections import Counter
from pathlib import Path

import pytest

from kernel.clock import ManualClock
from kernel.errors import Conflict
from services.appointments.model import Rules
from services.appointments.store import BookingStore
from services.store import Database
from tests.desk import ITEM, START, desk
from tests.helpers import create_indexes

PLACES = 50
CALLERS = 500


@pytest.mark.parametrize("seed", range(5))
async def test_five_hundred_callers_get_exactly_fifty_places(
    database: Database, clock: ManualClock, data_folder: Path, seed: int
) -> None:
    await create_indexes(database, BookingStore)
    appointments = desk(database, clock, data_folder, seed, PLACES)

    async def caller(number: int) -> str:
        try:
            held = await appointments.do_hold(f"P{number}", ITEM, "C1", START)
            return (await appointments.do_confirm(f"P{number}", held.id)).queue_number
        except Conflict as refused:
            return refused.code.name

    numbers = Counter(await asyncio.gather(*(caller(n) for n in range(CALLERS))))
    assert numbers.pop("SLOT_FULL") == CALLERS - PLACES
    assert len(numbers) == PLACES
    assert set(numbers.values()) == {1}


async def test_one_person_clicking_ten_times_at_once_has_one_booking(
    database: Database, clock: ManualClock, data_folder: Path
) -> None:
    await create_indexes(database, BookingStore)
    appointments = desk(database, clock, data_folder, seed=1, places=PLACES)
    clicks = [appointments.do_hold("P1", ITEM, "C1", START, request_key="P1:same-key") for _ in range(10)]
    booked = await asyncio.gather(*clicks, return_exceptions=True)
    ids = {b.id for b in booked if not isinstance(b, BaseException)}
    assert len(ids) == 1
    assert await database["bookings"].count_documents({}) == 1


async def test_a_hold_ends_at_its_time_though_no_sweeper_runs(
    database: Database, clock: ManualClock, data_folder: Path
) -> None:
    await create_indexes(database, BookingStore)
    appointments = desk(database, clock, data_folder, seed=1, places=1)
    first = await appointments.do_hold("P1", ITEM, "C1", START)
    with pytest.raises(Conflict, match="SLOT_FULL"):
        await appointments.do_hold("P2", ITEM, "C1", START)
    clock.advance(Rules().hold)
    second = await appointments.do_hold("P2", ITEM, "C1", START)
    assert second.place == first.place
    with pytest.raises(Conflict):
        await appointments.do_confirm("P1", first.id)
