"""One desk with one slot of some places: what the race of the tests and of the bench runs for."""

from __future__ import annotations

import random
from datetime import date, time
from pathlib import Path

from kernel.clock import ManualClock, local_instant
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
from tests.helpers import MONDAY_MORNING

ITEM = "000709101000"
START = local_instant(date(2026, 11, 25), time(9))


def desk(database: Database, clock: ManualClock, data_folder: Path, seed: int, places: int) -> Appointments:
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
