"""Fees at an appointment over HTTP: asked for once, by the item's amounts, of a resident who is there."""

from __future__ import annotations

import asyncio
from datetime import datetime
from typing import Any

from tests.city import CENTRE, ID_CARD_LOST, Resident, TestCity, first_free, until

FEE = "居民身份证丢失补领工本费"


def code(answer: Any) -> str:
    return f"{answer.status_code} {answer.json()['error']['code']}"


async def paid(resident: Resident, order: str) -> bool:
    return bool((await resident.ok("GET", f"/api/orders/{order}"))["state"] == "paid")


async def refunded(chief: Resident, bill: str) -> bool:
    return bool((await chief.ok("GET", f"/staff/bills/{bill}"))["state"] == "refunded")


async def test_a_fee_is_asked_for_once_at_an_appointment_and_paid_in_the_app(shared_city: TestCity) -> None:
    city = shared_city
    resident = await city.resident(phone=True)
    start = await first_free(resident)
    held = await resident.ok("POST", "/api/bookings", {"item": ID_CARD_LOST, "centre": CENTRE, "start": start})
    await resident.ok("POST", f"/api/bookings/{held['id']}/confirm")
    desk, body = f"/staff/bookings/{held['id']}", {"quantities": {FEE: 2}}
    city.clock.set(max(city.clock.now(), datetime.fromisoformat(start)))
    officer = await city.staff("window_officer")
    early = await officer.call("POST", f"{desk}/charge", body)
    assert code(early) == "409 ACTION_NOT_ALLOWED"
    assert "check_in" in early.json()["error"]["fields"]["allowed"]
    await officer.ok("POST", "/staff/check-in", {"code": held["id"]})
    for wrong in ({FEE: 0}, {FEE: -1}, {FEE: 1.5}, {FEE: 1001}, {}, {"天价费": 1}):
        assert code(await officer.call("POST", f"{desk}/charge", {"quantities": wrong})) == "400 INVALID_INPUT", wrong
    assert code(await officer.call("POST", f"{desk}/charge", body | {"amount_fen": 1})) == "400 INVALID_INPUT"
    made = await asyncio.gather(*(officer.ok("POST", f"{desk}/charge", body) for _ in range(3)))
    assert {(bill["id"], bill["amount_fen"], bill["state"]) for bill in made} == {(made[0]["id"], 8000, "open")}
    assert (await officer.ok("GET", f"{desk}/fees"))["bills"] == [made[0]]

    [bill] = (await resident.ok("GET", "/api/bills"))["bills"]
    assert (bill["id"], bill["amount_fen"]) == (made[0]["id"], 8000)
    order = (await resident.ok("POST", f"/api/bills/{bill['id']}/pay", {}))["order"]
    assert (await city.pay.control("pay", out_trade_no=order))["result"] == "paid"
    await until(lambda: paid(resident, order))
    assert [one["state"] for one in (await officer.ok("GET", f"{desk}/fees"))["bills"]] == ["paid"]

    # Given back in full, the same fee can be asked for anew; once again.
    chief = await city.staff("supervisor")
    await chief.ok("POST", f"/staff/bills/{bill['id']}/refunds", {"amount_fen": 8000, "reason": "重复收费"})
    await city.work()
    await until(lambda: refunded(chief, bill["id"]))
    anew = await asyncio.gather(*(officer.ok("POST", f"{desk}/charge", body) for _ in range(2)))
    assert len({one["id"] for one in anew}) == 1
    assert (anew[0]["state"], anew[0]["id"] != bill["id"]) == ("open", True)
    await chief.ok("POST", f"/staff/bills/{anew[0]['id']}/cancel", {"reason": "收错了"})
    assert (await officer.ok("POST", f"{desk}/charge", body))["state"] == "open"

    elsewhere = next(c.code for c in city.api.house.city.centres.all() if c.code != CENTRE)
    stranger = await city.staff("window_officer", centre=elsewhere)
    assert code(await stranger.call("POST", f"{desk}/charge", body)) == "404 BOOKING_NOT_FOUND"
    assert code(await stranger.call("GET", f"{desk}/fees")) == "404 BOOKING_NOT_FOUND"
    assert code(await officer.call("GET", "/staff/bookings/BK-NONE/fees")) == "404 BOOKING_NOT_FOUND"
