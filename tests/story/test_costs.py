"""What each endpoint costs in database commands: at most two for a read and four for a write, with a known session."""

from __future__ import annotations

import asyncio
import itertools
import secrets
from datetime import datetime
from typing import Any

import pytest

from handlers.routing import Caller
from kernel.identifiers import resident_id_check_character
from server.app import ROUTES
from tests.city import CENTRE, ID_CARD_LOST, Resident, TestCity, first_free

READ, WRITE = 2, 4
# Claim an attempt, read the account, forget the attempts, write the audit entry, write the session: each is asked for
# by GB/T 22239-2019, and nobody signs in often.
MORE = {"POST /staff/session": 5}
# Signed by outside systems, and tested with the simulators: what a call costs depends on how many events it carries.
ELSEWHERE = {route.name for route in ROUTES if route.right.caller is Caller.SIGNED}

_names = itertools.count(1)


class Meter:
    """Calls endpoints and notes what each cost; ``wrong`` lists those over their number."""

    def __init__(self, city: TestCity) -> None:
        self.city = city
        self.costs: dict[str, int] = {}

    async def call(self, who: Resident, route: str, path: str = "", body: Any = None, status: int = 200) -> Any:
        method, pattern = route.split(" ")
        key = f"cost-{next(_names)}-{secrets.token_hex(4)}" if method != "GET" else ""
        before = self.city.api.house.commands.count
        answer = await who.call(method, path or pattern, body, key=key)
        cost = self.city.api.house.commands.count - before
        assert answer.status_code == status, f"{route}: {answer.text}"
        self.costs[route] = max(cost, self.costs.get(route, 0))
        return answer.json() if answer.headers["Content-Type"].startswith("application/json") else None

    @property
    def wrong(self) -> dict[str, int]:
        most = {name: MORE.get(name, READ if name.startswith("GET") else WRITE) for name in self.costs}
        return {name: cost for name, cost in self.costs.items() if cost > most[name]}


@pytest.fixture
async def meter(shared_city: TestCity, monkeypatch: pytest.MonkeyPatch) -> Meter:
    """With the background's own look at the database, once a second, held still."""
    revisions = shared_city.api.house.city.revisions
    known = await revisions.numbers()

    async def numbers(_: Any) -> dict[str, int]:
        return known

    monkeypatch.setattr(type(revisions), "numbers", numbers)
    await asyncio.sleep(0.1)
    return Meter(shared_city)


async def slot_where_one_must_wait(city: TestCity) -> dict[str, str]:
    """Takes every place of a time."""
    body = {"item": ID_CARD_LOST, "centre": CENTRE, "start": await first_free(await city.resident(), days=18)}
    while (answer := await (await city.resident()).call("POST", "/api/bookings", body)).status_code == 201:
        pass
    assert answer.json()["error"]["code"] == "SLOT_FULL"
    return body


async def test_no_endpoint_sends_more_database_commands_than_allowed(meter: Meter) -> None:
    city = meter.city
    full = await slot_where_one_must_wait(city)
    resident = await city.resident(phone=True)
    await resident.ok("GET", "/api/me")

    item, centre = f"/api/items/{ID_CARD_LOST}", f"/api/centres/{CENTRE}"
    await meter.call(resident, "GET /api/directory")
    await meter.call(resident, "GET /api/items", f"/api/items?words=身份证&centre={CENTRE}")
    await meter.call(resident, "GET /api/items/{code}", item)
    await meter.call(resident, "GET /api/items/{code}/versions/{number}", f"{item}/versions/1")
    await meter.call(resident, "GET /api/items/{code}/centres", f"{item}/centres?longitude=122.1&latitude=37.5")
    await meter.call(resident, "GET /api/centres", f"/api/centres?item={ID_CARD_LOST}")
    await meter.call(resident, "GET /api/centres/{code}", centre)
    await meter.call(resident, "POST /api/ask", body={"text": "身份证丢了怎么补办"})
    await meter.call(resident, "GET /api/me")
    await meter.call(resident, "GET /api/subscriptions")
    await meter.call(resident, "PUT /api/me/privacy", body={"version": "2026-01"})
    phone = await city.wechat.control("phone", openid=resident.openid, phone=f"138{secrets.randbelow(10**8):08}")
    await meter.call(resident, "PUT /api/me/phone", body={"code": phone["code"]})
    number = f"37100219800229{secrets.randbelow(1000):03}"
    identity = {"name": "王小明", "id_number": number + resident_id_check_character(number)}
    await meter.call(resident, "PUT /api/me/identity", body=identity)

    await meter.call(resident, "GET /api/calendar", f"/api/calendar?item={ID_CARD_LOST}&centre={CENTRE}")
    waiting = await meter.call(resident, "POST /api/waiting", body=full, status=201)
    await meter.call(resident, "POST /api/bookings/{booking_id}/cancel", f"/api/bookings/{waiting['id']}/cancel", {})
    start = await first_free(resident)
    wanted = {"item": ID_CARD_LOST, "centre": CENTRE, "start": start}
    booking = await meter.call(resident, "POST /api/bookings", body=wanted, status=201)
    mine = f"/api/bookings/{booking['id']}"
    await meter.call(resident, "POST /api/bookings/{booking_id}/confirm", f"{mine}/confirm")
    later = await first_free(resident, days=3)
    await meter.call(resident, "POST /api/bookings/{booking_id}/move", f"{mine}/move", {"start": later})
    await meter.call(resident, "GET /api/bookings")
    await meter.call(resident, "GET /api/bookings/{booking_id}", mine)
    await meter.call(resident, "GET /api/bookings/{booking_id}/code.png", f"{mine}/code.png")
    await city.work()
    message = (await meter.call(resident, "GET /api/messages"))["messages"][0]
    await meter.call(resident, "PUT /api/messages/{message_id}/read", f"/api/messages/{message['id']}/read")

    # Two more bookings of the same time: one ends as a no-show, one is cancelled by the counter.
    others = []
    for other in (await city.resident(), await city.resident()):
        others.append(await other.ok("POST", "/api/bookings", wanted | {"start": later}))
        await other.ok("POST", f"/api/bookings/{others[-1]['id']}/confirm")
    missed, dropped = others

    city.clock.set(max(city.clock.now(), datetime.fromisoformat(later)))
    officer = await city.staff("supervisor")
    await officer.ok("GET", "/staff/bookings")
    desk = "/staff/bookings/{booking_id}"
    theirs = f"/staff/bookings/{booking['id']}"
    await meter.call(officer, "GET /staff/bookings")
    await meter.call(officer, "POST /staff/check-in", body={"code": booking["id"]})
    household = next(c for c in city.api.house.city.centres.get(CENTRE).counters if c.kind == "household")
    await meter.call(officer, f"POST {desk}/call", f"{theirs}/call", {"window": household.windows[0]})
    await meter.call(officer, f"POST {desk}/finish", f"{theirs}/finish")
    await meter.call(officer, f"POST {desk}/no-show", f"/staff/bookings/{missed['id']}/no-show")
    reason = {"reason": "窗口设备检修"}
    await meter.call(officer, f"POST {desk}/cancel", f"/staff/bookings/{dropped['id']}/cancel", reason)
    await meter.call(officer, "GET /staff/troubles")
    await meter.call(officer, "DELETE /staff/session")
    name, password = f"officer{secrets.token_hex(4)}", secrets.token_urlsafe(12)
    await city.api.house.city.staff.do_create_staff(name, password, ["window_officer"], by="test", centre=CENTRE)
    nobody = Resident(city, "", "of-nobody")
    await meter.call(nobody, "POST /staff/session", body={"username": name, "password": password}, status=201)

    for openid in (resident.openid, f"new-{secrets.token_hex(4)}"):  # somebody known, and somebody new
        code = (await city.wechat.control("login", openid=openid))["code"]
        await meter.call(nobody, "POST /api/session", body={"code": code}, status=201)
    await meter.call(resident, "DELETE /api/session")
    for path in ("/healthz", "/readyz", "/metrics", "/openapi.json", "/docs"):
        await meter.call(nobody, f"GET {path}")

    assert meter.wrong == {}, meter.costs
    assert {route.name for route in ROUTES} - meter.costs.keys() == ELSEWHERE


async def test_a_repeated_request_is_answered_without_the_database(meter: Meter) -> None:
    resident = await meter.city.resident()
    start = await first_free(resident, days=3)
    body = {"item": ID_CARD_LOST, "centre": CENTRE, "start": start}
    key = secrets.token_hex(8)
    held = await resident.ok("POST", "/api/bookings", body, key=key)
    before = meter.city.api.house.commands.count
    assert await resident.ok("POST", "/api/bookings", body, key=key) == held
    assert meter.city.api.house.commands.count == before
    await resident.ok("POST", f"/api/bookings/{held['id']}/cancel", {})
