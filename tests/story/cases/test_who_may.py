"""Who may what with a case over HTTP: owners, departments, strangers, races, personal data, progress to anyone."""

from __future__ import annotations

import asyncio

from tests.cases import (
    ANSWERS,
    FIRE,
    ITEM,
    OPINION,
    PHOTO,
    accepted,
    applicant,
    approvers,
    code,
    id_number,
    officer,
    submitted,
    upload,
)
from tests.city import CENTRE, TestCity


async def test_a_task_is_decided_once_and_only_by_its_department(city: TestCity) -> None:
    _, _, case_id = await accepted(city)
    fire, plan, lead = await approvers(city)
    colleague = await officer(city, "approver", centre=None, department=FIRE)
    path = f"/staff/cases/{case_id}/tasks/fire"
    assert code(await plan.call("POST", f"{path}/decision", OPINION)) == "403 WRONG_DEPARTMENT"
    assert code(await lead.call("POST", f"/staff/cases/{case_id}/tasks/none/take")) == "404 TASK_NOT_FOUND"
    assert code(await lead.call("POST", f"/staff/cases/{case_id}/tasks/final/take")) == "409 ACTION_NOT_ALLOWED"
    await fire.ok("POST", f"{path}/take")
    assert code(await colleague.call("POST", f"{path}/decision", OPINION)) == "409 CASE_TAKEN"
    answers = await asyncio.gather(*(fire.call("POST", f"{path}/decision", OPINION) for _ in range(3)))
    assert sorted(answer.status_code for answer in answers) == [200, 409, 409]
    steps = (await fire.ok("GET", f"/staff/cases/{case_id}"))["history"]
    assert [step["action"] for step in steps].count("decide_task") == 1
    stranger = await officer(city, "approver", centre=None, department="市教育局")
    assert code(await stranger.call("GET", f"/staff/cases/{case_id}")) == "404 CASE_NOT_FOUND"


async def test_a_task_of_somebody_who_left_is_given_back_and_decided_by_a_colleague(city: TestCity) -> None:
    _, window, case_id = await accepted(city)
    fire, plan, _ = await approvers(city)
    colleague = await officer(city, "approver", centre=None, department=FIRE)
    supervisor = await officer(city, "supervisor", centre=None)
    case, path, note = f"/staff/cases/{case_id}", f"/staff/cases/{case_id}/tasks/fire", {"reason": "已调离"}
    assert code(await fire.call("POST", f"{path}/release", note)) == "409 ACTION_NOT_ALLOWED"
    await fire.ok("POST", f"{path}/take")
    before = (await supervisor.ok("GET", case))["tasks"][0]
    assert code(await colleague.call("POST", f"{path}/release", note)) == "409 CASE_TAKEN"
    assert code(await plan.call("POST", f"{path}/release", note)) == "403 WRONG_DEPARTMENT"
    assert code(await window.call("POST", f"{path}/release", note)) == "403 NOT_ALLOWED"
    assert code(await fire.call("POST", f"{path}/release", {"reason": ""})) == "400 INVALID_INPUT"
    await supervisor.ok("POST", f"{path}/release", note)
    read = await supervisor.ok("GET", case)
    task, step = read["tasks"][0], read["history"][-1]
    assert (task["state"], task["officer"], task["taken_at"]) == ("open", "", None)
    assert (task["opened_at"], task["clock"]) == (before["opened_at"], before["clock"])
    assert (step["action"], step["by"], step["note"]) == ("release_task", supervisor.openid, "消防检查：已调离")
    # Who took it gives it back too; then a colleague has it.
    await fire.ok("POST", f"{path}/take")
    await fire.ok("POST", f"{path}/release", {"reason": "领错了"})
    await colleague.ok("POST", f"{path}/take")
    await colleague.ok("POST", f"{path}/decision", OPINION)
    await city.work()
    assert [d for d in await city.api.house.city.dead_letters.all(100) if d.event.aggregate == case_id] == []


async def test_two_officers_take_a_case_at_once_and_one_has_it(city: TestCity) -> None:
    resident = await applicant(city)
    case_id = (await submitted(resident))["case_id"]
    officers = [await officer(city, "window_officer") for _ in range(4)]
    answers = await asyncio.gather(*(one.call("POST", f"/staff/cases/{case_id}/take") for one in officers))
    assert sorted(answer.status_code for answer in answers) == [200, 409, 409, 409]
    assert {code(a) for a in answers if a.status_code == 409} <= {"409 CASE_TAKEN", "409 CONFLICT"}
    owner = officers[[answer.status_code for answer in answers].index(200)]
    other = next(one for one in officers if one is not owner)
    assert code(await other.call("POST", f"/staff/cases/{case_id}/accept")) == "403 NOT_CASE_OWNER"
    handed = {"to": other.openid, "note": "调休"}
    await owner.ok("POST", f"/staff/cases/{case_id}/hand-over", handed)
    assert code(await owner.call("POST", f"/staff/cases/{case_id}/accept")) == "403 NOT_CASE_OWNER"
    await other.ok("POST", f"/staff/cases/{case_id}/accept")
    step = (await other.ok("GET", f"/staff/cases/{case_id}"))["history"][-2]
    assert (step["action"], step["by"], step["note"]) == ("hand_over", owner.openid, "调休")
    nobody = await other.call("POST", f"/staff/cases/{case_id}/hand-over", handed | {"to": "ST-NOBODY"})
    assert code(nobody) == "400 INVALID_INPUT"


async def test_nobody_reads_or_changes_the_case_of_another(city: TestCity) -> None:
    _, _, case_id = await accepted(city)
    other = await applicant(city)
    for method, path, body in (
        ("GET", "", None), ("GET", "/receipt", None), ("GET", "/result", None), ("POST", "/withdraw", {}),
        ("POST", "/supplement", {}), ("POST", "/receive", None),
    ):  # fmt: skip
        assert code(await other.call(method, f"/api/cases/{case_id}{path}", body)) == "404 CASE_NOT_FOUND", path
    foreign = await upload(other)
    mine = await applicant(city)
    stolen = await mine.call("PUT", f"/api/items/{ITEM}/draft", {"materials": {PHOTO: [foreign]}})
    assert code(stolen) == "404 FILE_NOT_FOUND"
    elsewhere = next(c.code for c in city.api.house.city.centres.all() if c.code != CENTRE)
    window = await officer(city, "window_officer", centre=elsewhere)
    for method, path, body in (("GET", "", None), ("POST", "/take", None), ("POST", "/pause", {"reason": "x"})):
        assert code(await window.call(method, f"/staff/cases/{case_id}{path}", body)) == "404 CASE_NOT_FOUND", path
    assert code(await window.call("GET", f"/staff/queues/window?centre={CENTRE}")) == "403 NOT_ALLOWED"


async def test_progress_without_a_login_tells_nothing_personal_and_nothing_of_what_is_wrong(city: TestCity) -> None:
    number = id_number()
    resident = await applicant(city, number)
    receipt = await submitted(resident)
    asked = {"number": receipt["number"], "query_code": receipt["query_code"], "id_last_four": number[-4:]}
    url = f"{city.api.url}/api/progress"
    loose = asked | {"number": receipt["number"].lower().replace("-", " "), "query_code": asked["query_code"].lower()}
    for body in (asked, loose):
        answer = await city.http.post(url, json=body)
        assert answer.status_code == 200, answer.text
        assert not any(part in answer.text for part in ("王", number, number[-4:], resident.openid, ANSWERS["place"]))
    assert answer.json()["holder"].endswith("受理窗口")
    assert answer.json()["until"] == receipt["accepted_by"]
    told = set()
    for change in ({"number": "WH20901121-00000000"}, {"number": "x"}, {"query_code": "000000"}, {"id_last_four": "0"}):
        answer = await city.http.post(url, json=asked | change)
        error = answer.json()["error"]
        told.add((answer.status_code, error["code"], error["message"], str(error["fields"])))
    assert len(told) == 1
    assert next(iter(told))[:2] == (404, "CASE_NOT_FOUND")


async def test_personal_data_in_clear_is_written_into_the_audit(city: TestCity) -> None:
    number = id_number()
    resident = await applicant(city, number)
    receipt = await submitted(resident)
    window = await officer(city, "window_officer")
    masked = await window.ok("GET", f"/staff/cases/{receipt['case_id']}")
    assert number not in str(masked)
    assert masked["answers"]["id_number"] == f"371***********{number[-4:]}"
    path = f"/staff/cases/{receipt['case_id']}/personal-data"
    for none in ({}, {"reason": ""}, {"reason": "   看看   "}, {"reason": "核" * 101}, {"reason": 5}):
        refused = await window.call("POST", path, none)
        assert (code(refused), refused.json()["error"]["fields"]["field"]) == ("400 INVALID_INPUT", "$.reason"), none
    clear = await window.ok("POST", path, {"reason": "电话  核对申请人身份"})
    assert (clear["applicant"]["id_number"], clear["answers"]["place"]) == (number, ANSWERS["place"])
    audit = await city.api.house.city.staff_queries.audit_of(window.openid)
    noted = [entry.action for entry in audit if entry.action.startswith("case.unmask")]
    assert noted == [f"case.unmask {receipt['case_id']}: 电话 核对申请人身份"]
    # At rest nothing of it can be read.
    stored = await city.api.house.database["cases"].find_one({"_id": receipt["case_id"]})
    assert not any(part in str(stored) for part in ("王小明", number, ANSWERS["place"]))
