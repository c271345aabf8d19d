"""Who gets a conversation: one officer at most, whoever claims it at once, and within their capacity."""

from __future__ import annotations

import asyncio
import random
from datetime import timedelta

import pytest

from kernel.errors import BanshiError
from services.consultations.model import Conversation, Needs, Officer, Presence
from services.consultations.routing import Loads, candidates
from services.store import to_document
from tests.helpers import MONDAY_MORNING
from tests.services.consultations.conftest import Office, Process, caller, come

SEEDS = 200


async def test_two_who_claim_one_conversation_at_once_never_both_have_it(office: Office) -> None:
    first, second = office.process(), office.process()
    wins = {"ST-A": 0, "ST-B": 0}
    for seed in range(SEEDS):
        rng = random.Random(seed)
        # Officers of their own for each seed: what is raced for is the conversation, not a free hand.
        pair = (f"ST-A{seed}", f"ST-B{seed}")
        waiting = waits(Needs(), name=f"CV-{seed}")
        await office.database["conversations"].insert_one(to_document(waiting))

        async def claim(process: Process, staff_id: str, conversation: str, pause: float) -> str | None:
            for _ in range(int(pause)):
                await asyncio.sleep(0)
            try:
                return (await process.desk.do_take(caller(staff_id), conversation)).owner
            except BanshiError:
                return None

        got = await asyncio.gather(
            claim(first, pair[0], waiting.id, rng.random() * 9), claim(second, pair[1], waiting.id, rng.random() * 9)
        )
        stored = await first.store.get(waiting.id)
        assert stored is not None
        assert stored.owner is not None
        assert [one for one in got if one is not None] == [stored.owner], seed
        assert [entry.action for entry in stored.history] == ["assign"], seed
        wins[stored.owner[:4]] += 1
    assert min(wins.values()) > 0, wins


async def test_workers_that_assign_at_once_keep_to_every_officers_capacity(office: Office) -> None:
    processes = [office.process() for _ in range(3)]
    await come(processes[0], "ST-A", "ST-B")
    waiting = [await office.queued(processes[0], f"PR-{n}") for n in range(14)]
    await asyncio.gather(*(process.desk.do_assign_waiting() for process in processes))
    while await processes[0].desk.do_assign_waiting():
        pass
    stored = [await processes[0].store.get(one.id) for one in waiting]
    owners = [one.owner for one in stored if one is not None]
    assert {owner: owners.count(owner) for owner in ("ST-A", "ST-B")} == {"ST-A": 5, "ST-B": 5}
    # Those who have waited for longest have somebody.
    assert [owner is None for owner in owners].count(True) == 4
    assert all(
        one is not None and one.queued_at is not None for one, owner in zip(stored, owners, strict=True) if not owner
    )


async def test_who_is_away_gets_nothing_and_who_shows_no_sign_of_life_neither(office: Office) -> None:
    process = office.process()
    await process.officers.do_beat("ST-A", Presence.AWAY)
    await come(process, "ST-B")
    office.clock.advance(timedelta(seconds=61))
    await office.queued(process, "PR-1")
    assert await process.desk.do_assign_waiting() == 0
    await process.officers.do_beat("ST-B")
    assert await process.desk.do_assign_waiting() == 1
    assert [one.id for one in await process.queries.mine("ST-B")] != []


def officer(
    name: str, *, busy: int = 0, departments: tuple[str, ...] = (), languages: tuple[str, ...] = ("zh",)
) -> Officer:
    busy_at = MONDAY_MORNING + timedelta(seconds=busy)
    return Officer(
        id=name, status=Presence.ONLINE, seen_at=MONDAY_MORNING, busy_at=busy_at, departments=list(departments),
        languages=list(languages), capacity=1,
    )  # fmt: skip


def waits(needs: Needs, *, sticky: str | None = None, avoid: tuple[str, ...] = (), name: str = "CV") -> Conversation:
    return Conversation(
        id=name, state="queued", created_at=MONDAY_MORNING, updated_at=MONDAY_MORNING, person=f"PR-{name}",
        day="2026-11-23", needs=needs, queued_at=MONDAY_MORNING, seeking_since=MONDAY_MORNING, sticky=sticky,
        avoid=list(avoid),
    )  # fmt: skip


WIDEN = timedelta(minutes=2)


@pytest.mark.parametrize(
    ("conversation", "order"),
    [
        (waits(Needs()), ["idle", "police", "busy"]),
        (waits(Needs(), sticky="busy"), ["busy", "idle", "police"]),
        (waits(Needs(department="市医保局")), ["idle", "busy"]),
        (waits(Needs(language="en")), ["police"]),
        (waits(Needs(), avoid=("idle",)), ["police", "busy"]),
        (waits(Needs(language="ko")), []),
    ],
)
def test_the_last_officer_then_who_fits_and_has_been_idle_longest(conversation: Conversation, order: list[str]) -> None:
    officers = [
        officer("busy", busy=30),
        officer("police", busy=20, departments=("市公安局",), languages=("zh", "en")),
        officer("idle", busy=10),
    ]
    found = candidates(conversation, officers, Loads([]), MONDAY_MORNING, WIDEN)
    assert [one.id for one, _ in found] == order


def test_after_a_while_anybody_may_but_who_let_it_lie_comes_last() -> None:
    officers = [officer("silent"), officer("other", busy=50)]
    conversation = waits(Needs(language="ko"), avoid=("silent",))
    found = candidates(conversation, officers, Loads([]), MONDAY_MORNING + WIDEN, WIDEN)
    assert [one.id for one, _ in found] == ["other", "silent"]
