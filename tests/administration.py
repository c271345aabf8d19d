"""Staff accounts and the catalogue's editors over HTTP: every endpoint once, for what they cost and which indexes."""

from __future__ import annotations

import secrets
from datetime import timedelta
from typing import Any

from services.identity.staff import second_factor
from tests.cases import applicant, id_number
from tests.city import Resident, TestCity

PASSWORD = "correct horse battery"
# Whatever ends somebody's sessions reads the account, writes it, looks the sessions up, removes them and writes the
# audit; whatever asks for password and code again also claims an attempt, takes the code and forgets the attempts
# (GB/T 22239-2019, 8.1.4.1 to 8.1.4.3). None of it is done often.
COSTS = {
    # Once in a process the data key of the second factor is read too.
    "POST /staff/session": 7,
    "PUT /staff/accounts/{staff_id}/profile": 5,
    "POST /staff/accounts/{staff_id}/password": 7,
    "POST /staff/accounts/{staff_id}/disable": 5,
    "POST /staff/accounts/{staff_id}/enable": 5,
    "POST /staff/accounts/{staff_id}/second-factor/reset": 5,
    "POST /staff/me/second-factor": 8,
    "POST /staff/me/second-factor/confirm": 8,
    "POST /staff/me/recovery-codes": 8,
    "PUT /staff/me/password": 11,
    # The version kept beside, the record, the revision, and every published item read anew into this process.
    # The account, the audit, and what is open on it: cases, bookings, bills.
    "POST /staff/residents/find": 5,
    # What is open (three), drafts, bound accounts, consents, the account read and written, its sessions ended.
    "POST /api/me/close": 10,
    # The account twice, the audit, the write, and its sessions found and ended.
    "POST /staff/residents/{person}/release-identity": 6,
    "POST /staff/items/{code}/publish": 6,
    "POST /staff/items/{code}/withdraw": 5,
}


async def accounts(meter: Any) -> None:
    """An account's whole life, by an administrator, its holder and an auditor. ``meter``: tests.story's Meter."""
    city: TestCity = meter.city
    boss, auditor = await city.staff("administrator"), await city.staff("auditor")
    for who in (boss, auditor):
        await who.ok("GET", "/staff/me")
    name = f"clerk{secrets.token_hex(4)}"
    body = {"username": name, "password": PASSWORD, "name": "赵雷", "roles": ["window_officer"], "centre": "WH-CITY"}
    made = await meter.call(boss, "POST /staff/accounts", body=body, status=201)
    one, path = "/staff/accounts/{staff_id}", f"/staff/accounts/{made['staff_id']}"
    await meter.call(boss, "GET /staff/accounts", "/staff/accounts?limit=200")

    clerk = Resident(city, "", "of-nobody")
    signed_in = {"username": name, "password": PASSWORD}
    session = await meter.call(clerk, "POST /staff/session", body=signed_in, status=201)
    clerk = Resident(city, "", session["token"])
    await clerk.ok("GET", "/staff/me")
    await meter.call(clerk, "GET /staff/me")
    await meter.call(clerk, "GET /staff/colleagues")
    enrolment = await meter.call(clerk, "POST /staff/me/second-factor", body={"password": PASSWORD})
    secret = second_factor.from_text(enrolment["secret"])
    confirm = "POST /staff/me/second-factor/confirm"
    await meter.call(clerk, confirm, body={"code": await _code(clerk, secret)})
    proof = {"password": PASSWORD, "code": await _code(clerk, secret)}
    await meter.call(clerk, "POST /staff/me/recovery-codes", body=proof)
    with_code = signed_in | {"code": await _code(clerk, secret)}
    await meter.call(clerk, "POST /staff/session", body=with_code, status=201)
    change = {"password": PASSWORD, "new_password": PASSWORD + "!", "code": await _code(clerk, secret)}
    await meter.call(clerk, "PUT /staff/me/password", body=change)

    for who in (boss, auditor):
        await who.ok("GET", "/staff/me")
    profile = {"name": "赵雷", "roles": ["approver"], "department": "市公安局"}
    await meter.call(boss, f"PUT {one}/profile", f"{path}/profile", profile)
    await meter.call(boss, f"POST {one}/password", f"{path}/password", {"password": PASSWORD})
    await meter.call(boss, f"POST {one}/second-factor/reset", f"{path}/second-factor/reset")
    await meter.call(boss, f"POST {one}/disable", f"{path}/disable")
    await meter.call(boss, f"POST {one}/enable", f"{path}/enable")
    page = await meter.call(auditor, "GET /staff/audit", f"/staff/audit?staff_id={made['staff_id']}&limit=3")
    await meter.call(auditor, "GET /staff/audit", f"/staff/audit?before={page['next']}&limit=3")


async def residents(meter: Any) -> None:
    """An ID number found and freed."""
    city: TestCity = meter.city
    number, desk = id_number(), await city.staff("window_officer")
    await applicant(city, number)
    await desk.ok("GET", "/staff/me")
    body = {"id_number": number, "reason": "核对身份证原件"}
    found = await meter.call(desk, "POST /staff/residents/find", body=body)
    person, route = found["resident"]["profile"]["person_id"], "/staff/residents/{person}/release-identity"
    await meter.call(desk, f"POST {route}", f"/staff/residents/{person}/release-identity", body)
    leaver = await applicant(city)
    await leaver.ok("PUT", "/api/me/privacy", {"version": "2026-12"})
    await meter.call(leaver, "DELETE /api/me/privacy")
    await meter.call(leaver, "POST /api/me/close", body={"understood": True})


async def catalogue(meter: Any) -> None:
    """An item from its first draft to its withdrawal."""
    city: TestCity = meter.city
    editor = await city.staff("catalogue_editor")
    await editor.ok("GET", "/staff/me")
    code = f"0020{secrets.randbelow(10**8):08}"
    content = {
        "code": code, "name": "试办事项", "kind": "public_service", "field": "community", "department": "市民政局",
        "levels": ["city"], "audience": ["person"], "legal_basis": [{"title": "条例"}],
        "steps": [{"name": "受理", "detail": ""}],
    }  # fmt: skip
    one, path = "/staff/items/{code}", f"/staff/items/{code}"
    draft = await meter.call(editor, f"PUT {one}/draft", f"{path}/draft", {"content": content, "seen": 0})
    await meter.call(editor, "GET /staff/items", "/staff/items?words=试办&state=draft&changed=true&department=市民政局")
    await meter.call(editor, f"GET {one}", path)
    seen = {"seen": draft["version"]}
    await meter.call(editor, f"POST {one}/publish", f"{path}/publish", seen)
    await meter.call(editor, f"GET {one}/versions/{{number}}", f"{path}/versions/1")
    await meter.call(editor, f"POST {one}/withdraw", f"{path}/withdraw", {"reason": "试办结束"})


async def measured(meter: Any) -> None:
    await accounts(meter)
    await residents(meter)
    await catalogue(meter)


class Unmetered:
    """Calls what a Meter would, and measures nothing."""

    def __init__(self, city: TestCity) -> None:
        self.city = city

    async def call(self, who: Resident, route: str, path: str = "", body: Any = None, status: int = 200) -> Any:
        method, pattern = route.split(" ")
        answer = await who.call(method, path or pattern, body)
        assert answer.status_code == status, answer.text
        return answer.json()


async def _code(who: Resident, secret: bytes) -> str:
    """The next code, by the city's clock; and the session known again, for the time that has passed."""
    city = who.city
    city.clock.advance(timedelta(seconds=second_factor.STEP_SECONDS))
    await who.ok("GET", "/staff/me")
    return second_factor.code_at(secret, second_factor.step_at(city.clock.now()))
