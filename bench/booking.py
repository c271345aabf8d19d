"""The booking race against the database's own writes: 500 callers on 50 places, seed after seed."""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from datetime import date
from datetime import time as clock_time
from pathlib import Path
from typing import Any

from bench.table import Row
from kernel.clock import ManualClock, local_instant
from kernel.errors import Code, Conflict
from kernel.ids import Ids
from server.wiring import read_workdays
from services.appointments.actions import Appointments
from services.appointments.model import Rules, State
from services.appointments.places import Places
from services.appointments.store import BookingStore
from services.catalogue.model import Audience, Field, ItemContent, ItemVersion, Kind, LegalBasis, Level, Step
from services.catalogue.queries import Catalogue
from services.catalogue.store import ItemVersionStore
from services.centres.model import Centre, CounterKind, Period
from services.centres.model import Counter as Desk
from services.centres.queries import Centres
from services.store import Collection, Database, Document

ITEM = "000709101000"
PLACES, CALLERS = 50, 500
NOW = local_instant(date(2026, 11, 23), clock_time(9))
START = local_instant(date(2026, 11, 25), clock_time(9))


class RaceLost(AssertionError):
    """More or fewer people than places were confirmed."""


def desk(database: Database, data: Path, seed: int) -> Appointments:
    """Appointments at one centre whose nine o'clock slot has fifty places."""
    content = ItemContent(
        code=ITEM, name="居民身份证丢失补领", kind=Kind.CONFIRMATION, field=Field.PUBLIC_SAFETY, department="市公安局",
        levels=[Level.COUNTY], audience=[Audience.PERSON], legal_basis=[LegalBasis(title="居民身份证法")],
        steps=[Step(name="申请", detail="到窗口")], counter="household",
    )  # fmt: skip
    counter = Desk(
        kind=CounterKind.HOUSEHOLD, name="户政", prefix="户", windows=[f"A{n}" for n in range(PLACES)],
        service_minutes=30, slot_minutes=30,
    )  # fmt: skip
    centre = Centre(
        code="C1", name="中心", level=Level.CITY, division="371002", district="环翠区", address="路 1 号", phone="0631",
        location=(122.1, 37.5), counters=[counter],
        opening={day: [Period("09:00", "09:30")] for day in ("mon", "tue", "wed", "thu", "fri")},
    )  # fmt: skip
    clock, rules = ManualClock(NOW), Rules()
    catalogue, centres = Catalogue(ItemVersionStore(database)), Centres([centre])
    catalogue.load([ItemVersion(number=1, published_at=NOW, content=content)])
    store = BookingStore(database, clock, Ids())
    places = Places(store, catalogue, centres, read_workdays(data), clock, rules, random.Random(seed))
    return Appointments(store, places, centres, clock, Ids(), rules)


async def race(appointments: Appointments) -> tuple[float, float]:
    """Seconds until the last caller knows, and until the last place is confirmed. Raises RaceLost."""
    began = time.perf_counter()
    last = began

    async def caller(number: int) -> str:
        nonlocal last
        try:
            held = await appointments.do_hold(f"P{number}", ITEM, "C1", START)
            booked = await appointments.do_confirm(f"P{number}", held.id)
        except Conflict as refused:
            return refused.code.name
        last = time.perf_counter()
        return booked.queue_number

    numbers = Counter(await asyncio.gather(*(caller(n) for n in range(CALLERS))))
    took = time.perf_counter() - began
    refused = numbers.pop(Code.SLOT_FULL.name, 0)
    if refused != CALLERS - PLACES or len(numbers) != PLACES or set(numbers.values()) != {1}:
        raise RaceLost(f"{len(numbers)} queue numbers, {refused} refusals: {numbers}")
    return took, last - began


async def raw(collection: Collection, finished: list[Document], seed: int) -> float:
    """Seconds of one insert_one and one update_one for each booking, all at once, of documents like ours."""

    async def one(document: Document) -> None:
        id_ = f"{document['_id']}-{seed}"
        grown = {"history": document["history"][1], "outgoing": document["outgoing"][1]}
        changed = {key: document[key] for key in ("state", "updated_at", "queue_number", "wake_at") if key in document}
        held = {key: value for key, value in document.items() if key != "queue_number"} | {
            "_id": id_, "state": State.HELD.value, "version": 1, "until": NOW,
            "history": document["history"][:1], "outgoing": document["outgoing"][:1],
        }  # fmt: skip
        await collection.insert_one(held)
        update: dict[str, Any] = {"$set": changed | {"version": 2}, "$push": grown, "$unset": {"until": ""}}
        result = await collection.update_one({"_id": id_, "version": 1}, update)
        assert result.modified_count == 1

    began = time.perf_counter()
    await asyncio.gather(*(one(document) for document in finished))
    return time.perf_counter() - began


async def races(database: Database, data: Path, seeds: int, seconds: float) -> list[Row]:
    """One race and one round of raw writes a seed, the order changing; the collections are emptied in between.

    No new seed is begun after ``seconds``: the table says how many were run.
    """
    bookings, plain = database["bookings"], database["bench_raw"]
    indexes = [index.model() for index in BookingStore.all_indexes()]
    for collection in (bookings, plain):
        await collection.create_indexes(indexes)
    await race(desk(database, data, seed=-1))
    finished = [document async for document in bookings.find({})]
    await bookings.delete_many({})
    whole, until_last, writes = [], [], []
    deadline = time.monotonic() + seconds
    for seed in range(seeds):
        if time.monotonic() > deadline:
            break
        for ours in (True, False) if seed % 2 else (False, True):
            if ours:
                took, last = await race(desk(database, data, seed))
                confirmed = await bookings.count_documents({"state": State.CONFIRMED.value})
                if confirmed != PLACES:
                    raise RaceLost(f"seed {seed}: {confirmed} confirmed in the database")
                whole.append(PLACES / took)
                until_last.append(PLACES / last)
                await bookings.delete_many({})
            else:
                writes.append(PLACES / await raw(plain, finished, seed))
                await plain.delete_many({})
    ratio = [a / b for a, b in zip(whole, writes, strict=True)]
    bare = [a / b for a, b in zip(until_last, writes, strict=True)]
    return [
        Row(
            f"booking race: confirmed of {CALLERS} callers ({len(whole)} of {seeds} seeds run)",
            [PLACES] * len(whole),
            at_least=50,
        ),
        Row("bookings / raw write pairs, a second: until all 500 have their answer", ratio, at_least=0.5),
        Row("bookings / raw write pairs, a second: until the 50th is confirmed", bare, at_least=0.5),
        Row("-- bookings a second, until all 500 have their answer", whole),
        Row("-- bookings a second, until the 50th is confirmed", until_last),
        Row("-- raw pairs (insert_one and update_one) a second", writes),
    ]
