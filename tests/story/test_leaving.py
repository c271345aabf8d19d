"""A resident takes back their consent, and closes their account: what is open stands in the way, then all is gone."""

from __future__ import annotations

import secrets
from typing import Any

from services.payments.model import BillState
from tests.cases import ITEM, applicant, draft, id_number, publish, submitted
from tests.city import CENTRE, ID_CARD_LOST, Resident, TestCity, first_free
from tests.services.payments.test_accounts import file, line
from tests.story.test_payments import billed

CLOSE = {"understood": True}


async def again(resident: Resident) -> Resident:
    """The same WeChat account signs in once more."""
    city = resident.city
    issued = await city.wechat.control("login", openid=resident.openid)
    answer = await city.http.post(f"{city.api.url}/api/session", json={"code": issued["code"]})
    assert answer.status_code == 201, answer.text
    return Resident(city, resident.openid, answer.json()["token"])


async def stored(resident: Resident, person: str) -> dict[str, Any]:
    document = await resident.city.api.house.database["persons"].find_one({"_id": person})
    assert document is not None
    return document


async def test_an_account_is_closed_and_nothing_personal_stays_on_it(shared_city: TestCity) -> None:
    city, number = shared_city, id_number()
    resident = await applicant(city, number)
    person = (await resident.ok("GET", "/api/me"))["person_id"]
    await resident.ok("PUT", "/api/me/privacy", {"version": "2026-12"})
    await city.consent(resident, "booking_confirmed")
    filed = await resident.ok("POST", "/api/complaints", {"kind": "complaint", "matter": "路灯坏了"})
    other_session = await again(resident)

    assert (await resident.ok("POST", "/api/me/close", CLOSE)) == {"done": True}
    for session in (resident, other_session):
        assert (await session.call("GET", "/api/me")).status_code == 401
    kept = await stored(resident, person)
    assert kept["state"] == "deleted"
    assert kept.keys().isdisjoint({"openid", "unionid", "phone", "name", "id_number", "consents"})
    assert await city.api.house.database["message_consents"].count_documents({"person": person}) == 0

    fresh = await again(resident)
    profile = await fresh.ok("GET", "/api/me")
    assert profile["person_id"] != person
    assert (profile["level"], profile.get("phone"), profile.get("consent_version")) == (0, None, None)
    assert (await fresh.ok("GET", "/api/complaints"))["complaints"] == []
    assert (await fresh.ok("PUT", "/api/me/identity", {"name": "王小明", "id_number": number}))["level"] == 2
    desk = await city.staff("agent", centre=None)
    assert (await desk.ok("GET", f"/staff/complaints/{filed['id']}"))["id"] == filed["id"]


async def test_what_is_open_is_named_and_stands_in_the_way(shared_city: TestCity) -> None:
    city = shared_city
    await publish(city)
    resident = await applicant(city)
    case = (await submitted(resident))["case_id"]
    times = {"item": ID_CARD_LOST, "centre": CENTRE, "start": await first_free(resident, days=5)}
    booking = (await resident.ok("POST", "/api/bookings", times))["id"]
    bill = await billed(city, resident)
    refused = (await resident.call("POST", "/api/me/close", CLOSE)).json()["error"]
    assert refused["code"] == "ACCOUNT_IN_USE"
    assert refused["fields"] == {"cases": [case], "bookings": [booking], "bills": [bill.id]}
    assert (await resident.ok("GET", "/api/me"))["level"] == 2

    await resident.ok("POST", f"/api/cases/{case}/withdraw", {"reason": "不办了"})
    await resident.ok("POST", f"/api/bookings/{booking}/cancel", {})
    supervisor = await city.staff("supervisor")
    await supervisor.ok("POST", f"/staff/bills/{bill.id}/cancel", {"reason": "不办了"})
    assert (await city.api.house.city.payment_queries.any(bill.id)).state == BillState.CANCELLED
    await resident.ok("POST", "/api/me/close", CLOSE)
    assert (await resident.call("GET", "/api/me")).status_code == 401


async def test_drafts_go_and_bound_accounts_are_free_for_the_next_holder(shared_city: TestCity) -> None:
    city = shared_city
    await publish(city)
    resident, supervisor = await applicant(city), await city.staff("supervisor")
    person = (await resident.ok("GET", "/api/me"))["person_id"]
    await draft(resident)
    number = f"7{secrets.randbelow(10**9):09}"
    files = {"file": ("a.csv", file(line(number, "王小明", "12", secrets.token_hex(6))), "text/csv")}
    headers = {"Authorization": f"Bearer {supervisor.token}"}
    answer = await city.http.post(f"{city.api.url}/staff/bills/import", files=files, headers=headers)
    assert answer.status_code == 200, answer.text
    account = {"kind": "water", "account_number": number, "holder": "王小明"}
    bound = await resident.ok("POST", "/api/accounts", account)
    (bill,) = (await resident.ok("GET", "/api/bills"))["bills"]
    refused = (await resident.call("POST", "/api/me/close", CLOSE)).json()["error"]
    assert refused["fields"]["bills"] == [bill["id"]]
    await resident.ok("POST", f"/api/accounts/{bound['id']}/unbind")
    await resident.ok("POST", "/api/me/close", CLOSE)
    kept = await city.api.house.city.case_store.of_person(person)
    assert [(case.item, case.state, case.answers) for case in kept] == [(ITEM, "discarded", None)]
    next_holder = await applicant(city)
    assert (await next_holder.ok("POST", "/api/accounts", account))["account_number"] == number


async def test_closing_is_meant_in_so_many_words(shared_city: TestCity) -> None:
    resident = await shared_city.resident()
    for body in ({"understood": False}, {}):
        answer = await resident.call("POST", "/api/me/close", body)
        assert (answer.status_code, answer.json()["error"]["code"]) == (400, "INVALID_INPUT")
    assert (await resident.ok("GET", "/api/me"))["level"] == 0


async def test_consent_is_taken_back_and_given_again(shared_city: TestCity) -> None:
    resident = await shared_city.resident()
    person = (await resident.ok("PUT", "/api/me/privacy", {"version": "2026-12"}))["person_id"]
    for _ in range(2):
        assert (await resident.ok("DELETE", "/api/me/privacy")).get("consent_version") is None
    assert (await resident.ok("PUT", "/api/me/privacy", {"version": "2026-12"}))["consent_version"] == "2026-12"
    kept = await stored(resident, person)
    actions = [entry["action"] for entry in kept["history"]]
    assert actions == ["register", "consent", "withdraw_consent", "consent"]
