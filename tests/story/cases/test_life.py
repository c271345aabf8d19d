"""The life of a case over HTTP: two departments in parallel, a supplement, a pause, warnings, fees."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

from services.payments.model import SubjectKind
from tests.cases import (
    CONTENT,
    FIRE,
    OPINION,
    PHOTO,
    accepted,
    applicant,
    approvers,
    code,
    events,
    officer,
    on,
    submitted,
    titles,
    upload,
)
from tests.city import Resident, TestCity, until


async def entries(supervisor: Resident, subject: str) -> list[Any]:
    """All supervision entries of a case."""
    found = [
        one
        for state in ("open", "acknowledged", "closed", "settled")
        for one in (await supervisor.ok("GET", f"/staff/supervision?state={state}"))["entries"]
    ]
    return [one for one in found if one["subject"] == subject]


async def fees(who: Resident, case: str) -> list[tuple[str, int, str]]:
    """What an officer sees of the fees of a case: number, amount, state."""
    return [(bill["id"], bill["amount_fen"], bill["state"]) for bill in (await who.ok("GET", case))["bills"]]


async def paid(resident: Resident, order: str) -> bool:
    return bool((await resident.ok("GET", f"/api/orders/{order}"))["state"] == "paid")


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
    raised = [(one["kind"], one["clock"]) for one in await entries(supervisor, receipt["case_id"])]
    assert ("limit_yellow", "promised") in raised
    assert len(raised) == len(set(raised))
    seen = (await supervisor.ok("GET", case))["clocks"]["promised"]
    assert (await resident.ok("GET", f"/api/cases/{receipt['case_id']}"))["progress"]["clock"] == seen

    await lead.ok("POST", f"{case}/tasks/final/decision", OPINION)
    await city.work()
    left = await entries(supervisor, receipt["case_id"])
    # What a decided task warned of is settled, what the case warns of is not.
    assert {one["state"] for one in left if one["clock"].startswith("task:") and one["kind"] == "limit_yellow"} <= {
        "settled"
    }
    assert ("promised", "open") in [(one["clock"], one["state"]) for one in left]
    granted = await lead.ok("POST", f"{case}/decision", {"grant": True, "opinion": "准予许可"})
    await city.work()
    [settled] = [one for one in await entries(supervisor, receipt["case_id"]) if one["clock"] == "promised"]
    assert (settled["state"], settled["note"], settled["actions"]) == ("settled", "办件已作出决定", [])
    assert (granted["state"], granted["clocks"]["promised"]["stopped"]) == ("granted", True)
    await lead.ok("POST", f"{case}/result", {"name": "联合许可决定书", "number": "威审许〔2090〕1号"})

    # A fee stands open: nothing is handed over before it is settled.
    await window.ok("POST", f"{case}/charge", {"quantities": {"证书工本费": 2}})
    unpaid = await window.call("POST", f"{case}/issue", {"tracking": "SF123"})
    assert code(unpaid) == "409 BILL_UNPAID"
    city_ = city.api.house.city
    [bill] = await city_.payment_queries.of_subject(SubjectKind.CASE, receipt["case_id"])
    assert bill.amount_fen == 2000
    assert await fees(window, case) == [(bill.id, 2000, "open")]
    order = (await resident.ok("POST", f"/api/bills/{bill.id}/pay", {}))["order"]
    assert (await city.pay.control("pay", out_trade_no=order))["result"] == "paid"
    await until(lambda: paid(resident, order))
    for who in (window, fire, supervisor):
        assert await fees(who, case) == [(bill.id, 2000, "paid")]
    no_number = await window.call("POST", f"{case}/issue", {})
    assert code(no_number) == "400 INVALID_INPUT"
    await window.ok("POST", f"{case}/issue", {"tracking": "SF1234567890"})
    await city.work()
    shown = await resident.ok("GET", f"/api/cases/{receipt['case_id']}")
    assert (shown["handover"]["tracking"], shown["progress"]["holder"]) == ("SF1234567890", "邮寄途中")
    assert {"申请已受理", "请补充材料", "申请已批准", "结果已做好", "结果已送出"} <= set(await titles(resident))
    await resident.ok("POST", f"/api/cases/{receipt['case_id']}/receive")
    words = [
        one["words"] for one in (await resident.ok("GET", f"/api/cases/{receipt['case_id']}"))["progress"]["timeline"]
    ]
    assert words[0] == "您提交了申请，我们已收到。"
    assert f"{FIRE}已完成“消防检查”。" in words
    assert words[-1] == "已办结。"
    history = (await window.ok("GET", case))["history"]
    assert all(step["by"] for step in history if step["actor"] == "staff")


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


async def test_a_decision_settles_yellow_warnings_and_leaves_red_ones_to_be_looked_into(city: TestCity) -> None:
    _, _, case_id = await accepted(city)
    supervisor = await officer(city, "supervisor", centre=None)
    city.clock.set(on("2090-12-01"))
    await city.work()
    [yellow] = [one for one in await entries(supervisor, case_id) if one["kind"] == "limit_yellow"]
    await supervisor.ok("POST", f"/staff/supervision/{yellow['id']}/acknowledge", {"note": "已催办"})
    fire, plan, lead = await approvers(city)
    for who, task in ((fire, "fire"), (plan, "plan"), (lead, "final")):
        await who.ok("POST", f"/staff/cases/{case_id}/tasks/{task}/decision", OPINION)
    await lead.ok("POST", f"/staff/cases/{case_id}/decision", {"grant": False, "opinion": "不符合条件"})
    await city.work()
    states = {(one["clock"], one["kind"], one["state"]) for one in await entries(supervisor, case_id)}
    assert states == {
        ("promised", "limit_yellow", "settled"), ("task:fire", "limit_red", "open"), ("task:plan", "limit_red", "open"),
    }  # fmt: skip
    again = await supervisor.call("POST", f"/staff/supervision/{yellow['id']}/close", {"note": "已办"})
    assert code(again) == "409 ACTION_NOT_ALLOWED"
    stored = await city.api.house.database["supervision"].find_one({"_id": yellow["id"]}) or {}
    assert [(step["action"], step.get("note", "")) for step in stored["history"][1:]] == [
        ("acknowledge", "已催办"), ("settle", "办件已作出决定"),
    ]  # fmt: skip


async def test_a_withdrawal_settles_what_was_warned_of(city: TestCity) -> None:
    resident, _, case_id = await accepted(city)
    supervisor = await officer(city, "supervisor", centre=None)
    city.clock.set(on("2090-11-27"))
    await city.work()
    warned = await entries(supervisor, case_id)
    assert {(one["kind"], one["state"]) for one in warned} == {("limit_yellow", "open")}
    await resident.ok("POST", f"/api/cases/{case_id}/withdraw", {"reason": "不办了"})
    await city.work()
    left = await entries(supervisor, case_id)
    assert {(one["state"], one["note"]) for one in left} == {("settled", "申请人已撤回")}


async def test_an_action_that_is_none_now_is_refused_with_those_that_are(city: TestCity) -> None:
    resident, window, case_id = await accepted(city)
    refused = await window.call("POST", f"/staff/cases/{case_id}/accept")
    assert code(refused) == "409 ACTION_NOT_ALLOWED"
    assert {"pause", "request_supplement"} <= set(refused.json()["error"]["fields"]["allowed"])
    assert code(await resident.call("POST", f"/api/cases/{case_id}/receive")) == "409 ACTION_NOT_ALLOWED"
    shown = await resident.ok("POST", f"/api/cases/{case_id}/withdraw", {"reason": "不办了"})
    assert (shown["progress"]["state"], shown["actions"]) == ("withdrawn", [])
    assert code(await resident.call("POST", f"/api/cases/{case_id}/withdraw", {})) == "409 ACTION_NOT_ALLOWED"


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


async def test_a_fee_asked_for_three_times_at_once_is_one_bill_and_one_step(city: TestCity) -> None:
    _, window, case_id = await accepted(city)
    case, body = f"/staff/cases/{case_id}", {"quantities": {"证书工本费": 2}}
    answers = await asyncio.gather(*(window.call("POST", f"{case}/charge", body) for _ in range(3)))
    assert {answer.status_code for answer in answers} == {200}
    shown = await window.ok("GET", case)
    assert [step["action"] for step in shown["history"]].count("charge") == len(shown["bills"]) == 1
    for wrong in (0, -1, 1.5, 1001, "2"):
        refused = await window.call("POST", f"{case}/charge", {"quantities": {"证书工本费": wrong}})
        assert code(refused) == "400 INVALID_INPUT", wrong
    assert code(await window.call("POST", f"{case}/charge", body | {"amount_fen": 1})) == "400 INVALID_INPUT"


async def test_blanks_are_no_reason_and_no_name(city: TestCity) -> None:
    _, window, case_id = await accepted(city)
    case = f"/staff/cases/{case_id}"
    for path, body, field in (
        ("refuse", {"reason": " \n "}, "$.reason"), ("pause", {"reason": "　"}, "$.reason"),
        ("notices", {"missing": ["图", " "]}, "$.missing[1]"),
        ("hand-over", {"to": window.openid, "note": " "}, "$.note"),
    ):  # fmt: skip
        refused = await window.call("POST", f"{case}/{path}", body)
        assert (code(refused), refused.json()["error"]["fields"]["field"]) == ("400 INVALID_INPUT", field)
    await window.ok("POST", f"{case}/notices", {"missing": ["图 ", "图"]})
    assert [notice["missing"] for notice in (await window.ok("GET", case))["notices"]] == [["图"]]
    await window.ok("POST", f"{case}/supplied", {"seen": ["身份证"]})
    again = await window.call("POST", f"{case}/notices", {"missing": ["照片"], "reason": "   "})
    assert code(again) == "400 NOTICE_REASON_REQUIRED"
