"""An item with two departments in parallel and a third after them, and the people who bring a case through it."""

from __future__ import annotations

import io
import json
import secrets
from datetime import date, time, timedelta
from typing import Any

import segno

from kernel.clock import local_instant
from kernel.identifiers import resident_id_check_character
from services.payments.model import SubjectKind
from tests.city import CENTRE, Resident, TestCity

ITEM = "000199990000"
LEADING, FIRE, PLANNING = "市行政审批服务局", "市消防救援支队", "市自然资源和规划局"
PHOTO = "经营场所照片"
LEASE = "房屋租赁合同"
CONTENT = {
    "code": ITEM, "name": "公众聚集场所开业联合许可", "kind": "licence", "field": "enterprise", "department": LEADING,
    "levels": ["city"], "audience": ["person"], "online": "full", "counter": "enterprise",
    "materials": [
        {"name": "身份证", "material_class": "A"},
        {"name": LEASE, "material_class": "B"},
        {"name": PHOTO, "material_class": "C", "form": "电子件1份"},
        {"name": "承诺书", "material_class": "D", "form": "填写"},
        {"name": "食品安全制度", "material_class": "C", "when": {"field": "food", "is_one_of": ["yes"]}},
    ],
    "legal_basis": [{"title": "中华人民共和国消防法"}],
    "steps": [{"name": "申请", "detail": "网上或窗口申请"}],
    "fees": [{"name": "证书工本费", "amount_fen": 1000, "unit": "证"}],
    "legal_limit_days": 20, "promised_limit_days": 10, "delivery": ["window", "post", "electronic"],
    "result_name": "联合许可决定书",
    "form": [
        {"name": "name", "label": "申请人姓名", "type": "text", "known": "profile.name"},
        {"name": "id_number", "label": "身份证号码", "type": "id_number", "known": "profile.id_number"},
        {"name": "phone", "label": "联系电话", "type": "phone", "known": "profile.phone"},
        {"name": "place", "label": "经营场所地址", "type": "text", "max_length": 60},
        {"name": "area", "label": "面积", "type": "number", "minimum": 1, "maximum": 100000},
        {"name": "food", "label": "是否供应食品", "type": "yes_no"},
    ],
    "tasks": [
        {"code": "fire", "name": "消防检查", "department": FIRE, "working_days": 5},
        {"code": "plan", "name": "规划核查", "department": PLANNING, "working_days": 5},
        {"code": "final", "name": "综合审查", "department": LEADING, "after": ["fire", "plan"], "working_days": 3},
    ],
}  # fmt: skip
ANSWERS = {"place": "威海市环翠区新威路 1 号", "area": 120, "food": False}
MATERIALS = ("身份证", LEASE, PHOTO)
OPINION = {"approve": True, "opinion": "符合条件"}


async def publish(city: TestCity, **changes: Any) -> None:
    line = json.dumps(CONTENT | changes, ensure_ascii=False).encode()
    parsed, _ = await city.api.house.city.catalogue_actions.do_import(line, by="test")
    assert not parsed.rejections, parsed.rejections


async def officer(city: TestCity, *roles: str, centre: str | None = CENTRE, department: str | None = None) -> Resident:
    """A signed-in officer; their staff id is in ``openid``."""
    name, password = f"officer{secrets.token_hex(4)}", secrets.token_urlsafe(12)
    wanted: Any = roles
    made = await city.api.house.city.staff.do_create_staff(
        name, password, wanted, by="test", centre=centre, department=department
    )
    answer = await city.http.post(f"{city.api.url}/staff/session", json={"username": name, "password": password})
    assert answer.status_code == 201, answer.text
    return Resident(city, made.staff_id, answer.json()["token"])


def id_number() -> str:
    birthday = date(1950, 1, 1) + timedelta(days=secrets.randbelow(18_000))
    body = f"371002{birthday:%Y%m%d}{secrets.randbelow(1000):03}"
    return body + resident_id_check_character(body)


async def applicant(city: TestCity, number: str = "") -> Resident:
    """A resident with phone and real name."""
    resident = await city.resident(phone=True)
    await resident.ok("PUT", "/api/me/identity", {"name": "王小明", "id_number": number or id_number()})
    return resident


async def papers(resident: Resident) -> dict[str, str]:
    """Name, ID number and phone of an applicant as they give them at a window."""
    identity = resident.city.api.house.city.identity_queries
    personal = await identity.personal(await identity.person_by_openid(resident.openid) or "")
    return {"name": personal.name or "", "id_number": personal.id_number or "", "phone": personal.phone or ""}


async def upload(
    resident: Resident, path: str = "/api/files", *, name: str = "photo.png", data: bytes | None = None
) -> str:
    """A file of the resident's own: a small picture, different each time. Officers': ``/staff/files``."""
    form = {"file": (name, data or picture(), "application/octet-stream")}
    headers = {"Authorization": f"Bearer {resident.token}"}
    answer = await resident.city.http.post(f"{resident.city.api.url}{path}", files=form, headers=headers)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


def picture() -> bytes:
    out = io.BytesIO()
    segno.make(secrets.token_hex(8)).save(out, kind="png", scale=2)
    return out.getvalue()


async def draft(resident: Resident, **changes: Any) -> Any:
    body = {"answers": ANSWERS, "materials": {name: [await upload(resident)] for name in MATERIALS}, "centre": CENTRE}
    return await resident.ok("PUT", f"/api/items/{ITEM}/draft", body | changes)


async def submitted(resident: Resident, **changes: Any) -> Any:
    """The receipt of a complete application."""
    await draft(resident, **changes)
    return await resident.ok("POST", f"/api/items/{ITEM}/draft/submit")


async def accepted(city: TestCity) -> tuple[Resident, Resident, str]:
    """(resident, window officer, case id) of a case whose clock runs."""
    resident, window = await applicant(city), await officer(city, "window_officer")
    case_id = (await submitted(resident))["case_id"]
    await window.ok("POST", f"/staff/cases/{case_id}/accept")
    return resident, window, case_id


async def approvers(city: TestCity) -> list[Resident]:
    return [await officer(city, "approver", centre=None, department=name) for name in (FIRE, PLANNING, LEADING)]


def on(day: str, hour: int = 9) -> Any:
    return local_instant(date.fromisoformat(day), time(hour))


async def granted(city: TestCity, window: Resident, case_id: str) -> None:
    """Accepts a submitted case, approves its three tasks and grants it."""
    fire, plan, lead = await approvers(city)
    case = f"/staff/cases/{case_id}"
    await window.ok("POST", f"{case}/accept")
    for who, task in ((fire, "fire"), (plan, "plan"), (lead, "final")):
        await who.ok("POST", f"{case}/tasks/{task}/decision", OPINION)
    await lead.ok("POST", f"{case}/decision", {"grant": True, "opinion": "准予许可"})


async def events(city: TestCity, case_id: str) -> list[str]:
    """The names of all events of a case that were not delivered yet: ``work`` delivers them."""
    case = await city.api.house.city.case_store.get(case_id)
    assert case is not None
    return [event.name for event in case.outgoing]


async def titles(resident: Resident) -> list[str]:
    """Of the messages in the resident's inbox."""
    return [message["title"] for message in (await resident.ok("GET", "/api/messages"))["messages"]]


async def download(who: Resident, path: str) -> bytes:
    answer = await who.call("GET", path)
    assert answer.status_code == 200, answer.text
    return answer.content


async def measured(meter: Any, items: dict[str, Any]) -> None:
    """Brings a case of an item of the city through every endpoint, each measured by ``meter.call``.

    ``items``: the published contents by code; the first that is applied for online, costs a fee and comes by window.
    """
    city: TestCity = meter.city
    content = next(
        c for c in items.values()
        if c.online == "full" and c.fees and not c.form and not c.tasks and "window" in [*c.delivery, "window"][:1]
    )  # fmt: skip
    resident = await applicant(city)
    await resident.ok("GET", "/api/me")
    application, saved = f"/api/items/{content.code}", f"/api/items/{content.code}/draft"
    files = {m.name: [await upload(resident)] for m in content.materials}
    body = {"answers": {"contact_address": "新威路 1 号"}, "materials": files, "centre": CENTRE}
    await meter.call(resident, "GET /api/items/{code}/application", f"{application}/application")
    await meter.call(resident, "PUT /api/items/{code}/draft", saved, body)
    await meter.call(resident, "DELETE /api/items/{code}/draft", saved)
    await resident.ok("PUT", saved, body)
    receipt = await meter.call(resident, "POST /api/items/{code}/draft/submit", f"{saved}/submit", status=201)
    await resident.ok("PUT", saved, body)
    dropped = await resident.ok("POST", f"{saved}/submit")
    number = (await city.api.house.database["cases"].find_one({"_id": receipt["case_id"]}) or {})["number"]

    window = await officer(city, "window_officer", "supervisor")
    approver = await officer(city, "approver", centre=None, department=content.department)
    for one in (window, approver):
        await one.ok("GET", f"/staff/cases/{receipt['case_id']}")
    mine, case = "/api/cases/{case_id}", "/staff/cases/{case_id}"
    my, theirs = f"/api/cases/{receipt['case_id']}", f"/staff/cases/{receipt['case_id']}"

    async def step(who: Resident, name: str, body: Any = None, path: str = theirs) -> None:
        await meter.call(who, f"POST {case}/{name}", f"{path}/{name}", body)

    await meter.call(window, "GET /staff/queues/window")
    await meter.call(window, "GET /staff/queues/mine")
    await meter.call(window, f"GET {case}", theirs)
    await meter.call(window, "GET /staff/cases/by-number/{number}", f"/staff/cases/by-number/{number}")
    person = {"name": "王小明", "id_number": id_number(), "phone": "13900001111"}
    at_window = await meter.call(
        window,
        "POST /staff/cases",
        status=201,
        body={
            "item": content.code,
            "applicant": person,
            "files": {content.materials[0].name: [await upload(window, "/staff/files")]},
        },
    )
    await step(window, "refuse", {"reason": "不属于本机关职权"}, f"/staff/cases/{at_window['id']}")
    brought = await window.ok("POST", "/staff/cases", {"item": content.code, "applicant": person})
    await window.ok("POST", f"/staff/cases/{brought['id']}/notices", {"missing": ["身份证"]})
    material = content.materials[0].name
    await step(window, "supplied", {"seen": [material]}, f"/staff/cases/{brought['id']}")
    await step(window, "take")
    await step(window, "hand-over", {"to": window.openid, "note": "仍由本人办理"})
    scan = await meter.staff_upload(window, picture())
    await step(window, "originals", {"seen": [material], "files": {material: [scan]}})
    await meter.call(window, f"GET {case}/files/{{file_id}}", f"{theirs}/files/{scan}")
    await meter.call(resident, f"GET {mine}/files/{{file_id}}", f"{my}/files/{scan}")
    await step(window, "accept")
    await step(window, "notices", {"missing": [material]})
    more = {"materials": {material: [await upload(resident)]}}
    await meter.call(resident, f"POST {mine}/supplement", f"{my}/supplement", more)
    await step(window, "pause", {"reason": "现场核查"})
    await step(window, "resume", {})
    await step(window, "personal-data", {"reason": "核对申请人身份"})
    await meter.call(window, f"GET {case}/files", f"{theirs}/files")
    await meter.call(approver, "GET /staff/queues/department")
    opinion = {"approve": True, "opinion": "符合条件"}
    await meter.call(approver, f"POST {case}/tasks/{{task}}/take", f"{theirs}/tasks/review/take")
    back = {"reason": "调休，交同事办理"}
    await meter.call(approver, f"POST {case}/tasks/{{task}}/release", f"{theirs}/tasks/review/release", back)
    await meter.call(approver, f"POST {case}/tasks/{{task}}/decision", f"{theirs}/tasks/review/decision", opinion)
    await step(approver, "decision", {"grant": True, "opinion": "准予"})
    await step(window, "charge", {"quantities": {content.fees[0].name: 1}})
    result = await upload(approver, "/staff/files")
    await step(approver, "result", {"name": "证照", "file": result})
    right = {"name": "证照", "number": "2090-1", "file": await upload(approver, "/staff/files"), "note": "编号漏填"}
    await step(approver, "result/correction", right)
    house = city.api.house.city
    for bill in await house.payment_queries.of_subject(SubjectKind.CASE, receipt["case_id"]):
        await house.payments.do_cancel_bill(bill.id, "test", "免收")
    await step(window, "issue", {})
    await meter.call(resident, "GET /api/cases")
    await meter.call(resident, f"GET {mine}", my)
    await meter.call(resident, f"GET {mine}/receipt", f"{my}/receipt")
    await meter.call(resident, f"GET {mine}/answers", f"{my}/answers")
    await meter.call(window, f"GET {case}/receipt", f"{theirs}/receipt")
    await meter.call(resident, f"GET {mine}/result", f"{my}/result")
    await meter.call(resident, f"POST {mine}/receive", f"{my}/receive")
    await meter.call(resident, f"POST {mine}/withdraw", f"/api/cases/{dropped['case_id']}/withdraw", {})
    asked = {"number": receipt["number"], "query_code": receipt["query_code"], "id_last_four": "0000"}
    await meter.call(resident, "POST /api/progress", body=asked, status=404)
    await close_one(meter, window, approver, content.code, person)
    await waited_for(meter, window, content.code, person)
    await supervised(meter, window, content.code, person, material)


async def waited_for(meter: Any, window: Resident, item: str, person: dict[str, str]) -> None:
    """What a notice asked for never came; its day is put back, for the clock is everybody's."""
    made = (await window.ok("POST", "/staff/cases", {"item": item, "applicant": person}))["id"]
    case = f"/staff/cases/{made}"
    await window.ok("POST", f"{case}/accept")
    await window.ok("POST", f"{case}/notices", {"missing": ["照片"]})
    cases = meter.city.api.house.database["cases"]
    await cases.update_one({"_id": made}, {"$set": {"notices.0.until": "2000-01-03"}})
    await meter.call(window, "POST /staff/cases/{case_id}/proceed", f"{case}/proceed", {"reason": "逾期未补正"})


async def close_one(meter: Any, window: Resident, approver: Resident, item: str, person: dict[str, str]) -> None:
    """A window's case brought to its end by the officer."""
    made = await window.ok("POST", "/staff/cases", {"item": item, "applicant": person})
    case = f"/staff/cases/{made['id']}"
    await window.ok("POST", f"{case}/accept")
    await approver.ok("POST", f"{case}/tasks/review/decision", {"approve": True, "opinion": "符合条件"})
    await approver.ok("POST", f"{case}/decision", {"grant": False, "opinion": "不予许可"})
    await approver.ok("POST", f"{case}/result", {"name": "不予许可决定书"})
    await window.ok("POST", f"{case}/issue", {})
    await meter.call(window, "POST /staff/cases/{case_id}/close", f"{case}/close")


async def supervised(meter: Any, window: Resident, item: str, person: dict[str, str], material: str) -> None:
    """A second notice, as supervisors deal with it."""
    made = await window.ok("POST", "/staff/cases", {"item": item, "applicant": person})
    case = f"/staff/cases/{made['id']}"
    await window.ok("POST", f"{case}/notices", {"missing": [material]})
    await window.ok("POST", f"{case}/supplied", {"seen": [material]})
    await window.ok("POST", f"{case}/notices", {"missing": [material], "reason": "不清晰"})
    await meter.city.work()
    found = await meter.call(window, "GET /staff/supervision")
    entry = next(one["id"] for one in found["entries"] if one["subject"] == made["id"])
    path = "POST /staff/supervision/{entry_id}"
    await meter.call(window, f"{path}/acknowledge", f"/staff/supervision/{entry}/acknowledge", {})
    await meter.call(window, f"{path}/close", f"/staff/supervision/{entry}/close", {"note": "已约谈"})


def code(answer: Any) -> str:
    """The status and the code of a refusal, as one."""
    return f"{answer.status_code} {answer.json()['error']['code']}"
