"""The life of a case over HTTP: two departments in parallel, a supplement, a pause, warnings, fees, rights, races."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator
from datetime import date, time, timedelta
from typing import Any

import pytest

from kernel.clock import local_instant
from server import embedded
from services.payments.model import SubjectKind
from tests.cases import (
    ANSWERS,
    CONTENT,
    FIRE,
    ITEM,
    LEADING,
    LEASE,
    MATERIALS,
    PHOTO,
    PLANNING,
    applicant,
    code,
    draft,
    id_number,
    officer,
    publish,
    submitted,
    upload,
)
from tests.city import CENTRE, START, Resident, TestCity, running_city, until

# Officers who stay signed in for the weeks that a case takes.
LONG_SESSIONS = {"staff_session_hours": 10_000, "staff_idle_minutes": 600_000}
OPINION = {"approve": True, "opinion": "符合条件"}


@pytest.fixture(scope="module")
async def city(database_server: embedded.Embedded, valkey_server: embedded.Embedded) -> AsyncIterator[TestCity]:
    async with running_city(database_server.port, valkey_server.port, "case_city", **LONG_SESSIONS) as running:
        await publish(running)
        yield running


@pytest.fixture(autouse=True)
def morning(city: TestCity) -> None:
    """Every test starts on the same Tuesday, 2090-11-21; what earlier tests left over is theirs."""
    city.clock.set(START)


async def accepted(city: TestCity) -> tuple[Resident, Resident, str]:
    """(resident, window officer, case id) of a case whose clock runs."""
    resident, window = await applicant(city), await officer(city, "window_officer")
    case_id = (await submitted(resident))["case_id"]
    await window.ok("POST", f"/staff/cases/{case_id}/accept")
    return resident, window, case_id


async def approvers(city: TestCity) -> list[Resident]:
    return [await officer(city, "approver", centre=None, department=name) for name in (FIRE, PLANNING, LEADING)]


async def events(city: TestCity, case_id: str) -> list[str]:
    """The names of all events of a case that were not delivered yet: ``work`` delivers them."""
    case = await city.api.house.city.case_store.get(case_id)
    assert case is not None
    return [event.name for event in case.outgoing]


async def paid(resident: Resident, order: str) -> bool:
    return bool((await resident.ok("GET", f"/api/orders/{order}"))["state"] == "paid")


def on(day: str, hour: int = 9) -> Any:
    return local_instant(date.fromisoformat(day), time(hour))


async def test_the_whole_life_of_a_case_with_two_departments_in_parallel(city: TestCity) -> None:
    resident, window = await applicant(city), await officer(city, "window_officer")
    fire, plan, lead = await approvers(city)
    receipt = await submitted(resident, delivery="post", address="威海市环翠区新威路 1 号")
    case = f"/staff/cases/{receipt['case_id']}"
    assert (receipt["accepted_by"], receipt["promised_limit_days"]) == ("2090-11-28", 10)

    # The window finds it in its queue, takes it, and says in one notice what is missing.
    queue = (await window.ok("GET", "/staff/queues/window"))["cases"]
    assert receipt["case_id"] in [entry["id"] for entry in queue]
    await window.ok("POST", f"{case}/take")
    done = await window.ok("POST", f"{case}/accept")
    assert {task["code"]: task["state"] for task in done["tasks"]} == {
        "fire": "open", "plan": "open", "final": "waiting",
    }  # fmt: skip
    assert done["clocks"]["promised"]["colour"] == "green"

    # Three working days later: the supplement stops the clock for as long as the resident needs.
    city.clock.set(on("2090-11-24"))
    await window.ok("POST", f"{case}/notices", {"missing": ["场所平面图", "照片应含门头"], "message": "请一次补齐"})
    shown = await resident.ok("GET", f"/api/cases/{receipt['case_id']}")
    assert (shown["progress"]["holder"], shown["progress"]["clock"]["paused"]) == ("您本人", True)
    assert shown["notices"][0]["missing"] == ["场所平面图", "照片应含门头"]
    refused = await fire.call("POST", f"{case}/tasks/fire/decision", OPINION)
    assert code(refused) == "409 ACTION_NOT_ALLOWED"
    city.clock.set(on("2090-12-04"))
    photo = await upload(resident)
    after = await resident.ok("POST", f"/api/cases/{receipt['case_id']}/supplement", {"materials": {PHOTO: [photo]}})
    assert (after["progress"]["clock"]["used"], after["progress"]["clock"]["paused"]) == (3, False)

    # The two departments work at the same time; the third begins when both are done.
    city.clock.set(on("2090-12-05"))
    assert len((await fire.ok("GET", "/staff/queues/department"))["cases"]) >= 1
    await fire.ok("POST", f"{case}/tasks/fire/take")
    still = await plan.ok("POST", f"{case}/tasks/plan/decision", OPINION)
    assert [task["state"] for task in still["tasks"]] == ["taken", "approved", "waiting"]
    pending = await lead.call("POST", f"{case}/decision", {"grant": True, "opinion": "准予"})
    assert code(pending) == "409 TASKS_PENDING"
    opened = await fire.ok("POST", f"{case}/tasks/fire/decision", OPINION)
    assert [task["state"] for task in opened["tasks"]] == ["approved", "approved", "open"]

    # An inspection pauses the clock; resumed, it turns yellow when four fifths are used, and says so once.
    await window.ok("POST", f"{case}/pause", {"reason": "专家评审"})
    city.clock.set(on("2090-12-08"))
    await window.ok("POST", f"{case}/resume", {"note": "评审完成"})
    await city.work()
    city.clock.set(on("2090-12-14"))
    history_before = len((await window.ok("GET", case))["history"])
    await city.work()
    warned = await window.ok("GET", case)
    assert warned["clocks"]["promised"]["colour"] == "yellow"
    notes = [step["note"] for step in warned["history"] if step["action"] in ("warn_yellow", "warn_red")]
    assert len(notes) == len(set(notes))
    assert "promised" in notes
    assert len(warned["history"]) > history_before
    await city.work()
    assert len((await window.ok("GET", case))["history"]) == len(warned["history"])
    # The resident and the supervisor see the same clock.
    supervisor = await officer(city, "supervisor", centre=None)
    entries = (await supervisor.ok("GET", "/staff/supervision"))["entries"]
    raised = [(one["kind"], one["clock"]) for one in entries if one["subject"] == receipt["case_id"]]
    assert ("limit_yellow", "promised") in raised
    assert len(raised) == len(set(raised))
    seen = (await supervisor.ok("GET", case))["clocks"]["promised"]
    assert (await resident.ok("GET", f"/api/cases/{receipt['case_id']}"))["progress"]["clock"] == seen

    await lead.ok("POST", f"{case}/tasks/final/decision", OPINION)
    granted = await lead.ok("POST", f"{case}/decision", {"grant": True, "opinion": "准予许可"})
    assert (granted["state"], granted["clocks"]["promised"]["stopped"]) == ("granted", True)
    await lead.ok("POST", f"{case}/result", {"name": "联合许可决定书", "number": "威审许〔2090〕1号"})

    # A fee stands open: nothing is handed over before it is settled.
    await window.ok("POST", f"{case}/charge", {"quantities": {"证书工本费": 2}})
    unpaid = await window.call("POST", f"{case}/issue", {"tracking": "SF123"})
    assert code(unpaid) == "409 BILL_UNPAID"
    city_ = city.api.house.city
    [bill] = await city_.payment_queries.of_subject(SubjectKind.CASE, receipt["case_id"])
    assert bill.amount_fen == 2000
    order = (await resident.ok("POST", f"/api/bills/{bill.id}/pay", {}))["order"]
    assert (await city.pay.control("pay", out_trade_no=order))["result"] == "paid"
    await until(lambda: paid(resident, order))
    no_number = await window.call("POST", f"{case}/issue", {})
    assert code(no_number) == "400 INVALID_INPUT"
    await window.ok("POST", f"{case}/issue", {"tracking": "SF1234567890"})
    await city.work()
    shown = await resident.ok("GET", f"/api/cases/{receipt['case_id']}")
    assert (shown["handover"]["tracking"], shown["progress"]["holder"]) == ("SF1234567890", "邮寄途中")
    titles = [message["title"] for message in (await resident.ok("GET", "/api/messages"))["messages"]]
    assert {"申请已受理", "请补充材料", "申请已批准", "结果已做好", "结果已送出"} <= set(titles)
    await resident.ok("POST", f"/api/cases/{receipt['case_id']}/receive")
    words = [
        one["words"] for one in (await resident.ok("GET", f"/api/cases/{receipt['case_id']}"))["progress"]["timeline"]
    ]
    assert words[0] == "您提交了申请，我们已收到。"
    assert f"{FIRE}已完成“消防检查”。" in words
    assert words[-1] == "已办结。"
    history = (await window.ok("GET", case))["history"]
    assert all(step["by"] for step in history if step["actor"] == "staff")


async def test_every_fault_of_an_application_is_told_at_once(city: TestCity) -> None:
    resident = await applicant(city)
    wrong = {"answers": {"nonsense": 1, "area": "many", "place": 7}, "materials": {"没有的材料": []}}
    answer = await resident.call("PUT", f"/api/items/{ITEM}/draft", wrong)
    faults = {fault["field"] for fault in answer.json()["error"]["fields"]["faults"]}
    assert (answer.status_code, faults) == (400, {"nonsense", "area", "place", "materials.没有的材料"})
    # Incomplete is no fault of a draft, but of an application it is.
    await resident.ok("PUT", f"/api/items/{ITEM}/draft", {"answers": {"food": True}, "delivery": "post"})
    answer = await resident.call("POST", f"/api/items/{ITEM}/draft/submit")
    faults = {fault["field"] for fault in answer.json()["error"]["fields"]["faults"]}
    missing = {f"materials.{name}" for name in (*MATERIALS, "食品安全制度")}
    assert (answer.status_code, faults) == (400, {"place", "area", "address"} | missing)


async def test_a_draft_is_kept_once_per_item_and_can_be_thrown_away(city: TestCity) -> None:
    resident = await applicant(city)
    first = await draft(resident)
    second = await resident.ok("PUT", f"/api/items/{ITEM}/draft", {"answers": ANSWERS | {"area": 99}})
    assert (second["case_id"], second["materials"]) == (first["case_id"], first["materials"])
    shown = await resident.ok("GET", f"/api/items/{ITEM}/application")
    assert shown["draft"]["answers"] == ANSWERS | {"area": 99}
    assert [case["state"] for case in (await resident.ok("GET", "/api/cases"))["cases"]] == ["draft"]
    await resident.ok("DELETE", f"/api/items/{ITEM}/draft")
    assert (await resident.ok("GET", "/api/cases"))["cases"] == []
    await city.work()
    file = first["materials"][0]["files"][0]
    assert (await city.api.house.city.file_queries.get(file)).uses == []
    gone = await resident.call("POST", f"/api/items/{ITEM}/draft/submit")
    assert code(gone) == "404 CASE_NOT_FOUND"


async def test_two_first_saves_at_once_make_one_draft(city: TestCity) -> None:
    resident = await applicant(city)
    body = {"answers": ANSWERS}
    saved = await asyncio.gather(*(resident.ok("PUT", f"/api/items/{ITEM}/draft", body) for _ in range(4)))
    assert len({one["case_id"] for one in saved}) == 1


async def test_what_is_known_is_not_asked_again_and_shows_where_it_is_known_from(city: TestCity) -> None:
    resident = await applicant(city)
    first = await resident.ok("GET", f"/api/items/{ITEM}/application")
    known = {one["field"]: one for one in first["prefilled"]}
    assert known["name"] == {"field": "name", "value": "王**", "source": "实名信息"}
    assert known["id_number"]["value"].startswith("371***********")
    receipt = await submitted(resident)
    case = f"/staff/cases/{receipt['case_id']}"
    fire, plan, lead = await approvers(city)
    window = await officer(city, "window_officer")
    await window.ok("POST", f"{case}/accept")
    await fire.ok("POST", f"{case}/tasks/fire/decision", OPINION)
    await plan.ok("POST", f"{case}/tasks/plan/decision", OPINION)
    await lead.ok("POST", f"{case}/tasks/final/decision", OPINION)
    await lead.ok("POST", f"{case}/decision", {"grant": True, "opinion": "准予许可"})
    # The lease was checked once and the ID card issued by an office; the photo is asked for again.
    again = await resident.ok("GET", f"/api/items/{ITEM}/application")
    states = {m["name"]: (m["state"], m["source"]) for m in again["materials"]}
    assert states["身份证"] == states[LEASE] == ("reused", receipt["number"])
    assert states[PHOTO] == ("missing", "")
    sources = {one["field"]: one["source"] for one in again["prefilled"]}
    assert sources["materials.身份证"] == sources[f"materials.{LEASE}"] == f"办件 {receipt['number']}"
    await resident.ok(
        "PUT", f"/api/items/{ITEM}/draft", {"answers": ANSWERS, "materials": {PHOTO: [await upload(resident)]}}
    )
    second = await resident.ok("POST", f"/api/items/{ITEM}/draft/submit")
    assert second["number"] != receipt["number"]
    # The officer sees that it is reused, and from where; and may look at it.
    seen = (await window.ok("GET", f"/staff/cases/{second['case_id']}"))["materials"]
    lease = next(one for one in seen if one["name"] == LEASE)
    assert (lease["state"], lease["source"]) == ("reused", receipt["number"])
    await download(window, f"/staff/cases/{second['case_id']}/files/{lease['files'][0]}")


async def test_a_window_too_does_not_ask_again_for_what_an_earlier_case_has_shown(city: TestCity) -> None:
    number = id_number()
    resident = await applicant(city, number)
    receipt = await submitted(resident)
    case = f"/staff/cases/{receipt['case_id']}"
    window = await officer(city, "window_officer")
    fire, plan, lead = await approvers(city)
    await window.ok("POST", f"{case}/accept")
    for who, task in ((fire, "fire"), (plan, "plan"), (lead, "final")):
        await who.ok("POST", f"{case}/tasks/{task}/decision", OPINION)
    person = {"name": "王小明", "id_number": number, "phone": "13900001111"}
    body = {"item": ITEM, "applicant": person, "answers": ANSWERS}
    before = await window.ok("POST", "/staff/cases", body)
    await lead.ok("POST", f"{case}/decision", {"grant": True, "opinion": "准予许可"})
    after = await window.ok("POST", "/staff/cases", body)
    for made, expected in ((before, ("missing", "")), (after, ("reused", receipt["number"]))):
        shown = (await window.ok("GET", f"/staff/cases/{made['id']}"))["materials"]
        assert next((m["state"], m["source"]) for m in shown if m["name"] == LEASE) == expected
    # Somebody else's case is nobody's source: an agent brings their principal's own papers.
    agent = body | {"agent": {"name": "李四维", "id_number": id_number(), "phone": "13900001111", "relation": "子女"}}
    theirs = await window.ok("POST", "/staff/cases", agent)
    shown = (await window.ok("GET", f"/staff/cases/{theirs['id']}"))["materials"]
    assert {m["state"] for m in shown} == {"missing"}


async def test_an_agent_applies_for_somebody_else_only_with_an_authorisation(city: TestCity) -> None:
    agent, number = await applicant(city), id_number()
    principal = {"name": "李四维", "id_number": number, "phone": "13900001111", "relation": "子女"}
    await draft(agent, principal=principal)
    refused = await agent.call("POST", f"/api/items/{ITEM}/draft/submit")
    assert [fault["field"] for fault in refused.json()["error"]["fields"]["faults"]] == ["authorisation"]
    await agent.ok("PUT", f"/api/items/{ITEM}/draft", {"authorisation": [await upload(agent)]})
    receipt = await agent.ok("POST", f"/api/items/{ITEM}/draft/submit")
    window = await officer(city, "window_officer")
    seen = await window.ok("GET", f"/staff/cases/{receipt['case_id']}")
    assert (seen["applicant"]["name"], seen["agent"]["name"], seen["agent"]["relation"]) == ("李**", "王**", "子女")
    # The receipt is found again with the applicant's ID number, not the agent's.
    asked = {"number": receipt["number"], "query_code": receipt["query_code"], "id_last_four": number[-4:]}
    answer = await city.http.post(f"{city.api.url}/api/progress", json=asked)
    assert answer.status_code == 200, answer.text


async def test_any_window_applies_for_a_resident_and_the_departments_get_the_case(city: TestCity) -> None:
    number = id_number()
    resident = await applicant(city, number)
    other = next(c.code for c in city.api.house.city.centres.all() if c.code != CENTRE)
    window = await officer(city, "window_officer", centre=other)
    person = {"name": "王小明", "id_number": number, "phone": "13900001111"}
    body = {"item": ITEM, "applicant": person, "answers": ANSWERS, "seen": ["身份证", LEASE]}
    made = await window.ok("POST", "/staff/cases", body)
    case = await window.ok("GET", f"/staff/cases/{made['id']}")
    assert (case["channel"], case["centre"], case["owner"]) == ("window", other, window.openid)
    assert case["applicant"]["id_number"] == f"371***********{number[-4:]}"
    await window.ok("POST", f"/staff/cases/{made['id']}/notices", {"missing": [PHOTO]})
    await window.ok("POST", f"/staff/cases/{made['id']}/supplied", {"seen": [PHOTO]})
    await window.ok("POST", f"/staff/cases/{made['id']}/accept")
    fire, _, _ = await approvers(city)
    assert made["id"] in [one["id"] for one in (await fire.ok("GET", "/staff/queues/department"))["cases"]]
    # The resident, found by the ID number, sees it in the app and is told.
    await city.work()
    assert made["id"] in [one["id"] for one in (await resident.ok("GET", "/api/cases"))["cases"]]
    assert "申请已受理" in [m["title"] for m in (await resident.ok("GET", "/api/messages"))["messages"]]


async def test_a_window_applies_for_somebody_without_an_account_and_nothing_fails(city: TestCity) -> None:
    window = await officer(city, "window_officer")
    person = {"name": "孙老人", "id_number": id_number(), "phone": "13900001111"}
    made = await window.ok("POST", "/staff/cases", {"item": ITEM, "applicant": person, "answers": ANSWERS})
    await window.ok("POST", f"/staff/cases/{made['id']}/accept")
    await city.work()
    assert await events(city, made["id"]) == []
    assert [d for d in await city.api.house.city.dead_letters.all(100) if d.event.aggregate == made["id"]] == []
    for path, field in (("name", "王2"), ("id_number", "371002198002290001"), ("phone", "123")):
        wrong = await window.call("POST", "/staff/cases", {"item": ITEM, "applicant": person | {path: field}})
        assert (wrong.status_code, wrong.json()["error"]["fields"]["field"]) == (400, f"$.applicant.{path}")


async def test_a_second_notice_needs_a_reason_and_raises_a_supervision_event(city: TestCity) -> None:
    resident, window, case_id = await accepted(city)
    case = f"/staff/cases/{case_id}"
    await window.ok("POST", f"{case}/notices", {"missing": ["场所平面图"]})
    await resident.ok("POST", f"/api/cases/{case_id}/supplement", {"materials": {PHOTO: [await upload(resident)]}})
    again = await window.call("POST", f"{case}/notices", {"missing": ["门头照片"]})
    assert code(again) == "400 NOTICE_REASON_REQUIRED"
    await window.ok("POST", f"{case}/notices", {"missing": ["门头照片"], "reason": "补充的照片不清晰"})
    assert "case.second_notice" in await events(city, case_id)
    supervisor = await officer(city, "supervisor", centre=None)
    await city.work()
    [entry] = [e for e in (await supervisor.ok("GET", "/staff/supervision"))["entries"] if e["subject"] == case_id]
    assert (entry["kind"], entry["officer"], entry["title"]) == ("second_notice", window.openid, CONTENT["name"])
    assert (
        code(await window.call("POST", f"/staff/supervision/{entry['id']}/close", {"note": "x"})) == "403 NOT_ALLOWED"
    )
    await supervisor.ok("POST", f"/staff/supervision/{entry['id']}/acknowledge", {})
    closed = await supervisor.ok("POST", f"/staff/supervision/{entry['id']}/close", {"note": "已约谈窗口"})
    assert (closed["state"], closed["note"], closed["actions"]) == ("closed", "已约谈窗口", [])
    again = await supervisor.call("POST", f"/staff/supervision/{entry['id']}/close", {"note": "x"})
    assert code(again) == "409 ACTION_NOT_ALLOWED"
    shown = await resident.ok("GET", f"/api/cases/{case_id}")
    assert [notice["reason"] for notice in shown["notices"]] == ["", "补充的照片不清晰"]


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


async def test_an_action_that_is_none_now_is_refused_with_those_that_are(city: TestCity) -> None:
    resident, window, case_id = await accepted(city)
    refused = await window.call("POST", f"/staff/cases/{case_id}/accept")
    assert code(refused) == "409 ACTION_NOT_ALLOWED"
    assert {"pause", "request_supplement"} <= set(refused.json()["error"]["fields"]["allowed"])
    assert code(await resident.call("POST", f"/api/cases/{case_id}/receive")) == "409 ACTION_NOT_ALLOWED"
    shown = await resident.ok("POST", f"/api/cases/{case_id}/withdraw", {"reason": "不办了"})
    assert (shown["progress"]["state"], shown["actions"]) == ("withdrawn", [])
    assert code(await resident.call("POST", f"/api/cases/{case_id}/withdraw", {})) == "409 ACTION_NOT_ALLOWED"


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


async def download(who: Resident, path: str) -> bytes:
    answer = await who.call("GET", path)
    assert answer.status_code == 200, answer.text
    return answer.content


async def test_scans_of_a_window_and_an_authorisation_go_with_the_case_and_each_reading_is_audited(
    city: TestCity,
) -> None:
    number = id_number()
    resident, window = await applicant(city, number), await officer(city, "window_officer")
    lease, letter = await upload(window, "/staff/files"), await upload(window, "/staff/files")
    person = {"name": "王小明", "id_number": number, "phone": "13900001111"}
    agent = {"name": "李四维", "id_number": id_number(), "phone": "13900001112", "relation": "子女"}
    body = {"item": ITEM, "applicant": person, "agent": agent, "answers": ANSWERS, "seen": ["身份证", LEASE],
            "files": {LEASE: [lease]}, "authorisation": [letter]}  # fmt: skip
    case_id = (await window.ok("POST", "/staff/cases", body))["id"]
    case = f"/staff/cases/{case_id}"
    await window.ok("POST", f"{case}/notices", {"missing": [PHOTO]})
    photo = await upload(window, "/staff/files")
    await window.ok("POST", f"{case}/supplied", {"files": {PHOTO: [photo]}})
    shown = await window.ok("GET", case)
    materials = {m["name"]: (m["state"], m["files"]) for m in shown["materials"]}
    assert (materials[LEASE], materials["身份证"]) == (("original_seen", [lease]), ("original_seen", []))
    assert (materials[PHOTO], shown["authorisation"]) == (("provided", [photo]), [letter])

    # A colleague of the department reads it, and the audit has it; others and strangers do not.
    await window.ok("POST", f"{case}/accept")
    fire, _, lead = await approvers(city)
    for file in (lease, letter, photo):
        assert (await download(fire, f"{case}/files/{file}")).startswith(b"\x89PNG")
    audit = [entry.action for entry in await city.api.house.city.staff_queries.audit_of(fire.openid)]
    assert {f"case.file {case_id} {file}" for file in (lease, letter, photo)} <= set(audit)
    stranger = await officer(city, "approver", centre=None, department="市教育局")
    assert code(await stranger.call("GET", f"{case}/files/{lease}")) == "404 CASE_NOT_FOUND"
    other = await upload(window, "/staff/files")
    assert code(await fire.call("GET", f"{case}/files/{other}")) == "404 FILE_NOT_FOUND"
    assert f"case.file {case_id} {other}" not in [
        e.action for e in await city.api.house.city.staff_queries.audit_of(fire.openid)
    ]
    # The resident reads the window's scans of their own case; nobody else does.
    assert await download(resident, f"/api/cases/{case_id}/files/{lease}")
    assert (
        code(await (await applicant(city)).call("GET", f"/api/cases/{case_id}/files/{lease}")) == "404 CASE_NOT_FOUND"
    )

    # Only an officer's own scan can be handed in, and only for a material of the case; nothing is marked otherwise.
    foreign = await upload(lead, "/staff/files")
    assert code(await window.call("POST", f"{case}/originals", {"files": {LEASE: [foreign]}})) == "404 FILE_NOT_FOUND"
    assert code(await window.call("POST", f"{case}/originals", {"files": {"没有": [other]}})) == "400 INVALID_INPUT"
    assert code(await window.call("POST", f"{case}/originals", {})) == "400 INVALID_INPUT"
    queries = city.api.house.city.file_queries
    assert ((await queries.get(foreign)).uses, (await queries.get(other)).uses) == ([], [])
    # A scan that takes another's place: the old one is let go.
    await window.ok("POST", f"{case}/originals", {"seen": [LEASE], "files": {LEASE: [other]}})
    await city.work()
    assert ((await queries.get(lease)).uses, len((await queries.get(other)).uses)) == ([], 1)


async def test_the_result_is_a_file_that_the_resident_reads_once_it_was_handed_over(city: TestCity) -> None:
    resident, window, case_id = await accepted(city)
    fire, plan, lead = await approvers(city)
    case = f"/staff/cases/{case_id}"
    for who, task in ((fire, "fire"), (plan, "plan"), (lead, "final")):
        await who.ok("POST", f"{case}/tasks/{task}/decision", OPINION)
    document = await upload(lead, "/staff/files")
    early = await lead.call("POST", f"{case}/result", {"name": "联合许可决定书", "file": document})
    assert code(early) == "409 ACTION_NOT_ALLOWED"
    assert (await city.api.house.city.file_queries.get(document)).uses == []
    await lead.ok("POST", f"{case}/decision", {"grant": True, "opinion": "准予许可"})
    await lead.ok("POST", f"{case}/result", {"name": "联合许可决定书", "file": document})
    for path in ("result", f"files/{document}"):
        assert code(await resident.call("GET", f"/api/cases/{case_id}/{path}")) == "404 FILE_NOT_FOUND"
    await window.ok("POST", f"{case}/issue", {})
    assert await download(resident, f"/api/cases/{case_id}/result") == await download(
        window, f"{case}/files/{document}"
    )


async def test_a_file_dropped_on_one_phone_and_taken_up_again_on_another_keeps_its_mark(city: TestCity) -> None:
    resident = await applicant(city)
    first = (await draft(resident))["materials"]
    files = {m["name"]: m["files"] for m in first if m["files"]}
    without = {name: ids for name, ids in files.items() if name != PHOTO}
    path = f"/api/items/{ITEM}/draft"
    queries = city.api.house.city.file_queries
    [photo] = files[PHOTO]
    # The relay is late: it hears of the drop only after the file is referred to again.
    await resident.ok("PUT", path, {"materials": without})
    await resident.ok("PUT", path, {"materials": files})
    await city.work()
    assert len((await queries.get(photo)).uses) == 1
    for _ in range(4):
        await asyncio.gather(*(resident.call("PUT", path, {"materials": given}) for given in (files, without) * 2))
        await resident.ok("PUT", path, {"materials": files})
        await city.work()
        assert (await queries.get(photo)).uses
    await resident.ok("PUT", path, {"materials": without})
    await city.work()
    assert (await queries.get(photo)).uses == []


async def test_a_date_is_held_against_the_day_of_submission_also_in_a_later_supplement(city: TestCity) -> None:
    # Bounded by the day itself: what was in time then would be too late when the supplement comes.
    moved = {"name": "moved", "label": "计划开业日期", "type": "date", "minimum": 0, "required": False}
    await publish(city, code="000199990001", form=[*CONTENT["form"], moved])
    resident, window = await applicant(city), await officer(city, "window_officer")
    path = "/api/items/000199990001/draft"
    materials = {name: [await upload(resident)] for name in MATERIALS}
    body = {"answers": ANSWERS | {"moved": "2090-11-22"}, "materials": materials, "centre": CENTRE}
    await resident.ok("PUT", path, body)
    case_id = (await resident.ok("POST", f"{path}/submit"))["case_id"]
    await window.ok("POST", f"/staff/cases/{case_id}/notices", {"missing": ["面积"]})
    city.clock.set(on("2090-12-01"))
    shown = await resident.ok("POST", f"/api/cases/{case_id}/supplement", {"answers": {"area": 130}})
    assert shown["progress"]["state"] == "submitted"


async def test_silence_of_the_office_is_acceptance_as_of_the_receipt(city: TestCity) -> None:
    resident = await applicant(city)
    receipt = await submitted(resident)
    city.clock.set(on("2090-11-28", 20))
    await city.work()
    assert (await resident.ok("GET", f"/api/cases/{receipt['case_id']}"))["progress"]["state"] == "submitted"
    city.clock.set(on("2090-11-29", 1))
    await city.work()
    shown = await resident.ok("GET", f"/api/cases/{receipt['case_id']}")
    assert (shown["progress"]["state"], shown["progress"]["clock"]["used"]) == ("in_approval", 6)


async def test_an_overdue_task_turns_red_once_and_a_rejected_one_leaves_only_a_denial(city: TestCity) -> None:
    resident, window, case_id = await accepted(city)
    city.clock.set(on("2090-12-01"))
    await city.work()
    await city.work()
    case = await window.ok("GET", f"/staff/cases/{case_id}")
    warned = [(step["action"], step["note"]) for step in case["history"] if step["action"].startswith("warn")]
    assert warned.count(("warn_red", "task:fire")) == 1
    assert ("warn_yellow", "task:fire") not in warned
    assert warned.count(("warn_yellow", "promised")) == 1
    fire, _, lead = await approvers(city)
    await fire.ok("POST", f"/staff/cases/{case_id}/tasks/fire/decision", {"approve": False, "opinion": "通道不足"})
    grant = await lead.call("POST", f"/staff/cases/{case_id}/decision", {"grant": True, "opinion": "准予"})
    assert code(grant) == "409 TASK_REJECTED"
    denied = await lead.ok("POST", f"/staff/cases/{case_id}/decision", {"grant": False, "opinion": "消防未通过"})
    assert [task["state"] for task in denied["tasks"]] == ["rejected", "cancelled", "cancelled"]
    assert (await resident.ok("GET", f"/api/cases/{case_id}"))["opinion"] == "消防未通过"


async def test_personal_data_in_clear_is_written_into_the_audit(city: TestCity) -> None:
    number = id_number()
    resident = await applicant(city, number)
    receipt = await submitted(resident)
    window = await officer(city, "window_officer")
    masked = await window.ok("GET", f"/staff/cases/{receipt['case_id']}")
    assert number not in str(masked)
    assert masked["answers"]["id_number"] == f"371***********{number[-4:]}"
    clear = await window.ok("POST", f"/staff/cases/{receipt['case_id']}/personal-data")
    assert (clear["applicant"]["id_number"], clear["answers"]["place"]) == (number, ANSWERS["place"])
    audit = await city.api.house.city.staff_queries.audit_of(window.openid)
    assert f"case.unmask {receipt['case_id']}" in [entry.action for entry in audit]
    # At rest nothing of it can be read.
    stored = await city.api.house.database["cases"].find_one({"_id": receipt["case_id"]})
    assert not any(part in str(stored) for part in ("王小明", number, ANSWERS["place"]))


async def test_an_item_that_is_not_online_and_a_person_without_a_name_are_refused(city: TestCity) -> None:
    nameless = await city.resident(phone=True)
    await draft(nameless)
    assert code(await nameless.call("POST", f"/api/items/{ITEM}/draft/submit")) == "403 IDENTITY_REQUIRED"
    offline = next(i for i in city.api.house.city.catalogue.all() if i.content.online == "none")
    resident = await applicant(city)
    await resident.ok("PUT", f"/api/items/{offline.content.code}/draft", {"answers": {}})
    refused = await resident.call("POST", f"/api/items/{offline.content.code}/draft/submit")
    assert code(refused) == "400 NOT_ONLINE"


async def test_a_repeated_submission_is_answered_with_the_same_receipt(city: TestCity) -> None:
    resident = await applicant(city)
    await draft(resident)
    key = secrets.token_hex(8)
    first = await resident.ok("POST", f"/api/items/{ITEM}/draft/submit", key=key)
    assert await resident.ok("POST", f"/api/items/{ITEM}/draft/submit", key=key) == first
    answers = await asyncio.gather(*(resident.call("POST", f"/api/items/{ITEM}/draft/submit") for _ in range(3)))
    assert {answer.status_code for answer in answers} == {404}
    assert len((await resident.ok("GET", "/api/cases"))["cases"]) == 1


async def test_an_issued_case_is_closed_after_its_days(city: TestCity) -> None:
    resident, window, case_id = await accepted(city)
    fire, plan, lead = await approvers(city)
    case = f"/staff/cases/{case_id}"
    await fire.ok("POST", f"{case}/tasks/fire/decision", OPINION)
    await plan.ok("POST", f"{case}/tasks/plan/decision", OPINION)
    await lead.ok("POST", f"{case}/tasks/final/decision", OPINION)
    await lead.ok("POST", f"{case}/decision", {"grant": True, "opinion": "准予许可"})
    await lead.ok("POST", f"{case}/result", {"name": "决定书"})
    await window.ok("POST", f"{case}/issue", {})
    city.clock.advance(timedelta(days=15))
    await city.work()
    assert (await resident.ok("GET", f"/api/cases/{case_id}"))["progress"]["state"] == "closed"
