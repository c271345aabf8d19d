"""Cases at scale: the same work on a database with few cases and on one with very many, in turns within one run.

Both databases lie on the same server and are used by the same process, so what differs is how much is stored. The work
is the product's own: ``do_*`` of cases, the look-up of progress, the worker's sweep, by way of the product's indexes.
"""

from __future__ import annotations

import asyncio
import random
import sys
from contextlib import AsyncExitStack
from dataclasses import replace
from time import perf_counter

import numpy as np

from bench.cases_data import NOW, WINDOW, Stock, copies, finish, person, prepare, submitted
from bench.table import Row
from kernel.clock import ManualClock
from server.settings import Settings
from server.wiring import open_house
from workers.run import wake_cases

FEW = 10_000
ROUNDS = 20
LIVES, AT_ONCE = 60, 6
LOOK_UPS = 400
DUE = 200


async def cases(settings: Settings, few: int, many: int) -> list[Row]:
    """Rows of ratios many / few, and the absolute figures they come of."""
    async with AsyncExitStack() as stack:
        stocks = []
        for name, count in (("few", few), ("many", many)):
            clock = ManualClock(NOW)
            house = await stack.enter_async_context(
                open_house(replace(settings, mongo_database=f"bench_cases_{name}", mongo_timeout_ms=600_000), clock)
            )
            await house.mongo.drop_database(house.database.name)
            stocks.append(await prepare(house, clock, count))
            print(f"stored {count:,} open and {count // 10:,} closed cases of {stocks[-1].bytes_each:,.0f} bytes "
                  f"in {stocks[-1].seconds:.0f} s", file=sys.stderr)  # fmt: skip
        found: dict[str, tuple[list[float], list[float]]] = {}
        rng = random.Random(7)
        for turn in range(ROUNDS + 1):
            for stock in stocks if turn % 2 else stocks[::-1]:
                measured = await _round(stock, turn, rng)
                # The first round warms both up.
                for name, value in measured.items() if turn else ():
                    found.setdefault(name, ([], []))[stocks.index(stock)].append(value)
        for stock in stocks:
            await stock.house.mongo.drop_database(stock.house.database.name)
    return _rows(found, few, many)


async def _round(stock: Stock, turn: int, rng: random.Random) -> dict[str, float]:
    return {
        "lives": await _lives(stock),
        "look_up": await _look_ups(stock, rng),
        "sweep": await _sweep(stock, turn, rng),
    }


async def _lives(stock: Stock) -> float:
    """Whole lives of cases a second: draft, submission, acceptance, two approvals, decision, result, issue."""
    people = [await person(stock.house) for _ in range(LIVES)]
    gate = asyncio.Semaphore(AT_ONCE)

    async def live(resident: str) -> None:
        async with gate:
            case = await submitted(stock.house, resident)
            await stock.house.city.cases.do_accept(WINDOW, case.id)
            await finish(stock.house, case.id)

    began = perf_counter()
    await asyncio.gather(*map(live, people))
    took = perf_counter() - began
    # As many are stored in each round; nobody delivers their events here.
    await stock.house.database["cases"].delete_many({"person": {"$in": people}})
    return LIVES / took


async def _look_ups(stock: Stock, rng: random.Random) -> float:
    """p95 in milliseconds of looking progress up by number, query code and last four, one after another."""
    took = []
    for number, query_code, last_four in rng.sample(stock.samples, LOOK_UPS):
        began = perf_counter()
        shown = await stock.house.city.case_queries.look_up(number, query_code, last_four)
        took.append(perf_counter() - began)
        if shown.number != number:
            raise RuntimeError(f"asked for {number}, shown {shown.number}")
    return float(np.percentile(took, 95) * 1000)


async def _sweep(stock: Stock, turn: int, rng: random.Random) -> float:
    """Milliseconds for each case that is due: found, read, warned. Raises RuntimeError when other than DUE were."""
    collection = stock.house.database["cases"]
    due = copies(stock.due, 9_000_000 + turn * DUE, DUE, rng, "DUE")
    await collection.insert_many([document | {"wake_at": NOW} for document in due])
    began, swept = perf_counter(), 0
    while done := await wake_cases(stock.house.city):
        swept += done
    took = perf_counter() - began
    names = [document["_id"] for document in due]
    warned = await collection.count_documents({"_id": {"$in": names}, "warned.0": {"$exists": True}})
    if warned != DUE or swept != DUE:
        raise RuntimeError(f"{swept} were swept and {warned} warned, not {DUE}")
    await collection.delete_many({"_id": {"$in": names}})
    return took / DUE * 1000


def _rows(found: dict[str, tuple[list[float], list[float]]], few: int, many: int) -> list[Row]:
    ratios = {name: [b / a for a, b in zip(*pair, strict=True)] for name, pair in found.items()}
    sizes = f"{many:,} / {few:,} open cases"
    rows = [
        Row(f"lives of cases a second: {sizes}", ratios["lives"], at_least=0.8),
        Row(f"progress look-up p95: {sizes}", ratios["look_up"], at_most=1.25),
        Row(f"timer sweep, cost of a due case: {sizes}", ratios["sweep"], at_most=1.2),
    ]
    for name, words, unit in (
        ("lives", "lives of cases a second", ""),
        ("look_up", "progress look-up p95", "ms"),
        ("sweep", "timer sweep, a due case", "ms"),
    ):
        for count, values in zip((few, many), found[name], strict=True):
            rows.append(Row(f"-- {words}, {count:,} open", values, unit))
    return rows
