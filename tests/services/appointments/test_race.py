"""Five hundred callers on fifty places: exactly fifty get one."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from datetime import date, time
from pathlib import Path

import pytest

from kernel.clock import ManualClock, local_instant
from kernel.errors import Conflict
from kernel.ids import Ids
from server.wiring import read_workdays
from services.appointments.actions import Appointments
from services.appointments.model import Rules
from services.appointments.places import Places
from services.appointments.store import BookingStore
from services.catalogue.model import Audience, Field, ItemContent, ItemVersion, Kind, LegalBasis, Level, Step
from services.catalogue.queries import Catalogue
from services.catalogue.store import ItemVersionStore
from services.centres.model import Centre, CounterKind, Period
from services.centres.model import Counter as Desk
from services.centres.queries import Centres
from services.store import Database
from tests.helpers import MONDAY_MORNING, create_indexes

ITEM = "000709101000"
PLACES = 50
CALLERS = 500
START = local_instant(date(2026, 11, 25), time(9))


def desk(database: Database, clock: ManualClock, data_folder: Path, seed: int, places: int = PLACES) -> Appointments:
    """Appointments at one centre whose nine o'clock slot has ``places`` places."""
    content = ItemContent(
        code=ITEM, name="居民身份证丢失补领", kind=Kind.CONFIRMATION, field=Field.PUBLIC_SAFETY, department="市公安局",
        levels=[Level.COUNTY], audience=[Audience.PERSON], legal_basis=[LegalBasis(title="居民身份证法")],
        steps=[Step(name="申请", detail="到窗口")], counter="household",
    )  # fmt: skip
    windows = [f"A{n}" for n in range(places)]
    counter = Desk(
        kind=CounterKind.HOUSEHOLD, name="户政", prefix="户", windows=windows, service_minutes=30, slot_minutes=30
    )
    opening = {day: [Period("09:00", "09:30")] for day in ("mon", "tue", "wed", "thu", "fri")}
    centre = Centre(
        code="C1", name="中心", level=Level.CITY, division="371002", district="环翠区", address="路 1 号", phone="0631",
        location=(122.1, 37.5), opening=opening, counters=[counter],
    )  # fmt: skip
    catalogue = Catalogue(ItemVersionStore(database))
    catalogue.load([ItemVersion(number=1, published_at=MONDAY_MORNING, content=content)])
    ids, store, centres = Ids(), BookingStore(database, clock, Ids()), Centres([centre])
    rng = random.Random(seed)
    places_ = Places(store, catalogue, centres, read_workdays(data_folder), clock, Rules(), rng)
    return Appointments(store, places_, centres, clock, ids, Rules())


@pytest.mark.parametrize("seed", range(5))
async def test_five_hundred_callers_get_exactly_fifty_places(
    database: Database, clock: ManualClock, data_folder: Path, seed: int
) -> None:
    await create_indexes(database, BookingStore)
    appointments = desk(database, clock, data_folder, seed)

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
    appointments = desk(database, clock, data_folder, seed=1)
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
