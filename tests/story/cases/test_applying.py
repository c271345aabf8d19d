"""Applying online over HTTP: drafts, faults, what is known already, agents, receipts."""

from __future__ import annotations

import asyncio
import secrets

from tests.cases import (
    ANSWERS,
    CONTENT,
    ITEM,
    LEASE,
    MATERIALS,
    OPINION,
    PHOTO,
    applicant,
    approvers,
    code,
    download,
    draft,
    granted,
    id_number,
    officer,
    on,
    papers,
    publish,
    submitted,
    upload,
)
from tests.city import CENTRE, TestCity


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
    assert known["name"] == {"field": "name", "value": "王**", "source": "实名信息", "answer": None}
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


async def test_an_agent_for_oneself_and_a_delivery_that_is_none_are_refused_in_plain_words(
    city: TestCity,
) -> None:
    number = id_number()
    resident = await applicant(city, number)
    me = {"name": "王小明", "id_number": number, "phone": "13900001111", "relation": "子女"}
    await draft(resident, principal=me, authorisation=[await upload(resident)])
    refused = await resident.call("POST", f"/api/items/{ITEM}/draft/submit")
    assert refused.json()["error"]["fields"]["faults"] == [
        {"field": "principal", "reason": "申请人就是您本人，请选择为自己申请。"}
    ]
    wrong = await resident.call("PUT", f"/api/items/{ITEM}/draft", {"delivery": "鸽子"})
    assert wrong.json()["error"]["fields"]["faults"] == [
        {"field": "delivery", "reason": "请选择送达方式：窗口领取、邮寄、电子送达。"}
    ]
    blank = await resident.call("PUT", f"/api/items/{ITEM}/draft", {"delivery": "post", "address": "  "})
    assert (code(blank), blank.json()["error"]["fields"]["field"]) == ("400 INVALID_INPUT", "$.address")


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
    # What they filled in is theirs to see; what the profile knows is not asked, and nobody else sees any of it.
    own = await resident.ok("GET", f"/api/cases/{case_id}/answers")
    assert own["answers"] == ANSWERS | {"moved": "2090-11-22", "area": 130}
    assert {field["name"] for field in own["form"]} >= set(own["answers"])
    assert not any(field["known"] for field in own["form"])
    assert code(await (await applicant(city)).call("GET", f"/api/cases/{case_id}/answers")) == "404 CASE_NOT_FOUND"


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


async def test_answers_of_a_granted_case_are_offered_with_their_source_and_used_unless_others_are_given(
    city: TestCity,
) -> None:
    # Two items that ask for the same facts; one asks another question under the same name.
    other = [
        {"name": "place", "label": "经营场所地址", "type": "text", "max_length": 60},
        {"name": "owner", "label": "产权人", "type": "text", "max_length": 30},
        {"name": "area", "label": "面积", "type": "number"},
    ]
    sheets = CONTENT["materials"][:4]
    await publish(city, code="000199990002", form=other, materials=sheets)
    await publish(city, code="000199990003", form=[{**other[0], "label": "收货地址"}], materials=sheets)
    resident = await applicant(city)
    window = await officer(city, "window_officer")
    nothing = (await resident.ok("GET", f"/api/items/{ITEM}/application"))["prefilled"]
    assert {one["field"] for one in nothing} == {"name", "id_number", "phone"}
    first = await submitted(resident)
    path = "/api/items/000199990002"
    assert "place" not in {one["field"] for one in (await resident.ok("GET", f"{path}/application"))["prefilled"]}
    await granted(city, window, first["case_id"])

    offered = {one["field"]: one for one in (await resident.ok("GET", f"{path}/application"))["prefilled"]}
    source = f"办件 {first['number']}"
    assert offered["place"] == {
        "field": "place", "value": ANSWERS["place"], "source": source, "answer": ANSWERS["place"],
    }  # fmt: skip
    # An area is measured anew for each matter, and the owner was never asked.
    assert {"area", "owner"} & set(offered) == set()
    elsewhere = await resident.ok("GET", "/api/items/000199990003/application")
    assert "place" not in {one["field"] for one in elsewhere["prefilled"]}

    # Not given, it is not missing; the officer sees where it is from.
    photo = await upload(resident)
    body = {"answers": {"owner": "赵大海", "area": 90}, "materials": {PHOTO: [photo]}, "centre": CENTRE}
    await resident.ok("PUT", f"{path}/draft", body)
    second = await resident.ok("POST", f"{path}/draft/submit")
    shown = await window.ok("GET", f"/staff/cases/{second['case_id']}")
    assert shown["answers"] == {"place": ANSWERS["place"], "owner": "赵大海", "area": 90}
    assert shown["sources"] == {"place": source}
    await granted(city, window, second["case_id"])
    # The source stays the case in which it was given; another answer has none.
    again = {one["field"]: one for one in (await resident.ok("GET", f"{path}/application"))["prefilled"]}
    assert (again["place"]["source"], again["owner"]["source"]) == (source, f"办件 {second['number']}")
    await resident.ok("PUT", f"{path}/draft", body | {"answers": {"place": "新威路 9 号", "area": 90}})
    third = await resident.ok("POST", f"{path}/draft/submit")
    shown = await window.ok("GET", f"/staff/cases/{third['case_id']}")
    assert (shown["answers"]["place"], shown["sources"]) == ("新威路 9 号", {"owner": f"办件 {second['number']}"})
    # A supplement gives an answer anew.
    await window.ok("POST", f"/staff/cases/{third['case_id']}/notices", {"missing": ["产权人姓名有误"]})
    await resident.ok("POST", f"/api/cases/{third['case_id']}/supplement", {"answers": {"owner": "赵小海"}})
    shown = await window.ok("GET", f"/staff/cases/{third['case_id']}")
    assert (shown["answers"]["owner"], shown["sources"]) == ("赵小海", {})

    # The window too; never for an agent's principal.
    at_window = {"item": "000199990002", "applicant": await papers(resident), "answers": {"area": 70}}
    made = await window.ok("POST", "/staff/cases", at_window)
    shown = await window.ok("GET", f"/staff/cases/{made['id']}")
    assert (shown["answers"]["place"], shown["sources"]["place"]) == (ANSWERS["place"], source)
    agent = {"name": "李四维", "id_number": id_number(), "phone": "13900001111", "relation": "子女"}
    made = await window.ok("POST", "/staff/cases", at_window | {"agent": agent})
    assert (await window.ok("GET", f"/staff/cases/{made['id']}"))["sources"] == {}
    await resident.ok("PUT", f"{path}/draft", body | {"answers": {}, "principal": agent})
    theirs = (await resident.ok("GET", f"{path}/application"))["prefilled"]
    assert theirs == []
