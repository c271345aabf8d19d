"""An identity put right at a window: found by the whole number, freed, told of, given by its true owner."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.cases import applicant, id_number
from tests.city import CENTRE, ID_CARD_LOST, Resident, TestCity, first_free

REASON = "核对身份证原件，本人微信已停用"


async def found(desk: Resident, number: str) -> Any:
    return (await desk.ok("POST", "/staff/residents/find", {"id_number": number, "reason": REASON}))["resident"]


async def release(desk: Resident, person: str, number: str) -> Any:
    return await desk.call(
        "POST", f"/staff/residents/{person}/release-identity", {"id_number": number, "reason": REASON}
    )


async def person_of(resident: Resident) -> str:
    return str((await resident.ok("GET", "/api/me"))["person_id"])


async def again(resident: Resident) -> Resident:
    """The same WeChat account signs in once more."""
    city = resident.city
    issued = await city.wechat.control("login", openid=resident.openid)
    answer = await city.http.post(f"{city.api.url}/api/session", json={"code": issued["code"]})
    assert answer.status_code == 201, answer.text
    return Resident(city, resident.openid, answer.json()["token"])


async def test_a_lost_account_gives_its_number_back_to_its_true_owner(shared_city: TestCity) -> None:
    city, number = shared_city, id_number()
    lost, owner = await applicant(city, number), await city.resident(phone=True)
    booking = {"item": ID_CARD_LOST, "centre": CENTRE, "start": await first_free(lost, days=4)}
    held = await lost.ok("POST", "/api/bookings", booking)
    desk = await city.staff("window_officer")
    mine = {"name": "王小明", "id_number": number}
    refused = await owner.call("PUT", "/api/me/identity", mine)
    assert refused.json()["error"]["code"] == "IDENTITY_TAKEN"

    resident = await found(desk, number)
    assert resident["profile"]["name"] == "王**"
    assert number not in str(resident)
    assert resident["verified_at"] is not None
    assert (resident["open_cases"], resident["open_bookings"], resident["open_bills"]) == (0, 1, 0)

    person = await person_of(lost)
    answer = await release(desk, person, number)
    assert answer.status_code == 200, answer.text
    assert (answer.json()["level"], answer.json().get("name"), answer.json().get("id_number")) == (1, None, None)
    assert (await lost.call("GET", "/api/me")).status_code == 401
    assert await found(desk, number) is None
    assert (await owner.ok("PUT", "/api/me/identity", mine))["level"] == 2

    await city.work()
    back = await again(lost)
    told = (await back.ok("GET", "/api/messages"))["messages"]
    assert [(m["title"], m["page"]) for m in told[:1]] == [("实名信息已解除", "pages/account/identity")]
    assert (await back.ok("GET", f"/api/bookings/{held['id']}"))["id"] == held["id"]
    assert (await back.call("PUT", "/api/me/identity", mine)).json()["error"]["code"] == "IDENTITY_TAKEN"
    right = {"name": "李四", "id_number": id_number()}
    assert (await back.ok("PUT", "/api/me/identity", right))["level"] == 2
    await back.ok("POST", f"/api/bookings/{held['id']}/cancel", {})


async def test_freed_twice_is_freed_once_and_what_was_put_right_since_is_left_alone(shared_city: TestCity) -> None:
    city, number = shared_city, id_number()
    resident, desk = await applicant(city, number), await city.staff("supervisor")
    person = await person_of(resident)
    answers = await asyncio.gather(*(release(desk, person, number) for _ in range(4)))
    assert [answer.status_code for answer in answers] == [200] * 4
    await city.work()
    back = await again(resident)
    told = (await back.ok("GET", "/api/messages"))["messages"]
    assert [m["title"] for m in told].count("实名信息已解除") == 1
    await back.ok("PUT", "/api/me/identity", {"name": "李四", "id_number": id_number()})
    late = await release(desk, person, number)
    assert (late.status_code, late.json()["error"]["fields"]["field"]) == (409, "$.id_number")
    assert (await back.ok("GET", "/api/me"))["level"] == 2


async def test_every_look_and_every_release_is_in_the_audit_without_the_number(shared_city: TestCity) -> None:
    city, number = shared_city, id_number()
    resident, desk, auditor = await applicant(city, number), await city.staff(), await city.staff("auditor")
    person, officer = await person_of(resident), (await desk.ok("GET", "/staff/me"))["staff_id"]
    await desk.ok("POST", "/staff/residents/find", {"id_number": number, "reason": f"核对 {number} 原件"})
    await release(desk, person, number)
    await found(desk, number)
    entries = (await auditor.ok("GET", f"/staff/audit?staff_id={officer}&limit=5"))["entries"]
    actions = {entry["action"] for entry in entries}
    assert f"resident.find nobody: {REASON}" in actions
    assert f"resident.release_identity {person}: {REASON}" in actions
    assert any(action.startswith(f"resident.find {person}: 核对 ") for action in actions)
    assert number not in str(entries)


@pytest.mark.parametrize("reason", ["", "看看", "  看  看  "])
async def test_without_a_reason_nobody_is_found_or_freed(shared_city: TestCity, reason: str) -> None:
    city, number = shared_city, id_number()
    resident, desk = await applicant(city, number), await city.staff()
    person = await person_of(resident)
    body = {"id_number": number, "reason": reason}
    for path in ("find", f"{person}/release-identity"):
        answer = await desk.call("POST", f"/staff/residents/{path}", body)
        assert (answer.status_code, answer.json()["error"]["fields"]["field"]) == (400, "$.reason")
    assert (await resident.ok("GET", "/api/me"))["level"] == 2


async def test_a_part_of_a_number_and_an_unknown_account_are_refused(shared_city: TestCity) -> None:
    desk = await shared_city.staff()
    body = {"id_number": id_number()[:12], "reason": REASON}
    assert (await desk.call("POST", "/staff/residents/find", body)).json()["error"]["code"] == "INVALID_ID_NUMBER"
    for person in ("PR0000000000000001", "nobody"):
        assert (await release(desk, person, id_number())).json()["error"]["code"] == "NOT_FOUND"


@pytest.mark.parametrize("role", ["auditor", "administrator", "agent", "approver", "catalogue_editor"])
async def test_only_windows_and_supervisors_may(shared_city: TestCity, role: str) -> None:
    other = await shared_city.staff(role)
    body = {"id_number": id_number(), "reason": REASON}
    assert (await other.call("POST", "/staff/residents/find", body)).status_code == 403
    assert (await release(other, "PR0000000000000001", id_number())).status_code == 403
