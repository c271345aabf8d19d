"""What a notice asks for has a last day: the applicant is told and reminded, the officer sees it and can go on."""

from __future__ import annotations

from datetime import timedelta
from functools import partialmethod
from typing import Any

import pytest

from services.cases.store import CaseStore
from tests.cases import PHOTO, accepted, applicant, approvers, code, events, officer, on, submitted, upload
from tests.city import Resident, TestCity

REASON = {"reason": "已电话提醒，申请人表示无法补齐"}


async def mine(window: Resident, query: str = "") -> dict[str, Any]:
    return {case["id"]: case for case in (await window.ok("GET", f"/staff/queues/mine{query}"))["cases"]}


async def told(city: TestCity, resident: Resident) -> list[str]:
    await city.work()
    messages = (await resident.ok("GET", "/api/messages"))["messages"]
    return [one["body"] for one in messages if one["title"] == "请补充材料"]


async def test_the_last_day_is_told_and_the_applicant_reminded_once(city: TestCity) -> None:
    resident, window, case_id = await accepted(city)
    await window.ok("POST", f"/staff/cases/{case_id}/notices", {"missing": ["场所平面图"]})
    shown = await resident.ok("GET", f"/api/cases/{case_id}")
    # 15 working days after 21 November 2090, a Tuesday.
    assert shown["notices"][0]["until"] == "2090-12-12"
    assert (shown["progress"]["until"], shown["progress"]["holder"]) == ("2090-12-12", "您本人")
    assert len(await told(city, resident)) == 1
    city.clock.set(on("2090-12-08", 8))
    assert len(await told(city, resident)) == 1
    city.clock.set(on("2090-12-08", 9))
    await city.work()
    for _ in range(2):
        bodies = await told(city, resident)
        assert len(bodies) == 2
    assert all("请12月12日前" in body for body in bodies)
    words = [one["words"] for one in (await resident.ok("GET", f"/api/cases/{case_id}"))["progress"]["timeline"]]
    assert words.count("提醒您补充材料。") == 1


async def test_whoever_hands_in_in_time_is_not_reminded(city: TestCity) -> None:
    resident, window, case_id = await accepted(city)
    await window.ok("POST", f"/staff/cases/{case_id}/notices", {"missing": ["场所平面图"]})
    await resident.ok("POST", f"/api/cases/{case_id}/supplement", {"materials": {PHOTO: [await upload(resident)]}})
    city.clock.set(on("2090-12-08", 9))
    await city.work()
    assert len(await told(city, resident)) == 1
    assert "remind_supplement" not in str((await window.ok("GET", f"/staff/cases/{case_id}"))["history"])


async def test_after_the_last_day_the_case_goes_on_with_what_there_is(city: TestCity) -> None:
    resident, window, case_id = await accepted(city)
    case = f"/staff/cases/{case_id}"
    assert code(await window.call("POST", f"{case}/proceed", REASON)) == "409 ACTION_NOT_ALLOWED"
    await window.ok("POST", f"{case}/notices", {"missing": ["场所平面图"]})
    city.clock.set(on("2090-12-12", 23))
    early = await window.call("POST", f"{case}/proceed", REASON)
    assert (code(early), early.json()["error"]["fields"]["until"]) == ("409 SUPPLEMENT_NOT_DUE", "2090-12-12")
    waiting = (await mine(window))[case_id]
    assert (waiting["until"], waiting["late"]) == ("2090-12-12", False)
    assert "proceed" not in waiting["actions"]

    city.clock.set(on("2090-12-13"))
    late = (await mine(window))[case_id]
    assert late["late"]
    assert "proceed" in late["actions"]
    assert code(await window.call("POST", f"{case}/proceed", {"reason": " "})) == "400 INVALID_INPUT"
    colleague = await officer(city, "window_officer")
    assert code(await colleague.call("POST", f"{case}/proceed", REASON)) == "403 NOT_CASE_OWNER"
    gone_on = await window.ok("POST", f"{case}/proceed", REASON)
    assert (gone_on["state"], gone_on["clocks"]["promised"]["paused"]) == ("in_approval", False)
    assert "case.proceeded" in await events(city, case_id)
    assert code(await window.call("POST", f"{case}/proceed", REASON)) == "409 ACTION_NOT_ALLOWED"
    # The days of waiting were the applicant's; the departments decide, and a rejected task leaves a denial.
    assert gone_on["clocks"]["promised"]["used"] == 0
    fire, _, lead = await approvers(city)
    await fire.ok("POST", f"{case}/tasks/fire/decision", {"approve": False, "opinion": "缺少场所平面图"})
    await lead.ok("POST", f"{case}/decision", {"grant": False, "opinion": "材料不齐"})
    words = [one["words"] for one in (await resident.ok("GET", f"/api/cases/{case_id}"))["progress"]["timeline"]]
    assert "到期没有补充材料，按现有材料继续办理。" in words


async def test_an_application_is_not_refused_before_the_day_it_was_told(city: TestCity) -> None:
    window, resident = await officer(city, "window_officer"), await applicant(city)
    case_id = (await submitted(resident))["case_id"]
    case = f"/staff/cases/{case_id}"
    await window.ok("POST", f"{case}/notices", {"missing": ["场所平面图"]})
    early = await window.call("POST", f"{case}/refuse", REASON)
    assert (code(early), early.json()["error"]["fields"]["until"]) == ("409 SUPPLEMENT_NOT_DUE", "2090-12-12")
    assert "refuse" not in (await mine(window))[case_id]["actions"]
    city.clock.set(on("2090-12-13"))
    assert "refuse" in (await mine(window))[case_id]["actions"]
    assert (await window.ok("POST", f"{case}/refuse", REASON))["state"] == "refused"


async def test_whoever_pauses_a_case_that_nobody_had_answers_for_it(city: TestCity) -> None:
    window, resident = await officer(city, "window_officer"), await applicant(city)
    case_id = (await submitted(resident))["case_id"]
    city.clock.set(on("2090-11-30"))
    await city.work()  # accepted by silence
    assert (await window.ok("POST", f"/staff/cases/{case_id}/pause", {"reason": "现场勘验"}))["owner"] == window.openid
    assert set(await mine(window)) == {case_id}


async def test_results_that_nobody_fetches_do_not_hide_what_is_new(
    city: TestCity, monkeypatch: pytest.MonkeyPatch
) -> None:
    cases = city.api.house.database["cases"]
    window = await officer(city, "window_officer")
    ready, new = [(await submitted(await applicant(city)))["case_id"] for _ in range(3)], []
    # What earlier stories left at the windows of this centre is not this one's.
    await cases.update_many({"_id": {"$nin": ready}}, {"$unset": {"desk": ""}})
    await cases.update_many({"_id": {"$in": ready}}, {"$set": {"state": "ready", "owner": window.openid}})
    for _ in range(2):
        city.clock.advance(timedelta(minutes=1))
        new.append((await submitted(await applicant(city)))["case_id"])
    await cases.update_many({"_id": {"$in": new}}, {"$set": {"owner": window.openid}})
    for name in ("at_desk", "owned"):
        monkeypatch.setattr(CaseStore, name, partialmethod(getattr(CaseStore, name), limit=2))
    for queue in ("window", "mine"):
        found = [case["id"] for case in (await window.ok("GET", f"/staff/queues/{queue}"))["cases"]]
        assert found[:2] == new
        assert len(set(found[2:]) & set(ready)) == 2


async def test_what_comes_late_but_before_the_office_goes_on_still_counts(city: TestCity) -> None:
    resident, window, case_id = await accepted(city)
    await window.ok("POST", f"/staff/cases/{case_id}/notices", {"missing": ["场所平面图"]})
    city.clock.set(on("2090-12-20"))
    await resident.ok("POST", f"/api/cases/{case_id}/supplement", {"materials": {PHOTO: [await upload(resident)]}})
    refused = await window.call("POST", f"/staff/cases/{case_id}/proceed", REASON)
    assert code(refused) == "409 ACTION_NOT_ALLOWED"


async def test_an_officer_sees_all_that_they_answer_for_until_it_is_over(city: TestCity) -> None:
    resident, window, paused = await accepted(city)
    await window.ok("POST", f"/staff/cases/{paused}/pause", {"reason": "现场勘验"})
    incomplete = (await submitted(await applicant(city)))["case_id"]
    await window.ok("POST", f"/staff/cases/{incomplete}/notices", {"missing": ["图"]})
    refused = (await submitted(await applicant(city)))["case_id"]
    await window.ok("POST", f"/staff/cases/{refused}/refuse", {"reason": "不属于本机关职权"})
    untaken = (await submitted(await applicant(city)))["case_id"]
    assert {id_: case["state"] for id_, case in (await mine(window)).items()} == {
        paused: "paused", incomplete: "incomplete",
    }  # fmt: skip
    colleague, chief = await officer(city, "window_officer"), await officer(city, "supervisor")
    assert await mine(colleague) == {}
    other = await colleague.call("GET", f"/staff/queues/mine?officer={window.openid}")
    assert code(other) == "403 NOT_ALLOWED"
    # The officer has left: a supervisor finds their cases and hands them over.
    assert set(await mine(chief, f"?officer={window.openid}")) == {paused, incomplete}
    await chief.ok("POST", f"/staff/cases/{paused}/hand-over", {"to": colleague.openid, "note": "调离"})
    assert set(await mine(colleague)) == {paused}
    await resident.ok("POST", f"/api/cases/{paused}/withdraw", {})
    assert await mine(colleague) == {}
    assert untaken not in await mine(window)
