"""Complaints over a running city: filed, accepted, dispatched, answered; the complainant is shielded."""

from __future__ import annotations

import secrets
from datetime import date, timedelta
from typing import Any

import pytest

from kernel.clock import local_day
from kernel.machine import Actor
from services.complaints.machine import FILE, MACHINE
from services.complaints.model import STATE_WORDS, ComplaintKind, State
from services.identity.staff.model import Role
from tests.cases import applicant, code, upload
from tests.city import Resident, TestCity

MATTER = {"kind": "complaint", "matter": "市公安局窗口办身份证让我跑了三趟", "place": "环翠区政务服务中心"}
DEPARTMENT = "市公安局"


async def of_department(city: TestCity, department: str, role: Role = Role.APPROVER) -> Resident:
    """A member of a department's staff, signed in."""
    name, password = f"officer{secrets.token_hex(4)}", secrets.token_urlsafe(12)
    await city.api.house.city.staff.do_create_staff(
        name, password, [role], by="test", centre=None, department=department
    )
    answer = await city.http.post(f"{city.api.url}/staff/session", json={"username": name, "password": password})
    return Resident(city, "", answer.json()["token"])


async def filed(resident: Resident, **changes: Any) -> dict[str, Any]:
    answer: dict[str, Any] = await resident.ok("POST", "/api/complaints", MATTER | changes)
    return answer


def test_the_machine_draws_all_states_and_every_state_has_words() -> None:
    assert MACHINE.states == set(State)
    assert set(STATE_WORDS) == set(State)
    assert MACHINE.final == {State.CLOSED, State.REJECTED}
    assert FILE.target == MACHINE.initial[0]
    assert MACHINE.allowed("answered", Actor.RESIDENT) == ["close", "object"]


@pytest.mark.parametrize(("kind", "days"), [("consult", 2), ("request", 10), ("complaint", 15)])
async def test_the_last_day_for_an_answer_is_counted_in_working_days(
    shared_city: TestCity, kind: str, days: int
) -> None:
    complaint = await filed(await shared_city.resident(), kind=kind)
    table = shared_city.api.house.city.workdays
    expected = table.add_working_days(local_day(shared_city.clock.now()), days)
    assert complaint["limit_days"] == days
    assert complaint["due"] == expected.day.isoformat()
    assert complaint["due_provisional"] is True


async def test_a_complaint_goes_from_filing_to_its_answer_and_the_complainant_is_told(shared_city: TestCity) -> None:
    resident = await shared_city.resident(phone=True)
    complaint = await filed(resident, callback=True)
    path = f"/staff/complaints/{complaint['id']}"
    agent = await shared_city.staff("agent", centre=None)
    shown = await agent.ok("GET", path)
    assert DEPARTMENT in shown["suggested"]
    assert shown["complainant"] is not None
    await agent.ok("POST", f"{path}/accept", {})
    await agent.ok("POST", f"{path}/dispatch", {"department": DEPARTMENT})
    officer = await of_department(shared_city, DEPARTMENT)
    assert complaint["id"] in [c["id"] for c in (await officer.ok("GET", "/staff/complaints"))["complaints"]]
    answered = await officer.ok("POST", f"{path}/answer", {"answer": "已整改，对工作人员进行了批评教育。"})
    assert answered["state"] == "answered"
    # Nothing is left to do for staff: it no longer stands among what is, and is found by its state.
    assert complaint["id"] not in [c["id"] for c in (await agent.ok("GET", "/staff/complaints"))["complaints"]]
    found = (await agent.ok("GET", "/staff/complaints?state=answered"))["complaints"]
    assert complaint["id"] in [c["id"] for c in found]
    await shared_city.work()
    titles = [m["title"] for m in (await resident.ok("GET", "/api/messages"))["messages"]]
    assert "您的诉求已答复" in titles
    mine = await resident.ok("GET", f"/api/complaints/{complaint['id']}")
    assert mine["answer"].startswith("已整改")
    assert mine["progress"][0]["words"] == STATE_WORDS[State.FILED]
    closed = await resident.ok("POST", f"/api/complaints/{complaint['id']}/close", {})
    assert closed["state"] == "closed"


async def test_a_department_never_learns_who_complained(shared_city: TestCity) -> None:
    resident = await shared_city.resident(phone=True)
    complaint = await filed(resident, matter="市公安局窗口态度不好，我的电话13812341234，身份证371002199003071233")
    path = f"/staff/complaints/{complaint['id']}"
    agent = await shared_city.staff("agent", centre=None)
    officer = await of_department(shared_city, DEPARTMENT)
    assert (await officer.call("GET", path)).status_code == 404, "before it is dispatched"
    await agent.ok("POST", f"{path}/accept", {})
    await agent.ok("POST", f"{path}/dispatch", {"department": DEPARTMENT})
    response = await officer.call("GET", path)
    assert response.status_code == 200
    assert response.json()["complainant"] is None
    person = (await shared_city.api.house.city.complaint_queries.any(complaint["id"], None)).person
    for secret in (person, "13812341234", "371002199003071233"):
        assert secret not in response.text
    other = await of_department(shared_city, "市民政局")
    assert (await other.call("GET", path)).status_code == 404
    assert (await other.call("POST", f"{path}/answer", {"answer": "与我们无关"})).status_code == 404
    asked = await other.ok("GET", f"/staff/complaints?department={DEPARTMENT}")
    assert complaint["id"] not in [c["id"] for c in asked["complaints"]]


@pytest.mark.parametrize(
    ("step", "body"),
    [
        ("accept", {}),
        ("dispatch", {"department": "市民政局"}),
        ("answer", {"answer": "已处理完毕"}),
        ("merge", {"into": "CP0000000000000001"}),
        ("reject", {"reason": "不属于受理范围"}),
        ("close", {"reason": "已办结"}),
    ],
)
async def test_a_departments_agents_do_nothing_to_what_is_not_theirs(
    shared_city: TestCity, step: str, body: dict[str, Any]
) -> None:
    resident, agent = await shared_city.resident(), await shared_city.staff("agent", centre=None)
    complaint = await resident.ok("POST", "/api/complaints", MATTER)
    await agent.ok("POST", f"/staff/complaints/{complaint['id']}/accept", {})
    await agent.ok("POST", f"/staff/complaints/{complaint['id']}/dispatch", {"department": DEPARTMENT})
    stranger = await of_department(shared_city, "市民政局", Role.AGENT)
    answer = await stranger.call("POST", f"/staff/complaints/{complaint['id']}/{step}", body)
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "COMPLAINT_NOT_FOUND")
    assert (await agent.ok("GET", f"/staff/complaints/{complaint['id']}"))["state"] == "dispatched"
    # What is theirs they hand on.
    own = await of_department(shared_city, DEPARTMENT, Role.AGENT)
    await own.ok("POST", f"/staff/complaints/{complaint['id']}/dispatch", {"department": "市民政局"})


async def test_photos_are_shown_to_whoever_reads_the_complaint_and_each_look_is_in_the_audit(
    shared_city: TestCity,
) -> None:
    resident = await shared_city.resident()
    mine, another = await upload(resident), await upload(resident)
    complaint = await filed(resident, photos=[mine])
    path = f"/staff/complaints/{complaint['id']}"
    agent = await shared_city.staff("agent", centre=None)
    officer = await of_department(shared_city, DEPARTMENT)
    shown = await agent.call("GET", f"{path}/photos/{mine}")
    assert shown.content.startswith(b"\x89PNG")
    assert shown.headers["Content-Type"] == "image/png"
    assert code(await agent.call("GET", f"{path}/photos/{another}")) == "404 FILE_NOT_FOUND"
    assert code(await officer.call("GET", f"{path}/photos/{mine}")) == "404 COMPLAINT_NOT_FOUND"
    await agent.ok("POST", f"{path}/accept", {})
    await agent.ok("POST", f"{path}/dispatch", {"department": DEPARTMENT})
    assert (await officer.call("GET", f"{path}/photos/{mine}")).status_code == 200
    for who in (agent, officer):
        staff_id = (await who.ok("GET", "/staff/me"))["staff_id"]
        audit = await shared_city.api.house.city.staff_queries.audit_of(staff_id)
        noted = [one.action for one in audit if one.action.startswith("complaint.")]
        assert noted == [f"complaint.photo {complaint['id']} {mine}"]


async def test_the_call_back_number_is_read_for_a_reason_where_it_was_agreed_to(shared_city: TestCity) -> None:
    resident = await applicant(shared_city)
    complaint, silent = await filed(resident, callback=True), await filed(resident)
    path = f"/staff/complaints/{complaint['id']}/personal-data"
    agent = await shared_city.staff("agent", centre=None)
    reason = {"reason": "电话回访核实地点"}
    for none in ({}, {"reason": "  看看 "}, {"reason": "回" * 101}):
        refused = await agent.call("POST", path, none)
        assert (code(refused), refused.json()["error"]["fields"]["field"]) == ("400 INVALID_INPUT", "$.reason"), none
    assert (
        code(await agent.call("POST", f"/staff/complaints/{silent['id']}/personal-data", reason)) == "403 NOT_ALLOWED"
    )
    clear = await agent.ok("POST", path, reason)
    person = (await shared_city.api.house.city.complaint_queries.any(complaint["id"], None)).person
    known = await shared_city.api.house.city.identity_queries.personal(person)
    assert clear == {"name": "王小明", "phone": known.phone}
    assert known.phone
    staff_id = (await agent.ok("GET", "/staff/me"))["staff_id"]
    audit = await shared_city.api.house.city.staff_queries.audit_of(staff_id)
    noted = [one.action for one in audit if one.action.startswith("complaint.")]
    assert noted == [f"complaint.unmask {complaint['id']}: 电话回访核实地点"]
    # A department never learns who complained, also where the matter is its own.
    await agent.ok("POST", f"/staff/complaints/{complaint['id']}/accept", {})
    await agent.ok("POST", f"/staff/complaints/{complaint['id']}/dispatch", {"department": DEPARTMENT})
    officer = await of_department(shared_city, DEPARTMENT)
    assert code(await officer.call("POST", path, reason)) == "403 NOT_ALLOWED"


async def test_events_carry_nothing_of_what_was_said(shared_city: TestCity) -> None:
    complaint = await filed(await shared_city.resident(), matter="独一无二的投诉内容甲乙丙丁")
    stored = await shared_city.api.house.database["complaints"].find_one({"_id": complaint["id"]})
    assert stored is not None
    for event in stored["outgoing"]:
        assert set(event["data"]) <= {"person", "complaint_id", "kind_words", "filed_on", "by"}


async def test_personal_numbers_are_masked_before_they_are_kept(shared_city: TestCity) -> None:
    complaint = await filed(await shared_city.resident(), matter="我的身份证号371002199003071233被登记错了")
    stored = await shared_city.api.house.database["complaints"].find_one({"_id": complaint["id"]})
    assert "371002199003071233" not in str(stored)


async def test_nobody_reads_or_closes_the_complaint_of_another(shared_city: TestCity) -> None:
    complaint = await filed(await shared_city.resident())
    other = await shared_city.resident()
    for method, path in (("GET", ""), ("POST", "/close")):
        answer = await other.call(method, f"/api/complaints/{complaint['id']}{path}", {} if method == "POST" else None)
        assert answer.json()["error"]["code"] == "COMPLAINT_NOT_FOUND"


async def test_the_same_request_files_one_complaint(shared_city: TestCity) -> None:
    city = shared_city.api.house.city
    resident = await shared_city.resident()
    await filed(resident)
    person = (await city.complaint_queries.queue(None))[0].person
    first = await city.complaints.do_file(person, ComplaintKind.REQUEST, "路灯不亮了", request_key="one-key-1")
    again = await city.complaints.do_file(person, ComplaintKind.REQUEST, "路灯不亮了", request_key="one-key-1")
    assert first.id == again.id


async def test_a_step_out_of_order_is_refused_with_the_steps_allowed(shared_city: TestCity) -> None:
    complaint = await filed(await shared_city.resident())
    agent = await shared_city.staff("agent", centre=None)
    path = f"/staff/complaints/{complaint['id']}"
    answer = await agent.call("POST", f"{path}/dispatch", {"department": DEPARTMENT})
    assert answer.status_code == 409
    assert answer.json()["error"]["fields"]["allowed"] == ["accept", "merge", "reject"]


async def test_merging_and_rejecting(shared_city: TestCity) -> None:
    resident = await shared_city.resident()
    first, second, third = [await filed(resident) for _ in range(3)]
    agent = await shared_city.staff("supervisor", centre=None)
    merged = await agent.ok("POST", f"/staff/complaints/{second['id']}/merge", {"into": first["id"]})
    assert (merged["state"], merged["merged_into"]) == ("merged", first["id"])
    for wrong in (third["id"], second["id"], "CP-NONE"):
        answer = await agent.call("POST", f"/staff/complaints/{third['id']}/merge", {"into": wrong})
        assert answer.json()["error"]["fields"]["field"] == "$.into"
    rejected = await agent.ok("POST", f"/staff/complaints/{third['id']}/reject", {"reason": "属于法院管辖"})
    assert rejected["state"] == "rejected"
    assert (await resident.ok("GET", f"/api/complaints/{third['id']}"))["answer"] == "属于法院管辖"


async def test_another_kind_moves_the_last_day(shared_city: TestCity) -> None:
    complaint = await filed(await shared_city.resident())
    agent = await shared_city.staff("agent", centre=None)
    accepted = await agent.ok("POST", f"/staff/complaints/{complaint['id']}/accept", {"kind": "consult"})
    assert accepted["due"] < complaint["due"]
    assert accepted["days_left"] >= 1


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"matter": ""}, "$.matter"),
        ({"matter": "   "}, "$.matter"),
        ({"matter": "长" * 2001}, "$.matter"),
        ({"kind": "praise"}, "$.kind"),
        ({"photos": ["FL1"] * 2}, "$.photos"),
        ({"photos": ["FL"] * 10}, "$.photos"),
    ],
)
async def test_a_wrong_field_is_named(shared_city: TestCity, changes: dict[str, Any], field: str) -> None:
    answer = await (await shared_city.resident()).call("POST", "/api/complaints", MATTER | changes)
    assert answer.status_code == 400
    assert answer.json()["error"]["fields"]["field"] == field


async def test_a_foreign_photo_is_not_found_and_nothing_is_filed(shared_city: TestCity) -> None:
    resident = await shared_city.resident()
    answer = await resident.call("POST", "/api/complaints", MATTER | {"photos": ["FLNOBODYS"]})
    assert answer.json()["error"]["code"] == "FILE_NOT_FOUND"
    assert (await resident.ok("GET", "/api/complaints"))["complaints"] == []


async def test_an_unknown_department_is_refused(shared_city: TestCity) -> None:
    complaint = await filed(await shared_city.resident())
    agent = await shared_city.staff("agent", centre=None)
    await agent.ok("POST", f"/staff/complaints/{complaint['id']}/accept", {})
    answer = await agent.call("POST", f"/staff/complaints/{complaint['id']}/dispatch", {"department": "市外星局"})
    assert answer.json()["error"]["fields"]["field"] == "$.department"


async def test_the_queue_shows_the_soonest_due_first(shared_city: TestCity) -> None:
    resident = await shared_city.resident()
    await filed(resident, kind="complaint")
    await filed(resident, kind="consult")
    agent = await shared_city.staff("agent", centre=None)
    due = [date.fromisoformat(c["due"]) for c in (await agent.ok("GET", "/staff/complaints"))["complaints"]]
    assert due == sorted(due)
    assert due[0] - local_day(shared_city.clock.now()) < timedelta(days=15)
