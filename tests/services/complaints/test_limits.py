"""The time limit of complaints over HTTP: yellow, red, each told to supervision once, settled by the answer."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import date, datetime, time, timedelta
from typing import Any

import pytest

from kernel.clock import local_instant
from server import embedded
from services.complaints.clocks import wake_at, warning_due
from services.complaints.model import Complaint, ComplaintKind, ComplaintRules, State
from tests.city import START, Resident, TestCity, running_city

MATTER = {"matter": "市公安局窗口办身份证让我跑了三趟", "place": "环翠区政务服务中心"}


@pytest.fixture(scope="module")
async def city(database_server: embedded.Embedded, valkey_server: embedded.Embedded) -> AsyncIterator[TestCity]:
    long = {"staff_session_hours": 10_000, "staff_idle_minutes": 600_000}
    async with running_city(database_server.port, valkey_server.port, "complaint_limits", **long) as running:
        yield running


@pytest.fixture(autouse=True)
def morning(city: TestCity) -> None:
    city.clock.set(START)


def on(day: str) -> datetime:
    return local_instant(date.fromisoformat(day), time(9))


async def entries(supervisor: Resident, subject: str) -> list[Any]:
    found = [
        one
        for state in ("open", "settled")
        for one in (await supervisor.ok("GET", f"/staff/supervision?state={state}"))["entries"]
    ]
    return [one for one in found if one["subject"] == subject]


async def kinds(supervisor: Resident, subject: str) -> list[tuple[str, str]]:
    return sorted((one["kind"], one["state"]) for one in await entries(supervisor, subject))


async def test_a_complaint_turns_yellow_then_red_and_supervision_is_told_of_each_once(city: TestCity) -> None:
    resident, agent = await city.resident(), await city.staff("agent", centre=None)
    supervisor = await city.staff("supervisor", centre=None)
    # Ten working days from Tuesday 2090-11-21; four fifths are used on 2090-12-01, the last is 2090-12-05.
    filed = await resident.ok("POST", "/api/complaints", MATTER | {"kind": "request"})
    path = f"/staff/complaints/{filed['id']}"
    await agent.ok("POST", f"{path}/accept", {})
    await agent.ok("POST", f"{path}/dispatch", {"department": "市公安局"})
    assert filed["due"] == "2090-12-05"
    city.clock.set(on("2090-11-30"))
    await city.work()
    assert await kinds(supervisor, filed["id"]) == []
    city.clock.set(on("2090-12-01"))
    for _ in range(2):
        await city.work()
    [yellow] = await entries(supervisor, filed["id"])
    assert (yellow["kind"], yellow["clock"], yellow["title"], yellow["number"], yellow["department"]) == (
        "complaint_yellow", "answer", "求助", filed["id"], "市公安局",
    )  # fmt: skip
    city.clock.set(on("2090-12-06"))
    for _ in range(2):
        await city.work()
    assert await kinds(supervisor, filed["id"]) == [("complaint_red", "open"), ("complaint_yellow", "open")]
    # The resident reads of their matter, not of our warnings.
    shown = await resident.ok("GET", f"/api/complaints/{filed['id']}")
    assert [step["words"] for step in shown["progress"]] == ["已提交，等待受理", "已受理，等待转办", "已转交承办部门"]
    await agent.ok("POST", f"{path}/answer", {"answer": "已整改。"})
    await city.work()
    assert await kinds(supervisor, filed["id"]) == [("complaint_red", "open"), ("complaint_yellow", "settled")]
    city.clock.advance(timedelta(days=60))
    await city.work()
    assert len(await entries(supervisor, filed["id"])) == 2


async def test_red_stands_for_a_yellow_that_nobody_was_told_and_an_answer_in_time_raises_nothing(
    city: TestCity,
) -> None:
    resident, agent = await city.resident(), await city.staff("agent", centre=None)
    supervisor = await city.staff("supervisor", centre=None)
    late = await resident.ok("POST", "/api/complaints", MATTER | {"kind": "consult"})
    answered = await resident.ok("POST", "/api/complaints", MATTER | {"kind": "consult"})
    merged = await resident.ok("POST", "/api/complaints", MATTER | {"kind": "consult"})
    await agent.ok("POST", f"/staff/complaints/{answered['id']}/accept", {})
    await agent.ok("POST", f"/staff/complaints/{answered['id']}/answer", {"answer": "凭户口簿即可办理。"})
    await agent.ok("POST", f"/staff/complaints/{merged['id']}/merge", {"into": answered["id"]})
    city.clock.set(on("2090-12-20"))
    await city.work()
    assert await kinds(supervisor, late["id"]) == [("complaint_red", "open")]
    for one in (answered, merged):
        assert await kinds(supervisor, one["id"]) == []


async def test_another_kind_has_another_limit_and_warns_anew(city: TestCity) -> None:
    resident, agent = await city.resident(), await city.staff("agent", centre=None)
    supervisor = await city.staff("supervisor", centre=None)
    filed = await resident.ok("POST", "/api/complaints", MATTER | {"kind": "consult"})
    city.clock.set(on("2090-11-28"))
    await city.work()
    assert await kinds(supervisor, filed["id"]) == [("complaint_red", "open")]
    accepted = await agent.ok("POST", f"/staff/complaints/{filed['id']}/accept", {"kind": "request"})
    assert accepted["due"] == "2090-12-05"
    await city.work()
    assert await kinds(supervisor, filed["id"]) == [("complaint_red", "open")]
    city.clock.set(on("2090-12-06"))
    await city.work()
    assert await kinds(supervisor, filed["id"]) == [("complaint_red", "open"), ("complaint_red", "open")]


async def test_an_answer_that_nobody_objects_to_closes_the_complaint(city: TestCity) -> None:
    resident, agent = await city.resident(), await city.staff("agent", centre=None)
    filed = [(await resident.ok("POST", "/api/complaints", MATTER | {"kind": "request"}))["id"] for _ in range(2)]
    for one in filed:
        await agent.ok("POST", f"/staff/complaints/{one}/accept", {})
        await agent.ok("POST", f"/staff/complaints/{one}/answer", {"answer": "已整改"})
    await resident.ok("POST", f"/api/complaints/{filed[1]}/close")

    async def states() -> list[str]:
        await city.work()
        return [(await resident.ok("GET", f"/api/complaints/{one}"))["state"] for one in filed]

    assert await states() == ["answered", "closed"]
    city.clock.set(city.clock.now() + timedelta(days=14))
    assert await states() == ["answered", "closed"]
    city.clock.set(city.clock.now() + timedelta(days=1))
    assert await states() == ["closed", "closed"]
    kept = await city.api.house.database["complaints"].find_one({"_id": filed[0]})
    assert kept is not None
    assert (kept["history"][-1]["action"], kept["history"][-1]["actor"]) == ("close", "system")


@pytest.mark.parametrize("state", State)
def test_only_who_waits_for_an_answer_has_a_timer(city: TestCity, state: State) -> None:
    complaint = Complaint(
        id="CP1", state=state, created_at=START, updated_at=START, person="P1", kind=ComplaintKind.CONSULT, matter="x",
        limit_days=2, due="2090-11-23",
    )  # fmt: skip
    table = city.api.house.city.workdays
    waits = state in (State.FILED, State.ACCEPTED, State.DISPATCHED)
    assert (wake_at(complaint, table, START, ComplaintRules()) is not None) == waits
    assert (warning_due(complaint, table, on("2090-12-20")) is not None) == waits
