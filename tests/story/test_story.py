"""The main job, end to end over HTTP, with both simulators: ask, find, book, be told, move, cancel, wait, be served."""

from __future__ import annotations

import asyncio
import json
from datetime import datetime, timedelta

from tests.city import CENTRE, DAY, ID_CARD_LOST, TestCity, first_free, until
from tests.talk import dial


async def test_a_resident_asks_books_is_told_and_reminded_by_wechat(shared_city: TestCity) -> None:
    city = shared_city
    resident = await city.resident()
    answer = await resident.ok("POST", "/api/ask", {"text": "身份证丢了怎么补办"})
    assert answer["sure"]
    best = answer["candidates"][0]
    assert (best["item"], best["version"]) == (ID_CARD_LOST, 1)
    assert best["matched"]
    guide = await resident.ok("GET", f"/api/items/{best['item']}")
    assert guide["content"]["materials"]
    centres = (await resident.ok("GET", f"/api/items/{best['item']}/centres"))["centres"]
    assert CENTRE in [centre["code"] for centre in centres]

    await city.consent(resident, "booking_confirmed", "booking_reminder")
    start = await first_free(resident)
    held = await resident.ok("POST", "/api/bookings", {"item": ID_CARD_LOST, "centre": CENTRE, "start": start})
    assert held["state"] == "held"
    assert datetime.fromisoformat(held["until"]) - city.clock.now() == timedelta(minutes=5)
    confirmed = await resident.ok("POST", f"/api/bookings/{held['id']}/confirm")
    assert confirmed["state"] == "confirmed"
    assert confirmed["queue_number"].startswith("户")
    await city.work()
    assert len(await city.wechat.look("sent", openid=resident.openid)) == 1

    city.clock.set(datetime.fromisoformat(start) - DAY + timedelta(hours=3))
    await city.work()
    assert len(await city.wechat.look("sent", openid=resident.openid)) == 2
    inbox = await resident.ok("GET", "/api/messages")
    assert [m["state"] for m in inbox["messages"]] == ["已发出（微信）", "已发出（微信）"]
    code = await resident.call("GET", f"/api/bookings/{held['id']}/code.png")
    assert code.content.startswith(b"\x89PNG")
    city.clock.set(datetime.fromisoformat(start))
    officer = await city.staff()
    desk = await officer.ok("POST", "/staff/check-in", {"code": held["id"].lower()})
    assert desk["state"] == "checked_in"
    day = await officer.ok("GET", "/staff/bookings")
    assert held["id"] in [b["id"] for b in day["bookings"]]
    window = {
        "window": next(c for c in city.api.house.city.centres.get(CENTRE).counters if c.kind == "household").windows[0]
    }
    assert (await officer.ok("POST", f"/staff/bookings/{held['id']}/call", window))["state"] == "called"
    assert (await officer.ok("POST", f"/staff/bookings/{held['id']}/finish"))["state"] == "done"


async def test_without_consent_the_message_goes_by_sms_and_its_receipt_comes_back(shared_city: TestCity) -> None:
    city = shared_city
    resident = await city.resident(phone=True)
    start = await first_free(resident)
    held = await resident.ok("POST", "/api/bookings", {"item": ID_CARD_LOST, "centre": CENTRE, "start": start})
    await resident.ok("POST", f"/api/bookings/{held['id']}/confirm")
    before = len(await city.sms.look("sent"))
    await city.work()
    assert len(await city.sms.look("sent")) == before + 1
    assert await city.wechat.look("sent", openid=resident.openid) == []

    async def delivered() -> bool:
        messages = (await resident.ok("GET", "/api/messages"))["messages"]
        return bool(messages) and "送达" in messages[0]["state"]

    await until(delivered)
    cancelled = await resident.ok("POST", f"/api/bookings/{held['id']}/cancel", {})
    assert cancelled["state"] == "cancelled"


async def test_a_booking_moves_and_the_old_place_is_free_again(shared_city: TestCity) -> None:
    resident = await shared_city.resident()
    start = await first_free(resident, days=6)
    held = await resident.ok("POST", "/api/bookings", {"item": ID_CARD_LOST, "centre": CENTRE, "start": start})
    await resident.ok("POST", f"/api/bookings/{held['id']}/confirm")
    later = (datetime.fromisoformat(start) + timedelta(minutes=30)).isoformat()
    moved = await resident.ok("POST", f"/api/bookings/{held['id']}/move", {"start": later})
    assert moved["start"] == later
    assert await first_free(resident, days=6) == start
    await resident.ok("POST", f"/api/bookings/{held['id']}/cancel", {})


async def test_a_freed_place_is_offered_to_the_first_who_waits_and_to_nobody_else(shared_city: TestCity) -> None:
    city = shared_city
    start = await first_free(await city.resident(), days=10)
    body = {"item": ID_CARD_LOST, "centre": CENTRE, "start": start}
    capacity = 12
    holders = [await city.resident() for _ in range(capacity)]
    ids = [(await holder.ok("POST", "/api/bookings", body))["id"] for holder in holders]
    for holder, id_ in zip(holders, ids, strict=True):
        await holder.ok("POST", f"/api/bookings/{id_}/confirm")
    first, second, third = [await city.resident() for _ in range(3)]
    assert (await first.call("POST", "/api/bookings", body)).json()["error"]["code"] == "SLOT_FULL"
    waiting = await first.ok("POST", "/api/waiting", body)
    city.clock.advance(timedelta(seconds=1))
    behind = await second.ok("POST", "/api/waiting", body)
    await holders[0].ok("POST", f"/api/bookings/{ids[0]}/cancel", {})
    # Between the place being freed and being offered, it is still not anybody's.
    assert (await third.call("POST", "/api/bookings", body)).json()["error"]["code"] == "SLOT_FULL"
    await city.work()
    offered = await first.ok("GET", f"/api/bookings/{waiting['id']}")
    assert offered["state"] == "offered"
    assert (await second.ok("GET", f"/api/bookings/{behind['id']}"))["state"] == "waiting"
    city.clock.advance(timedelta(minutes=31))
    late = await first.call("POST", f"/api/bookings/{waiting['id']}/confirm")
    assert late.json()["error"]["code"] == "HOLD_EXPIRED"
    await city.work()
    assert (await first.ok("GET", f"/api/bookings/{waiting['id']}"))["state"] == "expired"
    assert (await second.ok("GET", f"/api/bookings/{behind['id']}"))["state"] == "offered"
    assert (await second.ok("POST", f"/api/bookings/{behind['id']}/confirm"))["state"] == "confirmed"


async def test_the_socket_answers_questions_and_tells_of_ones_own_bookings(shared_city: TestCity) -> None:
    city = shared_city
    resident = await city.resident()
    socket = await dial(city.api.url.replace("http", "ws") + "/api/live")

    async def frame() -> dict[str, object]:
        text = await asyncio.wait_for(socket.read_message(), 30)
        assert text is not None
        return dict(json.loads(text))

    await socket.write_message(json.dumps({"type": "ask", "text": "x"}))
    assert (await frame())["type"] == "error"
    await socket.write_message(json.dumps({"type": "hello", "token": resident.token}))
    assert (await frame())["type"] == "welcome"
    await socket.write_message(json.dumps({"type": "ask", "id": "q1", "text": "身份证丢了怎么补办"}))
    answer = await frame()
    assert (answer["type"], answer["id"]) == ("answer", "q1")
    await socket.write_message("not json")
    assert (await frame())["type"] == "error"
    start = await first_free(resident, days=14)
    held = await resident.ok("POST", "/api/bookings", {"item": ID_CARD_LOST, "centre": CENTRE, "start": start})
    await city.work()
    event = (await frame())["event"]
    assert isinstance(event, dict)
    assert (event["name"], event["aggregate"]) == ("booking.held", held["id"])
    socket.close()
