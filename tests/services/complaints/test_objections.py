"""An answer that is not enough: the complainant says why, once, and it is worked on anew."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest

from server import embedded
from tests.cases import code
from tests.city import Resident, TestCity, running_city

MATTER = {"kind": "request", "matter": "小区门口的路灯坏了", "place": "环翠区新威路"}
WHY = {"reason": "修好两天又灭了，电话 13900001111"}


@pytest.fixture(scope="module")
async def city(database_server: embedded.Embedded, valkey_server: embedded.Embedded) -> AsyncIterator[TestCity]:
    """A city of its own: its clock is moved."""
    long = {"staff_session_hours": 10_000, "staff_idle_minutes": 600_000}
    async with running_city(database_server.port, valkey_server.port, "objections", **long) as city:
        yield city


async def answered(resident: Resident, agent: Resident, text: str = "已修好") -> str:
    complaint = (await resident.ok("POST", "/api/complaints", MATTER))["id"]
    await agent.ok("POST", f"/staff/complaints/{complaint}/accept", {})
    await agent.ok("POST", f"/staff/complaints/{complaint}/dispatch", {"department": "市公安局"})
    await agent.ok("POST", f"/staff/complaints/{complaint}/answer", {"answer": text})
    return str(complaint)


async def entries(supervisor: Resident, subject: str) -> list[str]:
    found: list[dict[str, Any]] = (await supervisor.ok("GET", "/staff/supervision"))["entries"]
    return [entry["kind"] for entry in found if entry["subject"] == subject]


async def test_it_is_worked_on_anew_with_the_whole_limit_and_supervision_is_told(city: TestCity) -> None:
    resident, agent = await city.resident(), await city.staff("agent", centre=None)
    supervisor = await city.staff("supervisor", centre=None)
    one = await answered(resident, agent)
    before = await resident.ok("GET", f"/api/complaints/{one}")
    assert before["actions"] == ["close", "object"]
    city.clock.set(city.clock.now() + timedelta(days=7))
    shown = await resident.ok("POST", f"/api/complaints/{one}/objection", WHY)
    assert (shown["state"], shown["answer"], shown["first_answer"], shown["closes"]) == (
        "accepted",
        None,
        "已修好",
        None,
    )
    # Numbers in the words are masked before they are kept.
    assert shown["objection"].startswith("修好两天又灭了")
    assert "13900001111" not in str(shown)
    table = city.api.house.city.workdays
    expected = table.add_working_days(city.clock.now().date(), 10).day
    assert shown["due"] == expected.isoformat() > before["due"]
    assert [step["words"] for step in shown["progress"]] == [
        "已提交，等待受理", "已受理，等待转办", "已转交承办部门", "已答复", "您对答复不满意，重新办理",
    ]  # fmt: skip
    await city.work()
    assert await entries(supervisor, one) == ["complaint_objected"]
    desk = await agent.ok("GET", f"/staff/complaints/{one}")
    assert (desk["state"], desk["first_answer"]) == ("accepted", "已修好")
    assert desk["objection"] == shown["objection"]
    assert one in [c["id"] for c in (await agent.ok("GET", "/staff/complaints"))["complaints"]]
    # The clock runs again from the objection, and warns anew.
    city.clock.set(city.clock.now() + timedelta(days=16))
    await city.work()
    assert "complaint_red" in await entries(supervisor, one)
    await agent.ok("POST", f"/staff/complaints/{one}/answer", {"answer": "已更换线路"})
    await city.work()
    told = [m["title"] for m in (await resident.ok("GET", "/api/messages"))["messages"]]
    assert len([title for title in told if "答复" in title]) == 2


async def test_once_and_only_by_the_complainant_while_it_is_answered(city: TestCity) -> None:
    resident, other, agent = await city.resident(), await city.resident(), await city.staff("agent", centre=None)
    one = await answered(resident, agent)
    path = f"/api/complaints/{one}/objection"
    assert code(await other.call("POST", path, WHY)) == "404 COMPLAINT_NOT_FOUND"
    for wrong in ({}, {"reason": ""}, {"reason": " 　"}, {"reason": "长" * 501}, WHY | {"state": "closed"}):
        assert code(await resident.call("POST", path, wrong)) == "400 INVALID_INPUT", wrong
    await resident.ok("POST", path, WHY)
    assert code(await resident.call("POST", path, WHY)) == "409 ACTION_NOT_ALLOWED"
    await agent.ok("POST", f"/staff/complaints/{one}/answer", {"answer": "已更换线路"})
    again = await resident.call("POST", path, WHY)
    assert (code(again), again.json()["error"]["fields"]["allowed"]) == ("409 ACTION_NOT_ALLOWED", ["close"])
    assert (await resident.ok("GET", f"/api/complaints/{one}"))["actions"] == ["close"]
    await resident.ok("POST", f"/api/complaints/{one}/close")
    assert code(await resident.call("POST", path, WHY)) == "409 ACTION_NOT_ALLOWED"


async def test_who_was_merged_into_another_may_object_for_themselves(city: TestCity) -> None:
    first, second, agent = await city.resident(), await city.resident(), await city.staff("agent", centre=None)
    one = (await first.ok("POST", "/api/complaints", MATTER))["id"]
    two = (await second.ok("POST", "/api/complaints", MATTER))["id"]
    await agent.ok("POST", f"/staff/complaints/{one}/accept", {})
    await agent.ok("POST", f"/staff/complaints/{two}/merge", {"into": one})
    await agent.ok("POST", f"/staff/complaints/{one}/answer", {"answer": "已修好"})
    await city.work()
    shown = await second.ok("POST", f"/api/complaints/{two}/objection", WHY)
    assert (shown["state"], shown["merged_into"]) == ("accepted", None)
    await city.work()
    assert (await second.ok("GET", f"/api/complaints/{two}"))["state"] == "accepted"
    assert (await first.ok("GET", f"/api/complaints/{one}"))["state"] == "answered"
