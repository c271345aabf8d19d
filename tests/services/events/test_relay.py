"""Events reach every consumer at least once, in order per aggregate; what a consumer never takes becomes visible."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, ClassVar, cast

import pytest

from kernel.clock import ManualClock
from kernel.ids import Ids
from kernel.machine import Actor, Edge
from services.events.actions import RETRY_AFTER, Consumer, Relay, do_replay
from services.events.store import DeadLetterStore
from services.store import Aggregate, AggregateStore, Database, Event, Step
from tests.helpers import create_indexes

OPEN = Edge("open", (), "open", "thing.opened", (Actor.SYSTEM,))
POKE = Edge("poke", ("open",), "open", "thing.poked", (Actor.SYSTEM,))


class Things(AggregateStore[Aggregate]):
    collection_name: ClassVar[str] = "things"
    record: ClassVar[type[Aggregate]] = Aggregate


class Recorder:
    """A consumer that fails while ``failing``."""

    def __init__(self, name: str) -> None:
        self.failing = False
        self.taken: list[tuple[str, int]] = []
        self.consumer = Consumer(name, frozenset({"thing.opened", "thing.poked"}), self.take)

    async def take(self, event: Event) -> None:
        if self.failing:
            raise RuntimeError("not now")
        self.taken.append((event.name, event.aggregate_version))


@pytest.fixture
async def things(database: Database, clock: ManualClock, ids: Ids) -> Things:
    await create_indexes(database, Things, DeadLetterStore)
    return Things(database, clock, ids)


async def opened(things: Things, clock: ManualClock, id_: str = "t1", pokes: int = 2) -> None:
    now = clock.now()
    thing = await things.create(Aggregate(id=id_, state="", created_at=now, updated_at=now), Step(OPEN, Actor.SYSTEM))
    for _ in range(pokes):
        written = await things.step(thing, Step(POKE, Actor.SYSTEM))
        assert written is not None
        thing = written


def relay(things: Things, letters: DeadLetterStore, clock: ManualClock, *recorders: Recorder) -> Relay:
    return Relay(cast(Any, [things]), [r.consumer for r in recorders], letters, clock)


IN_ORDER = [("thing.opened", 1), ("thing.poked", 2), ("thing.poked", 3)]


async def test_events_are_delivered_in_order_and_taken_off(
    database: Database, things: Things, clock: ManualClock
) -> None:
    await opened(things, clock)
    recorder = Recorder("r")
    assert await relay(things, DeadLetterStore(database), clock, recorder).do_deliver() == 3
    assert recorder.taken == IN_ORDER
    left = await things.get("t1")
    assert left is not None
    assert (left.outgoing, left.outgoing_at) == ([], None)
    assert [entry.action for entry in left.history] == ["open", "poke", "poke"]


async def test_an_event_written_while_others_are_delivered_is_not_forgotten(
    database: Database, things: Things, clock: ManualClock
) -> None:
    await opened(things, clock, pokes=0)
    thing = await things.get("t1")
    assert thing is not None
    await things.step(thing, Step(POKE, Actor.SYSTEM))
    await things.delivered("t1", [thing.outgoing[0].id])
    recorder = Recorder("r")
    await relay(things, DeadLetterStore(database), clock, recorder).do_deliver()
    assert recorder.taken == [("thing.poked", 2)]


async def test_a_failing_consumer_holds_up_its_aggregate_and_neither_others_nor_other_consumers(
    database: Database, things: Things, clock: ManualClock
) -> None:
    await opened(things, clock)
    good, bad = Recorder("good"), Recorder("bad")
    bad.failing = True
    runs = relay(things, DeadLetterStore(database), clock, good, bad)
    await runs.do_deliver()
    assert good.taken == IN_ORDER[:1]
    bad.failing = False
    assert await runs.do_deliver() == 0, "the wait is not over"
    clock.advance(RETRY_AFTER[0])
    await runs.do_deliver()
    assert good.taken == IN_ORDER
    assert bad.taken == IN_ORDER


async def test_what_is_never_taken_becomes_a_dead_letter_and_can_be_replayed(
    database: Database, things: Things, clock: ManualClock
) -> None:
    await opened(things, clock, pokes=0)
    bad, letters = Recorder("bad"), DeadLetterStore(database)
    bad.failing = True
    runs = relay(things, letters, clock, bad)
    for _ in range(len(RETRY_AFTER) + 1):
        await runs.do_deliver()
        clock.advance(max(RETRY_AFTER))
    [letter] = await letters.all()
    assert (letter.consumer, letter.event.name) == ("bad", "thing.opened")
    assert "not now" in letter.error
    known = {"bad": bad.consumer}
    assert await do_replay(letters, known) == (0, 1)
    bad.failing = False
    assert await do_replay(letters, known) == (1, 0)
    assert await letters.count() == 0


async def test_of_two_writers_who_read_the_same_version_one_wins(things: Things, clock: ManualClock) -> None:
    await opened(things, clock, pokes=0)
    thing = await things.get("t1")
    assert thing is not None
    assert await things.step(thing, Step(POKE, Actor.SYSTEM)) is not None
    assert await things.step(thing, Step(POKE, Actor.SYSTEM)) is None
    after = await things.get("t1")
    assert after is not None
    assert (after.version, len(after.history), len(after.outgoing)) == (2, 2, 2)


async def test_a_timer_is_due_at_its_time_and_not_before(things: Things, clock: ManualClock) -> None:
    now = clock.now()
    thing = Aggregate(id="t9", state="", created_at=now, updated_at=now, wake_at=now + timedelta(minutes=5))
    await things.create(thing, Step(OPEN, Actor.SYSTEM))
    assert await things.due(clock.now(), 10) == []
    clock.advance(timedelta(minutes=5))
    assert [t.id for t in await things.due(clock.now(), 10)] == ["t9"]
