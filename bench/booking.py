"""The booking race against the database's own writes: 500 callers on 50 places, seed after seed."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from pathlib import Path
from typing import Any

from bench.table import Row
from kernel.clock import ManualClock
from kernel.errors import Code, Conflict
from services.appointments.actions import Appointments
from services.appointments.model import State
from services.appointments.store import BookingStore
from services.store import Collection, Database, Document
from tests.desk import ITEM, START, desk
from tests.helpers import MONDAY_MORNING

PLACES, CALLERS = 50, 500


class RaceLost(AssertionError):
    """More or fewer people than places were confirmed."""


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
            "_id": id_, "state": State.HELD.value, "version": 1, "until": MONDAY_MORNING,
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
    await race(desk(database, ManualClock(MONDAY_MORNING), data, -1, PLACES))
    finished = [document async for document in bookings.find({})]
    await bookings.delete_many({})
    whole, until_last, writes = [], [], []
    deadline = time.monotonic() + seconds
    for seed in range(seeds):
        if time.monotonic() > deadline:
            break
        for ours in (True, False) if seed % 2 else (False, True):
            if ours:
                took, last = await race(desk(database, ManualClock(MONDAY_MORNING), data, seed, PLACES))
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
