"""Files of cases over HTTP: scans, results, marks, each reading in the audit."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from tests.cases import (
    ANSWERS,
    ITEM,
    LEASE,
    OPINION,
    PHOTO,
    accepted,
    applicant,
    approvers,
    code,
    download,
    draft,
    granted,
    id_number,
    officer,
    papers,
    submitted,
    upload,
)
from tests.city import TestCity
from tests.services.files.samples import pdf


async def test_scans_of_a_window_and_an_authorisation_go_with_the_case_and_each_reading_is_audited(
    city: TestCity,
) -> None:
    resident, window = await applicant(city), await officer(city, "window_officer")
    lease, letter = await upload(window, "/staff/files"), await upload(window, "/staff/files")
    person = await papers(resident)
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


async def test_officers_see_what_each_file_is_before_they_open_it(city: TestCity) -> None:
    resident, window = await applicant(city), await officer(city, "window_officer")
    lease = await upload(resident, name="王小明 371002199003071233 合同.pdf", data=pdf(b"<< /Encrypt 5 0 R >>"))
    files = {
        "身份证": [await upload(resident), await upload(resident)],
        LEASE: [lease],
        PHOTO: [await upload(resident)],
    }
    first = await submitted(resident, materials=files)
    path = f"/staff/cases/{first['case_id']}/files"
    found = (await window.ok("GET", path))["files"]
    assert [(one["material"], one["name"], one["content_type"], one["risky"], one["flags"]) for one in found] == [
        ("身份证", "身份证_1.png", "image/png", False, []), ("身份证", "身份证_2.png", "image/png", False, []),
        (LEASE, f"{LEASE}_1.pdf", "application/pdf", True, ["encrypted"]),
        (PHOTO, f"{PHOTO}_1.png", "image/png", False, []),
    ]  # fmt: skip
    assert [one["id"] for one in found] == [*files["身份证"], lease, *files[PHOTO]]
    assert all(one["size"] > 0 and one["part"] == "material" and one["source"] == "" for one in found)
    assert "371002" not in str(found)

    await granted(city, window, first["case_id"])
    second = await submitted(resident, materials={PHOTO: [await upload(resident)]})
    reused = (await window.ok("GET", f"/staff/cases/{second['case_id']}/files"))["files"]
    sources = {one["material"]: one["source"] for one in reused}
    assert sources == {"身份证": first["number"], LEASE: first["number"], PHOTO: ""}

    stranger = await officer(city, "approver", centre=None, department="市教育局")
    assert code(await stranger.call("GET", path)) == "404 CASE_NOT_FOUND"
    assert code(await window.call("GET", "/staff/cases/CA-NONE/files")) == "404 CASE_NOT_FOUND"
    assert code(await resident.call("GET", path)) == "401 NOT_AUTHENTICATED"


async def test_a_file_that_a_later_case_reuses_stays_when_the_earlier_one_lets_go_of_it(city: TestCity) -> None:
    resident, window = await applicant(city), await officer(city, "window_officer")
    scan, better = await upload(window, "/staff/files"), await upload(window, "/staff/files")
    person = await papers(resident)
    body = {"item": ITEM, "applicant": person, "answers": ANSWERS, "seen": ["身份证", PHOTO], "files": {LEASE: [scan]}}
    first = (await window.ok("POST", "/staff/cases", body))["id"]
    await granted(city, window, first)
    second = (await window.ok("POST", "/staff/cases", body | {"files": {}}))["id"]
    # The earlier case goes on, its scan takes another's place, and the days of an unused file pass.
    lead = (await approvers(city))[2]
    await lead.ok("POST", f"/staff/cases/{first}/result", {"name": "决定书"})
    await window.ok("POST", f"/staff/cases/{first}/originals", {"files": {LEASE: [better]}})
    await city.work()
    queries = city.api.house.city.file_queries
    assert [use.split("#")[0] for use in (await queries.get(scan)).uses] == [second]
    city.clock.advance(timedelta(days=60))
    await city.work()
    assert await download(window, f"/staff/cases/{second}/files/{scan}")
