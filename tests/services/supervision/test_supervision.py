"""One entry for an event, however often it is delivered; acknowledged and closed once."""

from __future__ import annotations

import asyncio
from datetime import datetime

import pytest

from kernel.clock import SHANGHAI, ManualClock
from kernel.errors import ActionNotAllowed, NotFound
from kernel.ids import Ids
from services.store import Database, Event
from services.supervision.actions import Supervision
from services.supervision.model import KINDS, SETTLING, State
from services.supervision.queries import SupervisionQueries
from services.supervision.store import SupervisionStore

NOW = datetime(2090, 11, 21, 9, tzinfo=SHANGHAI)


def event(name: str, id_: str = "EV1", **data: str) -> Event:
    return Event(id=id_, name=name, aggregate="CA1", aggregate_version=3, at=NOW, data=data)


@pytest.fixture
async def store(database: Database) -> SupervisionStore:
    made = SupervisionStore(database, ManualClock(NOW), Ids())
    await database["supervision"].create_indexes([index.model() for index in made.all_indexes()])
    return made


@pytest.fixture
def supervision(store: SupervisionStore) -> Supervision:
    return Supervision(store, ManualClock(NOW), Ids())


async def test_an_event_delivered_many_times_at_once_makes_one_entry(
    store: SupervisionStore, supervision: Supervision
) -> None:
    red = event("case.limit_red", number="WH1", item_name="许可", department="D", owner="ST1", clock="promised")
    await asyncio.gather(*(supervision.do_open(red) for _ in range(5)))
    await supervision.do_open(red)
    [entry] = await SupervisionQueries(store).entries()
    assert (entry.kind, entry.subject, entry.officer, entry.clock) == ("limit_red", "CA1", "ST1", "promised")
    assert (entry.number, entry.title, entry.department) == ("WH1", "许可", "D")


@pytest.mark.parametrize("name", KINDS)
async def test_every_event_that_supervision_hears_makes_an_entry_of_its_kind(
    store: SupervisionStore, supervision: Supervision, name: str
) -> None:
    await supervision.do_open(event(name))
    assert [entry.kind for entry in await SupervisionQueries(store).entries()] == [KINDS[name]]


async def test_an_entry_is_acknowledged_and_closed_once_and_keeps_its_last_note(
    store: SupervisionStore, supervision: Supervision
) -> None:
    await supervision.do_open(event("case.second_notice"))
    queries = SupervisionQueries(store)
    [entry] = await queries.entries()
    await supervision.do_acknowledge("ST9", entry.id, "已联系窗口")
    with pytest.raises(ActionNotAllowed):
        await supervision.do_acknowledge("ST9", entry.id)
    closed = await supervision.do_close("ST9", entry.id, "已整改")
    assert (await queries.entries(), [e.id for e in await queries.entries(State.CLOSED)]) == ([], [entry.id])
    assert [(step.action, step.by, step.note) for step in closed.history[1:]] == [
        ("acknowledge", "ST9", "已联系窗口"), ("close", "ST9", "已整改"),
    ]  # fmt: skip
    with pytest.raises(ActionNotAllowed):
        await supervision.do_close("ST9", entry.id, "again")
    with pytest.raises(NotFound):
        await supervision.do_close("ST9", "SV-NONE", "x")


@pytest.mark.parametrize("name", SETTLING)
async def test_a_decision_settles_warnings_of_its_clock_whatever_is_delivered_twice(
    store: SupervisionStore, supervision: Supervision, name: str
) -> None:
    for number, (kind, clock) in enumerate(
        (
            ("case.limit_yellow", "promised"), ("case.limit_yellow", "task:fire"), ("complaint.limit_yellow", "answer"),
            ("case.limit_red", "task:fire"), ("case.second_notice", ""),
        )
    ):  # fmt: skip
        await supervision.do_open(event(kind, f"EV{number}", clock=clock))
    for _ in range(2):
        await supervision.do_settle(event(name, task="fire"))
    settled = {entry.clock for entry in await SupervisionQueries(store).entries(State.SETTLED)}
    assert settled == ({"task:fire"} if name == "case.task_decided" else {"promised", "task:fire", "answer"})
    left = [entry.kind for entry in await SupervisionQueries(store).entries()]
    assert {"limit_red", "second_notice"} <= set(left)
    assert all(len(entry.history) == 2 for entry in await SupervisionQueries(store).entries(State.SETTLED))


@pytest.mark.parametrize("name", ["conversation.closed", "conversation.timed_out", "conversation.form_answered"])
async def test_a_conversation_that_has_ended_settles_its_yellow_warnings_and_keeps_the_red_ones(
    store: SupervisionStore, supervision: Supervision, name: str
) -> None:
    for number, colour in enumerate(("yellow", "red")):
        late = event(
            "conversation.late", f"EV{number}", clock="next_answer", colour=colour, title="网上咨询", owner="ST1"
        )
        await supervision.do_open(late)
    queries = SupervisionQueries(store)
    assert {one.kind for one in await queries.entries()} == {"conversation_yellow", "conversation_late"}
    await supervision.do_settle(event(name))
    [left], [settled] = await queries.entries(), await queries.entries(State.SETTLED)
    assert (left.kind, left.clock, left.title, left.officer) == ("conversation_late", "next_answer", "网上咨询", "ST1")
    assert (settled.kind, settled.note) == ("conversation_yellow", SETTLING[name])
