"""Windows over HTTP: any item at any centre, people without an account, originals."""

from __future__ import annotations

from tests.cases import (
    ANSWERS,
    FIRE,
    ITEM,
    LEASE,
    OPINION,
    PHOTO,
    applicant,
    approvers,
    code,
    download,
    events,
    granted,
    id_number,
    officer,
    papers,
    submitted,
    titles,
    upload,
)
from tests.city import CENTRE, TestCity


async def test_a_window_too_does_not_ask_again_for_what_an_earlier_case_has_shown(city: TestCity) -> None:
    resident = await applicant(city)
    receipt = await submitted(resident)
    case = f"/staff/cases/{receipt['case_id']}"
    window = await officer(city, "window_officer")
    fire, plan, lead = await approvers(city)
    await window.ok("POST", f"{case}/accept")
    for who, task in ((fire, "fire"), (plan, "plan"), (lead, "final")):
        await who.ok("POST", f"{case}/tasks/{task}/decision", OPINION)
    body = {"item": ITEM, "applicant": await papers(resident), "answers": ANSWERS}
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


async def test_any_window_applies_for_a_resident_and_the_departments_get_the_case(city: TestCity) -> None:
    number = id_number()
    resident = await applicant(city, number)
    other = next(c.code for c in city.api.house.city.centres.all() if c.code != CENTRE)
    window = await officer(city, "window_officer", centre=other)
    body = {"item": ITEM, "applicant": await papers(resident), "answers": ANSWERS, "seen": ["身份证", LEASE]}
    made = await window.ok("POST", "/staff/cases", body)
    case = await window.ok("GET", f"/staff/cases/{made['id']}")
    assert (case["channel"], case["centre"], case["owner"]) == ("window", other, window.openid)
    assert case["applicant"]["id_number"] == f"371***********{number[-4:]}"
    await window.ok("POST", f"/staff/cases/{made['id']}/notices", {"missing": [PHOTO]})
    await window.ok("POST", f"/staff/cases/{made['id']}/supplied", {"seen": [PHOTO]})
    await window.ok("POST", f"/staff/cases/{made['id']}/accept")
    fire, _, _ = await approvers(city)
    assert made["id"] in [one["id"] for one in (await fire.ok("GET", "/staff/queues/department"))["cases"]]
    # The resident, found by their papers, sees it in the app and is told.
    await city.work()
    assert made["id"] in [one["id"] for one in (await resident.ok("GET", "/api/cases"))["cases"]]
    assert "申请已受理" in await titles(resident)


async def test_an_account_that_typed_the_number_of_another_is_shown_nothing_of_what_they_do_at_a_window(
    city: TestCity,
) -> None:
    window = await officer(city, "window_officer")
    # The number alone; number and name of a namesake's account, who is reached elsewhere.
    for name, told in (("王大明", "王小明"), ("王小明", "王小明")):
        impostor = await applicant(city, number := id_number())
        person = {"name": name, "id_number": number, "phone": "13700001111"}
        made = await window.ok("POST", "/staff/cases", {"item": ITEM, "applicant": person, "answers": ANSWERS})
        await window.ok("POST", f"/staff/cases/{made['id']}/accept")
        await city.work()
        stored = await city.api.house.city.case_store.get(made["id"])
        assert (stored and stored.person, (await papers(impostor))["name"]) == ("", told)
        assert (await impostor.ok("GET", "/api/cases"))["cases"] == []
        assert code(await impostor.call("GET", f"/api/cases/{made['id']}")) == "404 CASE_NOT_FOUND"
        assert (await impostor.ok("GET", "/api/messages"))["messages"] == []
        # Nor does the impostor's earlier case fill in the other's.
        theirs = await submitted(impostor)
        again = await window.ok("POST", "/staff/cases", {"item": ITEM, "applicant": person, "answers": ANSWERS})
        shown = (await window.ok("GET", f"/staff/cases/{again['id']}"))["materials"]
        assert theirs["number"] not in [material["source"] for material in shown]


async def test_a_window_applies_for_somebody_without_an_account_and_nothing_fails(city: TestCity) -> None:
    window = await officer(city, "window_officer")
    person = {"name": "孙老人", "id_number": id_number(), "phone": "13900001111"}
    made = await window.ok("POST", "/staff/cases", {"item": ITEM, "applicant": person, "answers": ANSWERS})
    # With what stands on the receipt it is looked up by whoever has no account.
    receipt = await window.ok("GET", f"/staff/cases/{made['id']}/receipt")
    assert receipt["number"] == made["number"]
    asked = {"number": receipt["number"], "query_code": receipt["query_code"], "id_last_four": person["id_number"][-4:]}
    somebody = await city.resident()
    assert (await somebody.ok("POST", "/api/progress", asked))["state"] == "submitted"
    approver = await officer(city, "approver", centre=None, department=FIRE)
    assert (await approver.call("GET", f"/staff/cases/{made['id']}/receipt")).status_code == 403
    await window.ok("POST", f"/staff/cases/{made['id']}/accept")
    await city.work()
    assert await events(city, made["id"]) == []
    assert [d for d in await city.api.house.city.dead_letters.all(100) if d.event.aggregate == made["id"]] == []
    for path, field in (("name", "王2"), ("id_number", "371002198002290001"), ("phone", "123")):
        wrong = await window.call("POST", "/staff/cases", {"item": ITEM, "applicant": person | {path: field}})
        assert (wrong.status_code, wrong.json()["error"]["fields"]["field"]) == (400, f"$.applicant.{path}")


async def test_what_is_delivered_electronically_needs_an_account_and_the_file_of_the_result(city: TestCity) -> None:
    window, resident = await officer(city, "window_officer"), await applicant(city)
    body = {"item": ITEM, "applicant": await papers(resident), "answers": ANSWERS, "delivery": "electronic"}
    nobody = {"name": "孙老人", "id_number": id_number(), "phone": "13900001111"}
    refused = await window.call("POST", "/staff/cases", body | {"applicant": nobody})
    assert [fault["field"] for fault in refused.json()["error"]["fields"]["faults"]] == ["delivery"]
    made = (await window.ok("POST", "/staff/cases", body))["id"]
    await granted(city, window, made)
    lead, case = (await approvers(city))[2], f"/staff/cases/{made}"
    none = await lead.call("POST", f"{case}/result", {"name": "决定书"})
    assert (code(none), none.json()["error"]["fields"]["field"]) == ("400 INVALID_INPUT", "$.file")
    wrong, right = await upload(lead, "/staff/files"), await upload(lead, "/staff/files")
    change = {"name": "联合许可决定书", "number": "2090-7", "note": "传错了文件"}
    assert code(await lead.call("POST", f"{case}/result/correction", change)) == "409 ACTION_NOT_ALLOWED"
    await lead.ok("POST", f"{case}/result", {"name": "决定书", "file": wrong})
    # Until it is handed over it is corrected by its department, with a note; a file that is not given stays.
    assert code(await window.call("POST", f"{case}/result/correction", change)) == "403 NOT_ALLOWED"
    assert code(await lead.call("POST", f"{case}/result/correction", change | {"note": ""})) == "400 INVALID_INPUT"
    await lead.ok("POST", f"{case}/result/correction", change)
    assert (await window.ok("GET", case))["result"]["file"] == wrong
    await lead.ok("POST", f"{case}/result/correction", change | {"file": right})
    shown = await window.ok("GET", case)
    assert (shown["result"]["name"], shown["result"]["number"], shown["result"]["file"]) == (
        "联合许可决定书",
        "2090-7",
        right,
    )
    assert (shown["history"][-1]["action"], shown["history"][-1]["note"]) == ("correct_result", "传错了文件")
    assert await download(window, f"{case}/files/{right}")
    assert code(await window.call("GET", f"{case}/files/{wrong}")) == "404 FILE_NOT_FOUND"
    await window.ok("POST", f"{case}/issue", {})
    assert await download(resident, f"/api/cases/{made}/result")
    # Handed over wrongly: nobody is shown it any more, until it is handed over anew.
    last = await upload(lead, "/staff/files")
    await city.work()
    assert "结果有更正" not in await titles(resident)  # nobody had been given the wrong one
    await lead.ok("POST", f"{case}/result/correction", change | {"file": last, "note": "姓名有误"})
    await city.work()
    assert (await titles(resident)).count("结果有更正") == 1
    assert (await resident.call("GET", f"/api/cases/{made}/result")).status_code == 404
    assert "办理结果已更正。" in str((await resident.ok("GET", f"/api/cases/{made}"))["progress"]["timeline"])
    await window.ok("POST", f"{case}/issue", {})
    assert await download(resident, f"/api/cases/{made}/result")
    await window.ok("POST", f"{case}/close")
    assert code(await lead.call("POST", f"{case}/result/correction", change)) == "409 ACTION_NOT_ALLOWED"


async def test_nobody_is_their_own_agent_and_who_has_no_account_pays_at_the_window(city: TestCity) -> None:
    window = await officer(city, "window_officer")
    person = {"name": "孙老人", "id_number": id_number(), "phone": "13900001111"}
    body = {"item": ITEM, "applicant": person, "answers": ANSWERS}
    refused = await window.call("POST", "/staff/cases", body | {"agent": person})
    assert [fault["field"] for fault in refused.json()["error"]["fields"]["faults"]] == ["agent.id_number"]
    made = await window.ok("POST", "/staff/cases", body)
    charged = await window.call("POST", f"/staff/cases/{made['id']}/charge", {"quantities": {"证书工本费": 1}})
    assert code(charged) == "409 NO_ACCOUNT"
    assert (await window.ok("GET", f"/staff/cases/{made['id']}"))["bills"] == []
