"""A conversation over real sockets: bot, hand-over, officer, transfer, close, rating; and what follows from each."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest

from kernel.clock import local_day
from server import embedded
from tests.city import DAY, Resident, TestCity, running_city
from tests.talk import leave, online, queued, resident_screen, staff_screen


@pytest.fixture(scope="module")
async def city(database_server: embedded.Embedded, valkey_server: embedded.Embedded) -> AsyncIterator[TestCity]:
    async with running_city(database_server.port, valkey_server.port, "consultation_city") as city:
        yield city


async def test_from_the_bot_to_a_person_to_another_to_the_end_and_the_rating(city: TestCity) -> None:
    who = await city.resident(phone=True)
    first, second = await city.staff("agent"), await city.staff("agent")
    supervisor = await city.staff("supervisor")
    first_id = await online(first)
    resident, desk = resident_screen(city, who), staff_screen(city, first)
    await resident.connect()
    await desk.connect()

    # The bot answers first.
    conversation = (await resident.ask(type="start"))["conversation"]["id"]
    await resident.resume(conversation)
    assert resident.entries[1]["side"] == "bot"
    await resident.say(conversation, "身份证丢了怎么补办")
    card = await resident.entry("居民身份证")
    assert (card["kind"], card["side"]) == ("card", "bot")
    assert card["data"]["item"] == "000709402000"

    # The words hand over; the queue place is told; the officer gets it.
    await resident.say(conversation, "转人工！")
    await resident.entry(event="conversation.queued")
    assert (await who.ok("GET", f"/api/conversations/{conversation}"))["place"] == 1
    await city.work()
    await resident.entry(event="conversation.assigned")
    told = await desk.frame("inbox")
    assert (told["conversation"], told["event"]) == (conversation, "conversation.assigned")

    # The officer opens with everything.
    page = await first.ok("GET", f"/staff/conversations/{conversation}")
    assert page["matched"][0]["item"] == "000709402000"
    assert [e["text"] for e in page["entries"] if e["side"] == "resident"] == ["身份证丢了怎么补办", "转人工！"]
    assert "*" in page["resident"]["phone"]
    assert {c["name"]: c["colour"] for c in page["conversation"]["clocks"]} == {
        "first_answer": "green", "resolution": "green",
    }  # fmt: skip
    await desk.resume(conversation)
    assert desk.last == resident.last

    # They talk; typing and reading are seen.
    await desk.say(conversation, "您好，请问什么时候丢的？<script>alert(1)</script>")
    answer = await resident.entry("什么时候丢的")
    assert answer["text"].endswith("<script>alert(1)</script>")
    assert answer["sender"] == first_id[-4:]
    await resident.send(type="typing", conversation=conversation)
    assert (await desk.frame("typing"))["side"] == "resident"
    await resident.ask(type="read", conversation=conversation, seq=answer["seq"])
    assert (await desk.frame("read"))["seq"] == answer["seq"]
    await resident.say(conversation, "昨天，我的身份证号是371002199003071233")
    masked = await desk.entry("我的身份证号")
    assert "371002199003071233" not in masked["text"]
    for reason in ("", " 看看 ", "核" * 101):
        refused = await first.call(
            "POST", f"/staff/conversations/{conversation}/unmask", {"seq": masked["seq"], "reason": reason}
        )
        assert (refused.status_code, refused.json()["error"]["fields"]["field"]) == (400, "$.reason")
    clear = await first.ok(
        "POST", f"/staff/conversations/{conversation}/unmask", {"seq": masked["seq"], "reason": "核对身份"}
    )
    assert "371002199003071233" in clear["text"]
    audit = await city.api.house.city.staff_queries.audit_of(first_id)
    assert f"unmask {conversation}/{masked['seq']}: 核对身份" in [one.action for one in audit]

    # Who asks is masked; in clear only with a reason, which the audit has first.
    personal = f"/staff/conversations/{conversation}/personal-data"
    assert "****" in (await first.ok("GET", f"/staff/conversations/{conversation}"))["resident"]["phone"]
    refused = (await first.call("POST", personal, {"reason": " 查 "})).json()["error"]
    assert (refused["code"], refused["fields"]["field"]) == ("INVALID_INPUT", "$.reason")
    assert (await supervisor.call("POST", personal, {"reason": "只是看看"})).status_code == 403
    known = await first.ok("POST", personal, {"reason": "回电核对地址"})
    assert known["phone"].isdigit()
    audit = await city.api.house.city.staff_queries.audit_of(first_id)
    assert [a.action for a in audit if "resident" in a.action] == [f"resident.unmask {conversation}: 回电核对地址"]

    # Transfer with a note to a colleague; the first no longer sees it.
    second_id = await online(second)
    await first.ok(
        "POST", f"/staff/conversations/{conversation}/transfer", {"officer": second_id, "note": "需要户籍窗口答复"}
    )
    await resident.entry(event="conversation.handed_to")
    assert (await desk.frame("left"))["conversation"] == conversation
    assert (await first.call("GET", f"/staff/conversations/{conversation}")).status_code == 404
    other = staff_screen(city, second)
    await other.connect()
    resumed = await other.resume(conversation)
    assert resumed["conversation"]["note"] == "需要户籍窗口答复"
    assert other.entries.keys() == resident.entries.keys()

    # A supervisor sees it, joins and takes over.
    body = await supervisor.ok("GET", "/staff/conversations?view=all")
    assert conversation in [one["id"] for one in body["conversations"]]
    await supervisor.ok("POST", f"/staff/conversations/{conversation}/join")
    await supervisor.ok(
        "POST", f"/staff/conversations/{conversation}/messages", {"client_msg_id": "s1", "text": "我来补充一点"}
    )
    await resident.entry("我来补充一点")
    await supervisor.ok("POST", f"/staff/conversations/{conversation}/take-over")
    refused = await second.call(
        "POST", f"/staff/conversations/{conversation}/messages", {"client_msg_id": "x", "text": "还在吗"}
    )
    assert refused.status_code == 404

    # The end and the rating, once, unseen by staff; a bad one asks for a follow-up.
    await supervisor.ok("POST", f"/staff/conversations/{conversation}/close")
    await resident.entry(event="conversation.closed")
    rated = await resident.ask(
        type="rate", conversation=conversation, level="dissatisfied", tags=["speed"], words="等太久"
    )
    assert rated["type"] == "done"
    again = await resident.ask(type="rate", conversation=conversation, level="satisfied")
    assert again["error"]["code"] == "ALREADY_RATED"
    shown = await first.call("GET", "/staff/follow-ups")
    assert shown.status_code == 403
    assert (await supervisor.ok("GET", "/staff/follow-ups"))["follow_ups"] == []
    chief = await city.staff("supervisor")
    [due] = (await chief.ok("GET", "/staff/follow-ups"))["follow_ups"]
    assert (due["conversation"], due["state"], due["words"]) == (conversation, "open", "等太久")
    await found_again(city, supervisor, first, conversation)
    await called_back(city, chief, supervisor, conversation)

    # What the screen has is what the database holds.
    held = await who.ok("GET", f"/api/conversations/{conversation}/events")
    assert list(resident.entries.values()) == held["entries"]
    numbers = await chief.ok("GET", "/staff/statistics/consultation")
    assert numbers["days"][-1]["handed_over"] >= 1
    assert numbers["ratings"]["dissatisfied"] == 1
    for screen in (resident, desk, other):
        await screen.drop()
    await leave(first, second, supervisor)


async def test_two_questions_in_a_row_without_an_answer_and_sensitive_words_hand_over(city: TestCity) -> None:
    for said, reason in ((["今天天气怎么样啊", "推荐一部好看的电影"], "failures"), (["我要举报有人行贿"], "sensitive")):
        who = await city.resident()
        conversation = (await who.ok("POST", "/api/conversations", {}))["id"]
        for number, text in enumerate(said):
            assert (await who.ok("GET", f"/api/conversations/{conversation}"))["state"] == "bot"
            await who.ok(
                "POST", f"/api/conversations/{conversation}/messages", {"client_msg_id": f"{number}", "text": text}
            )
        stored = await city.api.house.city.consultation_queries.of_person(await person(city, who), conversation)
        assert (stored.state, stored.reason) == ("queued", reason)
        await who.ok("POST", f"/api/conversations/{conversation}/return-to-bot")
        await who.ok("POST", f"/api/conversations/{conversation}/close")
    top = await city.api.house.city.consultation_queries.statistics(*_today(city))
    assert any("电影" in one.text for one in top.unanswered)


async def test_out_of_hours_a_form_is_left_answered_later_and_notified(city: TestCity) -> None:
    start = city.clock.now()
    city.clock.advance(timedelta(hours=3, minutes=10))  # some ten past twelve, between the two periods of the day
    who, officer = await city.resident(), await city.staff("agent")
    conversation = (await who.ok("POST", "/api/conversations", {}))["id"]
    view = await who.ok("POST", f"/api/conversations/{conversation}/hand-over")
    assert (view["state"], view["place"]) == ("off_hours", None)
    assert "hand_over" not in view["actions"]
    again = await who.ok("POST", f"/api/conversations/{conversation}/hand-over")
    assert (again["id"], again["state"]) == (conversation, "off_hours")
    form = {"question": "落户要哪些材料？我的电话13912345678，枪支怎么登记", "contact": "13912345678"}
    assert (await who.ok("POST", f"/api/conversations/{conversation}/form", form))["state"] == "deferred"
    raw = await city.api.house.database["conversations"].find_one({"_id": conversation})
    assert raw is not None
    assert b"13912345678" not in raw["form"]["contact"]
    assert (await who.ok("GET", "/api/conversations/current"))["conversation"] is None
    other = (await who.ok("POST", "/api/conversations", {}))["id"]
    assert other != conversation
    page = await officer.ok("GET", f"/staff/conversations/{conversation}")
    assert page["question"].startswith("落户要哪些材料")
    assert "13912345678" not in page["question"]
    # Whoever answers it may read it, and how to reach them, in clear for a reason.
    assert page["left_contact"]
    clear = await officer.ok("POST", f"/staff/conversations/{conversation}/personal-data", {"reason": "回电答复留言"})
    assert (clear["question"], clear["contact"]) == (form["question"], "13912345678")
    audit = await city.api.house.city.staff_queries.audit_of((await officer.ok("GET", "/staff/me"))["staff_id"])
    assert f"resident.unmask {conversation}: 回电答复留言" in [one.action for one in audit]
    forms = (await officer.ok("GET", "/staff/conversations?view=forms"))["conversations"]
    assert [one["id"] for one in forms] == [conversation]
    # The question is said like anything else, so that the content check sees it.
    await city.work()
    page = await officer.ok("GET", f"/staff/conversations/{conversation}")
    assert page["question"] == "内容安全检测：违法犯罪"
    assert "枪支" not in str(page)
    city.clock.advance(timedelta(minutes=25))
    await officer.ok("POST", f"/staff/conversations/{conversation}/answer", {"text": "请带户口簿和房产证。"})
    again = await officer.call("POST", f"/staff/conversations/{conversation}/answer", {"text": "再答一次"})
    assert again.json()["error"]["code"] in ("ACTION_NOT_ALLOWED", "CONVERSATION_NOT_FOUND")
    await city.work()
    messages = (await who.ok("GET", "/api/messages"))["messages"]
    assert [m["title"] for m in messages] == ["您的留言已答复"]
    entries = (await who.ok("GET", f"/api/conversations/{conversation}/events"))["entries"]
    assert "请带户口簿和房产证。" in [e.get("text") for e in entries]
    assert "再答一次" not in [e.get("text") for e in entries]
    assert [e["text"] for e in entries if e["side"] == "resident"] == [form["question"]]
    city.clock.set(start + timedelta(hours=4, minutes=30))


async def test_a_silent_officer_loses_the_conversation_to_the_next_without_losing_a_message(city: TestCity) -> None:
    silent, other = await city.staff("agent"), await city.staff("agent")
    silent_id = await online(silent)
    who, conversation = await queued(city)
    path = f"/api/conversations/{conversation}/messages"
    await city.work()
    assert [c["id"] for c in (await silent.ok("GET", "/staff/conversations"))["conversations"]] == [conversation]
    await who.ok("POST", path, {"client_msg_id": "a", "text": "有人吗？"})
    city.clock.advance(timedelta(minutes=4))
    await city.work()
    stored = await city.api.house.city.consultation_queries.of_person(await person(city, who), conversation)
    assert stored.owner == silent_id
    assert any(alarm.startswith("first_answer/red/") for alarm in stored.alarms)
    chief = await city.staff("supervisor")
    seen = [one for one in (await chief.ok("GET", "/staff/supervision"))["entries"] if one["subject"] == conversation]
    assert [(one["kind"], one["clock"], one["title"], one["officer"]) for one in seen] == [
        ("conversation_late", "first_answer", "网上咨询·首次答复", silent_id),
    ]  # fmt: skip
    await who.ok("POST", path, {"client_msg_id": "b", "text": "还在吗？"})
    other_id = await online(other)
    await online(silent)
    city.clock.advance(timedelta(seconds=50))
    await other.ok("PUT", "/staff/presence", {"status": "online"})
    city.clock.advance(timedelta(seconds=20))
    await city.work()
    stored = await city.api.house.city.consultation_queries.of_person(await person(city, who), conversation)
    assert (stored.owner, stored.avoid) == (other_id, [silent_id])
    page = await other.ok("GET", f"/staff/conversations/{conversation}")
    assert [e["text"] for e in page["entries"] if e["side"] == "resident"] == ["有人吗？", "还在吗？"]
    assert (await silent.call("GET", f"/staff/conversations/{conversation}")).status_code == 404
    await leave(silent, other)


async def test_the_last_officer_gets_the_person_again_and_skills_are_asked_for(city: TestCity) -> None:
    chief = await city.staff("supervisor")
    hand, police = await city.staff("agent"), await city.staff("agent")
    hand_id, police_id = await online(hand), await online(police)
    skills: dict[str, Any] = {"departments": ["市公安局"], "topics": [], "languages": ["zh", "en"], "capacity": 1}
    await chief.ok("PUT", f"/staff/officers/{police_id}", skills)
    await chief.ok("PUT", f"/staff/officers/{hand_id}", skills | {"departments": ["市医保局"], "languages": ["zh"]})
    assert (await chief.call("PUT", f"/staff/officers/{hand_id}", skills | {"languages": ["xx"]})).status_code == 400
    assert (await hand.call("PUT", f"/staff/officers/{hand_id}", skills)).status_code == 403
    assert (await chief.call("PUT", "/staff/officers/ST0000000000000000", skills)).status_code == 404
    editor_id = (await (await city.staff("catalogue_editor")).ok("GET", "/staff/me"))["staff_id"]
    assert (await chief.call("PUT", f"/staff/officers/{editor_id}", skills)).status_code == 400
    listed = await chief.ok("GET", "/staff/officers")
    assert next(one for one in listed["officers"] if one["staff_id"] == police_id)["capacity"] == 1
    assert (listed["languages"]["sign"], listed["topics"]["petition"]) == ("手语", "信访举报")
    who = await city.resident()
    conversation = (await who.ok("POST", "/api/conversations", {"language": "en"}))["id"]
    await who.ok("POST", f"/api/conversations/{conversation}/hand-over")
    await city.work()
    assert [c["id"] for c in (await police.ok("GET", "/staff/conversations"))["conversations"]] == [conversation]
    # Full: one more must wait, although the other is free but does not know the language.
    waiting = await city.resident()
    second = (await waiting.ok("POST", "/api/conversations", {"language": "en"}))["id"]
    await waiting.ok("POST", f"/api/conversations/{second}/hand-over")
    await city.work()
    assert (await waiting.ok("GET", f"/api/conversations/{second}"))["place"] == 1
    refused = await police.call("POST", f"/staff/conversations/{second}/take")
    assert refused.json()["error"]["code"] == "OFFICER_FULL"
    await waiting.ok("POST", f"/api/conversations/{second}/close")
    # The same person comes back to the same officer, who has been busy last.
    await police.ok("POST", f"/staff/conversations/{conversation}/close")
    await chief.ok("PUT", f"/staff/officers/{hand_id}", skills | {"departments": []})
    assert (await who.ok("POST", f"/api/conversations/{conversation}/reopen"))["state"] == "bot"
    await who.ok("POST", f"/api/conversations/{conversation}/hand-over")
    await city.work()
    assert [c["id"] for c in (await police.ok("GET", "/staff/conversations"))["conversations"]] == [conversation]
    await leave(hand, police)


async def found_again(city: TestCity, last: Resident, before: Resident, conversation: str) -> None:
    """A closed conversation is listed for who had it last, and for supervisors, by the day on which it began."""
    me = (await last.ok("GET", "/staff/me"))["staff_id"]
    assert me != (await before.ok("GET", "/staff/me"))["staff_id"]
    today, ended = local_day(city.clock.now()), "/staff/conversations?view=ended"
    yesterday = today - timedelta(days=1)

    async def listed(who: Resident, path: str = ended) -> list[tuple[str, str]]:
        found = (await who.ok("GET", path))["conversations"]
        assert {one["state"] for one in found} <= {"closed"}
        return [(one["id"], one["last_owner"]) for one in found]

    assert (conversation, me) in await listed(await city.staff("supervisor"))
    assert (conversation, me) in await listed(last, f"{ended}&first={today}&last={today}")
    assert await listed(last, f"{ended}&first={yesterday}&last={yesterday}") == []
    for other in (await city.staff("agent"), before):
        assert conversation not in [id_ for id_, _ in await listed(other)]
    assert (await last.call("GET", f"{ended}&first={today}&last={yesterday}")).status_code == 400


async def called_back(city: TestCity, chief: Resident, rated: Resident, conversation: str) -> None:
    """Who calls back reads whom, while there is something to call back about; and what came out is kept."""
    clear, reason = f"/staff/conversations/{conversation}/personal-data", {"reason": "差评回访"}
    for other in (rated, await city.staff("agent")):
        assert (await other.call("POST", clear, reason)).status_code in (403, 404)
    phone = (await chief.ok("POST", clear, reason))["phone"]
    assert phone.isdecimal()
    assert len(phone) == 11
    staff_id = (await chief.ok("GET", "/staff/me"))["staff_id"]
    noted = await city.api.house.city.staff_queries.audit_between(city.clock.now(), city.clock.now() + DAY)
    assert [one.action for one in noted if one.by == staff_id and "unmask" in one.action] == [
        f"resident.unmask {conversation}: 差评回访"
    ]
    await chief.ok("POST", f"/staff/follow-ups/{conversation}/call-back", {"note": "已致歉"})
    assert (await chief.ok("GET", "/staff/follow-ups?state=closed"))["follow_ups"] == []
    done = await chief.ok("POST", f"/staff/follow-ups/{conversation}/close", {"note": "已增派人手"})
    assert done["state"] == "closed"
    assert (await chief.ok("GET", "/staff/follow-ups"))["follow_ups"] == []
    [closed] = (await chief.ok("GET", "/staff/follow-ups?state=closed"))["follow_ups"]
    assert [(note["action"], note["by"], note["note"]) for note in closed["notes"]] == [
        ("call_back", staff_id, "已致歉"), ("close", staff_id, "已增派人手"),
    ]  # fmt: skip
    assert (await rated.ok("GET", "/staff/follow-ups?state=closed"))["follow_ups"] == []
    assert (await chief.call("POST", clear, reason)).status_code == 403
    assert (await chief.call("GET", "/staff/follow-ups?state=all")).status_code == 400


async def person(city: TestCity, who: Resident) -> str:
    return str(await city.api.house.city.identity_queries.person_by_openid(who.openid))


def _today(city: TestCity) -> tuple[Any, Any]:
    day = city.clock.now().date()
    return day, day
