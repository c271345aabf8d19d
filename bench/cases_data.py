"""A database with very many cases: made by the product a few times, then stored again and again under other names.

What every copy has of its own is what the indexes see: id, number, person, queues, and when its timer looks again. Its
history, tasks, notices and clock are those of a real case; encrypted fields are shared between copies, but for the
cases that are looked up, whose proof is their own.
"""

from __future__ import annotations

import json
import random
import secrets
from dataclasses import dataclass, field
from datetime import date, time, timedelta
from statistics import mean
from time import perf_counter
from typing import Any

from bson import encode

from kernel.clock import ManualClock, local_instant
from kernel.identifiers import resident_id_check_character
from server.setup import initialise
from server.wiring import House
from services.cases.model import Case, Given, Officer
from services.cases.numbers import check_digit, new_query_code
from services.cases.store import CaseStore
from services.catalogue.model import MaterialClass
from services.identity.machine import State
from services.identity.model import Level, Person, PersonalData
from services.identity.store import PersonStore
from services.store import Document, to_document
from tests.cases import ANSWERS, CONTENT, FIRE, ITEM, LEADING, PLANNING
from tests.city import CENTRE, DATA

# A Tuesday in the middle of a year whose working days are known.
NOW = local_instant(date(2026, 6, 16), time(9))
BATCH = 1000
# So many of the stored cases can be looked up, evenly spread.
SAMPLES = 2000
DEPARTMENTS = 40
CENTRES = 30
WINDOW = Officer("ST-WINDOW", CENTRE, None, False)
APPROVERS = {code: Officer(f"ST-{code}", None, name, False) for code, name in (("fire", FIRE), ("plan", PLANNING))}
LEAD = Officer("ST-LEAD", None, LEADING, False)


@dataclass
class Stock:
    """One database, its house, and what the rounds need of it. ``samples``: (number, query code, last four)."""

    house: House
    clock: ManualClock
    cases: int
    samples: list[tuple[str, str, str]] = field(default_factory=list)
    due: Document = field(default_factory=dict)
    seconds: float = 0.0
    bytes_each: float = 0.0


async def person(house: House) -> str:
    """Somebody with an account and a real name, as signing in and verifying leave them."""
    birthday = date(1950, 1, 1) + timedelta(days=secrets.randbelow(18_000))
    body = f"371002{birthday:%Y%m%d}{secrets.randbelow(1000):03}"
    store = PersonStore(house.database, house.city.clock, house.city.ids, house.cipher)
    openid = secrets.token_hex(14)
    personal = PersonalData(
        openid=openid, name="王小明", id_number=body + resident_id_check_character(body), phone="13900001111"
    )
    now = house.city.clock.now()
    made = Person(
        id=f"P-{openid}", state=State.ACTIVE, created_at=now, updated_at=now, level=Level.REAL_NAME,
        **await store.seal(personal),
    )  # fmt: skip
    await house.database["persons"].insert_one(to_document(made))
    return made.id


async def prepare(house: House, clock: ManualClock, cases: int) -> Stock:
    """Indexes, keys, centres, one item with two departments in parallel; then the cases."""
    clock.set(NOW)
    await initialise(house)
    await house.city.centre_actions.do_import((DATA / "centres.jsonl").read_bytes())
    content = CONTENT | {
        "materials": [{"name": "承诺书", "material_class": MaterialClass.SELF_DECLARED, "form": "填写"}],
        "tasks": [task for task in CONTENT["tasks"] if task["code"] != "final"],  # type: ignore[attr-defined]
        "fees": [],
    }
    line = json.dumps(content, ensure_ascii=False).encode()
    parsed, _ = await house.city.catalogue_actions.do_import(line, by="bench")
    if parsed.rejections:
        raise RuntimeError(f"the item was not published: {parsed.rejections}")
    stock = Stock(house, clock, cases)
    await _fill(stock, await _models(stock))
    return stock


async def _models(stock: Stock) -> list[Document]:
    """Cases of several states, made by the product; the last model's clock has run nearly out."""
    models = []
    for state, days in (("submitted", 1), ("accepted", 2), ("one", 4), ("closed", 6), ("due", 14)):
        stock.clock.set(NOW - timedelta(days=days))
        case = await submitted(stock.house, await person(stock.house))
        if state != "submitted":
            await stock.house.city.cases.do_accept(WINDOW, case.id)
        if state == "one":
            await stock.house.city.cases.do_decide_task(APPROVERS["fire"], case.id, "fire", True, "符合条件")
        if state == "closed":
            await finish(stock.house, case.id)
            await stock.house.city.cases.do_receive(case.person, case.id)
        document: Any = await stock.house.database["cases"].find_one({"_id": case.id})
        models.append(document | {"outgoing": []})
        models[-1].pop("outgoing_at", None)
    await stock.house.database["cases"].delete_many({})
    stock.clock.set(NOW)
    stock.due = models.pop()
    return models


async def submitted(house: House, resident: str) -> Case:
    await house.city.cases.do_save_draft(resident, ITEM, Given(answers=dict(ANSWERS), centre=CENTRE))
    return await house.city.cases.do_submit(resident, ITEM)


async def finish(house: House, case_id: str) -> None:
    """From acceptance to the result in hand: the two departments at once."""
    cases = house.city.cases
    for code, officer in APPROVERS.items():
        await cases.do_decide_task(officer, case_id, code, True, "符合条件")
    await cases.do_decide(LEAD, case_id, True, "准予许可")
    await cases.do_record_result(LEAD, case_id, "联合许可决定书", "威审许〔2026〕1号")
    await cases.do_issue(WINDOW, case_id)


def copies(model: Document, first: int, count: int, rng: random.Random, prefix: str = "CS") -> list[Document]:
    """``count`` cases like the model, each of its own number, person, centre, department and timer."""
    found = []
    for number in range(first, first + count):
        digits = f"{20260101 + number % 28}{number:07}"
        copy = model | {
            "_id": f"{prefix}-{number:08}-{rng.getrandbits(40):010x}",
            "number": f"WH{digits[:8]}-{digits[8:]}{check_digit(digits)}",
            "person": f"P-{number // 3:08}",
            "centre": f"WH-{number % CENTRES}",
        }
        if "desk" in copy:
            copy["desk"] = copy["centre"]
        if "departments" in copy:
            copy["departments"] = [f"第{rng.randrange(DEPARTMENTS)}局", f"第{rng.randrange(DEPARTMENTS)}局"]
        if "queued_at" in copy:
            copy["queued_at"] = NOW - timedelta(seconds=rng.randrange(10 * 86400))
        if "wake_at" in copy:
            copy["wake_at"] = NOW + timedelta(seconds=rng.randrange(86400, 30 * 86400))
        found.append(copy)
    return found


async def _fill(stock: Stock, models: list[Document]) -> None:
    """``cases`` with an open clock, and a tenth as many that are closed."""
    *going, closed = models
    stock.bytes_each = mean(len(encode(model)) for model in models)
    collection, rng, began = stock.house.database["cases"], random.Random(stock.cases), perf_counter()
    store = CaseStore(stock.house.database, stock.clock, stock.house.city.ids, stock.house.cipher)
    every = max(1, stock.cases // SAMPLES)
    for first in range(0, stock.cases, BATCH):
        batch = copies(going[first // BATCH % len(going)], first, min(BATCH, stock.cases - first), rng)
        for document in batch[:: min(every, BATCH)]:
            if len(stock.samples) < SAMPLES and int(document["_id"].split("-")[1]) % every == 0:
                code, last_four = new_query_code(), f"{rng.randrange(10_000):04}"
                document["query_code"] = code
                document["proof"] = await store.proof(document["number"], code, last_four)
                stock.samples.append((document["number"], code, last_four))
        if first // BATCH % 10 == 9:
            batch += copies(closed, 5_000_000 + first, BATCH, rng)
        await collection.insert_many(batch, ordered=False)
    stock.seconds = perf_counter() - began
