"""What is written is not lost: drafts, a network or a socket that is away, a tab that crashed, images."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from playwright.async_api import expect

from kernel.errors import Unavailable
from services.consultations.store import EntryStore
from tests.browser import axe, picture
from tests.city import TestCity
from tests.console.conftest import CONSOLE, Officer, OpenConsole, new_officer
from tests.console.consultation.talking import http, taken
from tests.services.files.samples import png


async def test_drafts_and_unsent_messages_survive_and_a_lost_line_is_told(city: TestCity, console: OpenConsole) -> None:
    officer = await new_officer(city, "agent")
    resident, conversation = await taken(city, officer)
    async with console(f"/inbox?c={conversation}", officer) as page:
        composer = page.get_by_test_id("composer")
        await composer.fill("写到一半的回复")
        await page.wait_for_function("() => Object.keys(localStorage).some(k => k.startsWith('banshi.draft.talk.'))")
        await page.reload()
        await expect(composer).to_have_value("写到一半的回复")

        await page.context.set_offline(True)
        await expect(page.get_by_text("网络已断开")).to_be_visible()
        await composer.fill("断线时发的消息")
        await page.keyboard.press("Enter")
        await expect(page.get_by_test_id("outgoing")).to_contain_text("待发送")
        missed = await resident.say(conversation, "您还在吗")
        await axe(page, CONSOLE)
        await picture(page, CONSOLE, "inbox-offline")
        await page.context.set_offline(False)
        await expect(page.get_by_text("网络已断开")).to_have_count(0)
        await expect(page.get_by_test_id(f"entry-{missed['seq']}")).to_contain_text("您还在吗")
        await expect(page.get_by_test_id("outgoing")).to_have_count(0)
        await resident.entry("断线时发的消息")
        await expect(composer).to_have_value("")

        # The process says that it stops: the console comes back by itself and goes on after what it has.
        hub: Any = city.api.house.city.live.local
        hub.__self__.close()
        await resident.connect()
        await resident.resume(conversation)
        while_away = await resident.say(conversation, "还有一个问题")
        await expect(page.get_by_test_id(f"entry-{while_away['seq']}")).to_contain_text("还有一个问题")
    said = (await http(officer).ok("GET", f"/staff/conversations/{conversation}/events"))["entries"]
    assert sum(one.get("text") == "断线时发的消息" for one in said) == 1
    assert [one["seq"] for one in said] == list(range(1, len(said) + 1))


async def test_a_socket_that_does_not_come_back_is_told_and_messages_go_over_http(
    city: TestCity, console: OpenConsole
) -> None:
    officer = await new_officer(city, "agent")
    resident, conversation = await taken(city, officer)
    async with console("/account", officer) as page:
        # As behind a proxy that lets no WebSocket through.
        await page.route_web_socket("**/staff/live", lambda socket: socket.close())
        await page.goto(f"{city.api.url}/console/inbox?c={conversation}")
        await expect(page.get_by_test_id("lost")).to_contain_text("连接已断开")
        await axe(page, CONSOLE)
        await picture(page, CONSOLE, "inbox-lost")
        await page.get_by_test_id("composer").fill("没有长连接也能回复")
        await page.keyboard.press("Enter")
        await resident.entry("没有长连接也能回复")
        said = await resident.say(conversation, "收到了")
        await expect(page.get_by_test_id(f"entry-{said['seq']}")).to_contain_text("收到了", timeout=15_000)


async def test_what_waits_is_sent_after_a_reload_under_the_same_name(city: TestCity, console: OpenConsole) -> None:
    officer = await new_officer(city, "agent")
    resident, conversation = await taken(city, officer)
    async with console(f"/inbox?c={conversation}", officer) as page:
        await expect(page.get_by_test_id("composer")).to_be_visible()
        # As a crashed tab leaves it: sent, but its answer was never seen.
        name = "11111111-2222-4333-8444-555555555555"
        body = {"client_msg_id": name, "text": "只发一次"}
        await http(officer).ok("POST", f"/staff/conversations/{conversation}/messages", body)
        kept = {"client_msg_id": name, "conversation": conversation, "text": "只发一次", "file": "", "card": None}
        await page.evaluate(
            "([id, kept]) => localStorage.setItem('banshi.outbox.' + id, JSON.stringify([kept]))",
            [officer.staff_id, kept | {"refused": ""}],
        )
        await page.reload()
        await expect(page.get_by_test_id("transcript")).to_contain_text("只发一次")
        await expect(page.get_by_test_id("outgoing")).to_have_count(0)
        await page.wait_for_function("() => !Object.keys(localStorage).some(k => k.startsWith('banshi.outbox.'))")
    await resident.entry("只发一次")
    assert sum(one.get("text") == "只发一次" for one in resident.entries.values()) == 1


async def test_a_conversation_that_comes_back_is_heard_again(city: TestCity, console: OpenConsole) -> None:
    officer, other = await new_officer(city, "agent"), await new_officer(city, "agent")
    resident, conversation = await taken(city, officer)
    for one in (officer, other):
        await http(one).ok("PUT", "/staff/presence", {"status": "online"})
    transfer = f"/staff/conversations/{conversation}/transfer"
    async with console(f"/inbox?c={conversation}", officer) as page:
        await expect(page.get_by_test_id("composer")).to_be_visible()
        await http(officer).ok("POST", transfer, {"officer": other.staff_id, "note": "请接一下"})
        await expect(page.get_by_test_id("read-only")).to_be_visible()
        unheard = await resident.say(conversation, "换人了吗")
        await http(other).ok("POST", transfer, {"officer": officer.staff_id, "note": "还是您来"})
        await expect(page.get_by_test_id("composer")).to_be_visible()
        heard = await resident.say(conversation, "您回来了吗")
        for said, text in ((unheard, "换人了吗"), (heard, "您回来了吗")):
            await expect(page.get_by_test_id(f"entry-{said['seq']}")).to_contain_text(text)
        await picture(page, CONSOLE, "inbox-back")


async def test_what_is_refused_for_the_moment_goes_by_itself_over_the_open_line(
    city: TestCity, console: OpenConsole, monkeypatch: pytest.MonkeyPatch
) -> None:
    officer = await new_officer(city, "agent")
    resident, conversation = await taken(city, officer)
    async with console(f"/inbox?c={conversation}", officer) as page:
        await expect(page.get_by_test_id("composer")).to_be_visible()
        with monkeypatch.context() as away:

            async def refuse(self: EntryStore, entries: object) -> int:
                raise Unavailable

            away.setattr(EntryStore, "add", refuse)
            await page.get_by_test_id("composer").fill("数据库歇了一会儿")
            await page.keyboard.press("Enter")
            await expect(page.get_by_test_id("outgoing")).to_contain_text("数据库歇了一会儿")
        await resident.entry("数据库歇了一会儿")
        await expect(page.get_by_test_id("outgoing")).to_have_count(0)
    assert sum(one.get("text") == "数据库歇了一会儿" for one in resident.entries.values()) == 1


async def test_staff_hand_in_images_and_nothing_else(city: TestCity) -> None:
    officer, boss = await new_officer(city, "agent"), await new_officer(city, "administrator")

    async def upload(who: Officer, data: bytes, name: str = "图.png") -> tuple[int, Any]:
        headers = {"Authorization": f"Bearer {who.token}"}
        answer = await city.http.post(
            f"{city.api.url}/staff/files", files={"file": (name, data, "image/png")}, headers=headers
        )
        return answer.status_code, answer.json()

    status, kept = await upload(officer, png(5, 5))
    assert (status, kept["content_type"]) == (201, "image/png")
    again = await asyncio.gather(*(upload(officer, png(5, 5), "另一个名字.png") for _ in range(3)))
    assert {one["id"] for _, one in again} == {kept["id"]}
    status, refused = await upload(officer, b"<script>alert(1)</script>", "a.png")
    assert (status, refused["error"]["code"]) == (400, "FILE_TYPE_NOT_ALLOWED")
    status, refused = await upload(boss, png(5, 5))
    assert (status, refused["error"]["code"]) == (403, "NOT_ALLOWED")
    # Somebody else's file is not sent as one's own.
    other = await new_officer(city, "agent")
    _, conversation = await taken(city, other)
    body = {"client_msg_id": "a", "file": kept["id"]}
    answer = await http(other).call("POST", f"/staff/conversations/{conversation}/messages", body)
    assert answer.json()["error"]["code"] == "FILE_NOT_FOUND"
