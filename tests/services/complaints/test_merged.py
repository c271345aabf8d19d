"""Complaints merged into another get its answer or rejection, whenever they were merged, and each person is told."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from services.complaints.model import STATE_WORDS, State
from tests.city import Resident, TestCity
from workers.consumers import merged_complaints

ANSWER = "已派人检修，路灯今晚恢复照明。"


async def filed(resident: Resident) -> str:
    body = {"kind": "request", "matter": "文化路的路灯不亮"}
    return str((await resident.ok("POST", "/api/complaints", body))["id"])


async def merge(agent: Resident, one: str, into: str) -> None:
    await agent.ok("POST", f"/staff/complaints/{one}/merge", {"into": into})


async def answer(agent: Resident, one: str) -> None:
    await agent.ok("POST", f"/staff/complaints/{one}/accept", {})
    await agent.ok("POST", f"/staff/complaints/{one}/answer", {"answer": ANSWER})


async def titles(resident: Resident) -> list[str]:
    return sorted(m["title"] for m in (await resident.ok("GET", "/api/messages"))["messages"])


async def shown(resident: Resident, one: str) -> tuple[Any, Any]:
    found = await resident.ok("GET", f"/api/complaints/{one}")
    return found["state"], found["answer"]


@pytest.fixture
async def agent(shared_city: TestCity) -> Resident:
    return await shared_city.staff("agent", centre=None)


async def test_what_one_is_answered_goes_to_all_merged_into_it_and_each_is_told_once(
    shared_city: TestCity, agent: Resident
) -> None:
    first, *others = [await shared_city.resident() for _ in range(3)]
    target = await filed(first)
    merged = [await filed(one) for one in others]
    for one in merged:
        await merge(agent, one, target)
    await shared_city.work()
    for person in others:
        assert await titles(person) == ["您的诉求已合并办理"]
    await answer(agent, target)
    for _ in range(2):
        await shared_city.work()
    for person, one in zip(others, merged, strict=True):
        assert await shown(person, one) == ("answered", ANSWER)
        assert await titles(person) == ["您的诉求已合并办理", "您的诉求已答复"]
        steps = [step["words"] for step in (await person.ok("GET", f"/api/complaints/{one}"))["progress"]]
        assert steps == [STATE_WORDS[state] for state in (State.FILED, State.MERGED, State.ANSWERED)]
        assert (await person.ok("POST", f"/api/complaints/{one}/close", {}))["state"] == "closed"
    assert await titles(first) == ["您的诉求已答复"]


async def test_a_rejection_goes_to_all_merged_with_its_reason(shared_city: TestCity, agent: Resident) -> None:
    first, other = await shared_city.resident(), await shared_city.resident()
    target, one = await filed(first), await filed(other)
    await merge(agent, one, target)
    await agent.ok("POST", f"/staff/complaints/{target}/reject", {"reason": "属于法院管辖"})
    await shared_city.work()
    assert await shown(other, one) == ("rejected", "属于法院管辖")
    assert await titles(other) == ["您的诉求已合并办理", "您的诉求未能受理"]


async def test_merged_into_what_is_answered_or_closed_one_gets_the_answer_at_once(
    shared_city: TestCity, agent: Resident
) -> None:
    first, *others = [await shared_city.resident() for _ in range(3)]
    target = await filed(first)
    await answer(agent, target)
    for person, close in zip(others, (False, True), strict=True):
        if close:
            await first.ok("POST", f"/api/complaints/{target}/close", {})
        one = await filed(person)
        await merge(agent, one, target)
        await shared_city.work()
        assert await shown(person, one) == ("answered", ANSWER)


async def test_the_answer_passes_through_one_that_was_merged_itself(shared_city: TestCity, agent: Resident) -> None:
    people = [await shared_city.resident() for _ in range(3)]
    last, middle, target = [await filed(one) for one in people]
    await merge(agent, last, middle)
    await merge(agent, middle, target)
    refused = await agent.call("POST", f"/staff/complaints/{await filed(people[0])}/merge", {"into": middle})
    assert refused.json()["error"]["fields"]["field"] == "$.into"
    await answer(agent, target)
    await shared_city.work()
    for person, one in zip(people, (last, middle, target), strict=True):
        assert await shown(person, one) == ("answered", ANSWER)


@pytest.mark.parametrize("count", [2, 3])
async def test_merged_into_each_other_at_the_same_moment_one_is_handled_after_all(
    shared_city: TestCity, agent: Resident, count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    people = [await shared_city.resident() for _ in range(count)]
    ring = []
    for one in people:
        ring.append(await filed(one))
        shared_city.clock.advance(timedelta(seconds=1))
    store = shared_city.api.house.city.complaints._store
    seen = {one: await store.get(one) for one in ring}
    with monkeypatch.context() as still:
        # Every officer looked before any of them wrote.
        still.setattr(type(store), "get", lambda _self, one: asyncio.sleep(0, seen[one]))
        for one, into in zip(ring, [*ring[1:], ring[0]], strict=True):
            await merge(agent, one, into)
    assert {(await shown(*each))[0] for each in zip(people, ring, strict=True)} == {"merged"}
    await shared_city.work()
    oldest = ring[0]
    assert (await shown(people[0], oldest))[0] == "accepted"
    await agent.ok("POST", f"/staff/complaints/{oldest}/answer", {"answer": ANSWER})
    await shared_city.work()
    for person, one in zip(people, ring, strict=True):
        assert await shown(person, one) == ("answered", ANSWER)
        history = (await shared_city.api.house.city.complaint_queries.any(one, None)).history
        assert [entry.action for entry in history].count("part") == (one == oldest)


async def test_an_event_that_comes_again_after_a_death_in_between_changes_nothing_more(
    shared_city: TestCity, agent: Resident
) -> None:
    city = shared_city.api.house.city
    target, *merged = [await filed(await shared_city.resident()) for _ in range(3)]
    for one in merged:
        await merge(agent, one, target)
    await answer(agent, target)
    document = await shared_city.api.house.database["complaints"].find_one({"_id": target})
    assert document is not None
    [event] = [e for e in document["outgoing"] if e["name"] == "complaint.answered"]
    # One was reached before the process died; the relay delivers the event anew.
    await city.complaints.do_share(merged[0])
    assert merged_complaints(city).events >= {event["name"]}
    for _ in range(2):
        await city.complaints.do_share(target)
    await shared_city.work()
    for one in merged:
        found = await city.complaint_queries.any(one, None)
        assert [entry.action for entry in found.history] == ["file", "merge", "share_answer"]
