"""What is said in a conversation: pictures, what is taken back, and what WeChat's content check finds risky."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest

from server import embedded
from tests.city import Resident, TestCity, running_city
from tests.services.files.samples import png
from tests.talk import leave, online, queued, resident_screen, staff_screen


@pytest.fixture(scope="module")
async def city(database_server: embedded.Embedded, valkey_server: embedded.Embedded) -> AsyncIterator[TestCity]:
    async with running_city(database_server.port, valkey_server.port, "words_city") as city:
        yield city


async def picture(city: TestCity, who: Resident) -> str:
    headers = {"Authorization": f"Bearer {who.token}"}
    sent = await city.http.post(
        f"{city.api.url}/api/files", files={"file": ("a.png", png(), "image/png")}, headers=headers
    )
    found: str = sent.json()["id"]
    return found


async def test_a_picture_belongs_to_the_complaint_that_is_written_and_else_calls_a_person(city: TestCity) -> None:
    who = await city.resident(phone=True)
    conversation = (await who.ok("POST", "/api/conversations", {}))["id"]
    messages = f"/api/conversations/{conversation}/messages"
    photo = await picture(city, who)
    for number, text in enumerate(("我要反映", "路灯坏了一个月没人修", "")):
        content = {"text": text} if text else {"file": photo}
        await who.ok("POST", messages, {"client_msg_id": f"s{number}", **content})
    await who.ok("POST", messages, {"client_msg_id": "place", "text": "环翠区新威路"})
    entries = (await who.ok("GET", f"/api/conversations/{conversation}/events?after=0"))["entries"]
    facts = entries[-1]["data"]
    assert facts["card"] == "confirm"
    assert (facts["matter"], facts["place"]) == ("路灯坏了一个月没人修", "环翠区新威路")
    assert facts["photos"] == [photo]
    assert {"departments", "due", "limit_days", "kind_words"} <= set(facts)
    await who.ok("POST", messages, {"client_msg_id": "yes", "text": "确认提交"})
    (complaint,) = (await who.ok("GET", "/api/complaints"))["complaints"]
    assert complaint["photos"] == [photo]
    assert (await who.ok("GET", f"/api/conversations/{conversation}"))["state"] == "bot"

    # Of a booking: item, hall and time.
    await who.ok("POST", messages, {"client_msg_id": "book", "text": "帮我约补办身份证，去文登，越快越好"})
    facts = (await who.ok("GET", f"/api/conversations/{conversation}/events?after=0"))["entries"][-1]["data"]
    assert (facts["card"], facts["centre_name"]) == ("confirm", "文登区政务服务中心")
    assert facts["item_name"]
    assert facts["time"]
    # A picture that no complaint waits for is for a person.
    await who.ok("POST", messages, {"client_msg_id": "other", "file": await picture(city, who)})
    assert (await who.ok("GET", f"/api/conversations/{conversation}"))["state"] != "bot"


async def test_a_recall_empties_the_message_for_both_within_two_minutes_only(city: TestCity) -> None:
    officer = await city.staff("agent")
    await online(officer)
    who, conversation = await queued(city)
    await city.work()
    resident, desk = resident_screen(city, who), staff_screen(city, officer)
    await resident.connect()
    await desk.connect()
    await resident.resume(conversation)
    await desk.resume(conversation)
    sent = await resident.say(conversation, "我的密码是 secret")
    done = await resident.ask(type="recall", conversation=conversation, seq=sent["seq"])
    again = await resident.ask(type="recall", conversation=conversation, seq=sent["seq"])
    assert done["seq"] == again["seq"]
    await desk.reached(done["seq"])
    assert (desk.entries[sent["seq"]].get("text"), desk.entries[sent["seq"]]["recalled"]) == ("", True)
    page = await officer.ok("GET", f"/staff/conversations/{conversation}")
    assert "secret" not in str(page["entries"])
    foreign = await desk.ask(type="recall", conversation=conversation, seq=sent["seq"])
    assert foreign["error"]["code"] == "MESSAGE_NOT_FOUND"
    late = await desk.say(conversation, "稍等")
    city.clock.advance(timedelta(minutes=2, seconds=1))
    refused = await desk.ask(type="recall", conversation=conversation, seq=late["seq"])
    assert refused["error"]["code"] == "RECALL_TOO_LATE"
    history = await who.ok("GET", f"/api/conversations/{conversation}/history?before={late['seq']}&limit=2")
    assert [e["seq"] for e in history["entries"]] == [late["seq"] - 2, late["seq"] - 1]
    await resident.drop()
    await desk.drop()
    await leave(officer)


async def test_risky_words_are_masked_to_staff_and_checks_that_fail_are_tried_again(city: TestCity) -> None:
    officer = await city.staff("agent")
    await online(officer)
    who, conversation = await queued(city)
    await city.work()
    path = f"/api/conversations/{conversation}/messages"
    await city.wechat.control("faults", path="/wxa/msg_sec_check", kind="http500")
    await who.ok("POST", path, {"client_msg_id": "fine", "text": "请问几点下班"})
    await city.rounds["content"]()
    words = {e["text"]: e for e in await entries(officer, conversation) if e["side"] == "resident"}
    assert words["请问几点下班"]["check"] == "unchecked"
    city.clock.advance(timedelta(seconds=6))
    await who.ok("POST", path, {"client_msg_id": "risky", "text": "哪里有枪支卖"})
    await city.work()
    seen = [e for e in await entries(officer, conversation) if e["side"] == "resident"]
    assert [(e.get("text", ""), e["check"]) for e in seen] == [("请问几点下班", "passed"), ("", "risky")]
    assert seen[1]["masked"] == "内容安全检测：违法犯罪"
    own = (await who.ok("GET", f"/api/conversations/{conversation}/events"))["entries"]
    assert [e["data"]["seq"] for e in own if e["kind"] == "masked"] == [seen[1]["seq"]]
    await leave(officer)


async def entries(officer: Resident, conversation: str) -> list[dict[str, Any]]:
    return list((await officer.ok("GET", f"/staff/conversations/{conversation}/events"))["entries"])
