"""A consultation officer's day in the browser: take, answer, transfer, close; canned answers, drafts, a lost network;
knowledge, learning, statistics and follow-ups."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from playwright.async_api import Page, expect

from server import embedded
from tests.browser import axe, picture
from tests.city import ID_CARD_LOST, Resident, TestCity, running_city
from tests.console.conftest import CONSOLE, PASSWORD, Officer, OpenConsole, new_officer
from tests.services.files.samples import png
from tests.talk import Screen, deferred, resident_screen

QUESTION = "身份证丢了怎么补办"


@pytest.fixture(scope="module")
async def city(
    built: Path, database_server: embedded.Embedded, valkey_server: embedded.Embedded
) -> AsyncIterator[TestCity]:
    """A city of its own: its clock stays inside the working hours."""
    folder = {"console_folder": str(built), "staff_second_factor": "required"}
    async with running_city(database_server.port, valkey_server.port, "console_consultation", **folder) as city:
        yield city


_screens: list[Screen] = []


@pytest.fixture(autouse=True)
async def hung_up() -> AsyncIterator[None]:
    """Residents' lines end with the test."""
    yield
    while _screens:
        await _screens.pop().drop()


def http(officer: Officer) -> Resident:
    return Resident(officer.city, "", officer.token)


async def asking(city: TestCity, question: str = QUESTION) -> tuple[Screen, str]:
    """A resident on the line who has asked the bot and now waits for a person."""
    screen = resident_screen(city, await city.resident(phone=True))
    _screens.append(screen)
    await screen.connect()
    conversation = str((await screen.ask(type="start"))["conversation"]["id"])
    await screen.resume(conversation)
    await screen.say(conversation, question)
    await screen.ask(type="hand_over", conversation=conversation)
    await screen.entry(event="conversation.queued")
    return screen, conversation


async def taken(city: TestCity, officer: Officer, question: str = QUESTION) -> tuple[Screen, str]:
    screen, conversation = await asking(city, question)
    await http(officer).ok("POST", f"/staff/conversations/{conversation}/take")
    return screen, conversation


async def test_a_conversation_is_taken_answered_transferred_and_closed(city: TestCity, console: OpenConsole) -> None:
    first, second = await new_officer(city, "agent", name="王芳"), await new_officer(city, "agent", name="李强")
    await http(second).ok("PUT", "/staff/presence", {"status": "online"})
    resident, conversation = await asking(city)
    async with console() as page:
        await page.get_by_test_id("username").fill(first.username)
        await page.get_by_test_id("password").fill(PASSWORD)
        await page.get_by_test_id("sign-in").click()
        await page.get_by_test_id("code").fill(first.code())
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("heading", name="在线咨询")).to_be_visible()
        await expect(page.get_by_text("没有正在接待的会话")).to_be_visible()
        await expect(page.get_by_test_id("lost")).to_have_count(0)
        await axe(page, CONSOLE)
        await picture(page, CONSOLE, "inbox-empty")
        await page.get_by_test_id("switch-presence").click()
        await expect(page.get_by_test_id("presence")).to_contain_text("在线")

        await page.get_by_test_id("view-queue").click()
        waiting = page.get_by_test_id(f"conversation-{conversation}")
        await expect(waiting).to_contain_text("第 1 位")
        await expect(waiting).to_contain_text("正常")
        await axe(page, CONSOLE)
        await picture(page, CONSOLE, "inbox-queue")
        await page.get_by_test_id("take-next").click()

        transcript, composer = page.get_by_test_id("transcript"), page.get_by_test_id("composer")
        await expect(transcript).to_contain_text(QUESTION)
        await expect(transcript).to_contain_text("智能客服接待")
        await expect(composer).to_be_focused()
        await page.keyboard.type("您好，")
        await page.keyboard.press("Shift+Enter")
        await page.keyboard.type("请问证件是在本市丢失的吗？")
        await page.keyboard.press("Enter")
        answer = await resident.entry("请问证件")
        assert answer["text"] == "您好，\n请问证件是在本市丢失的吗？"
        await expect(page.get_by_test_id("outgoing")).to_have_count(0)
        await resident.ask(type="read", conversation=conversation, seq=answer["seq"])
        mine = page.get_by_test_id(f"entry-{answer['seq']}")
        await expect(mine).to_contain_text("已读")
        await resident.send(type="typing", conversation=conversation)
        await expect(page.get_by_text("居民正在输入")).to_be_visible()

        said = await resident.say(conversation, "是的，我的手机号是 13912345678 <b>急</b>")
        told = page.get_by_test_id(f"entry-{said['seq']}")
        await expect(told).to_contain_text("<b>急</b>")
        await expect(told).not_to_contain_text("13912345678")
        await told.get_by_test_id("unmask").click()
        await page.get_by_test_id("reason").fill("核对预留手机号码")
        await page.get_by_test_id("reason-go").click()
        await expect(told).to_contain_text("13912345678")
        await axe(page, CONSOLE)
        await picture(page, CONSOLE, "inbox")

        await page.get_by_test_id("image").set_input_files(
            {"name": "示意图.png", "mimeType": "image/png", "buffer": png(40, 30)}
        )
        await expect(transcript.get_by_role("img", name="图片")).to_be_visible()
        gone = await resident.say(conversation, "这句说错了")
        await expect(transcript).to_contain_text("这句说错了")
        await resident.ask(type="recall", conversation=conversation, seq=gone["seq"])
        await expect(page.get_by_test_id(f"entry-{gone['seq']}")).to_contain_text("消息已撤回")

        await resident.say(conversation, "哪里有枪支卖")
        await expect(transcript).to_contain_text("哪里有枪支卖")
        await city.work()
        await expect(transcript).not_to_contain_text("哪里有枪支卖")
        await expect(transcript).to_contain_text("未通过内容安全检测（违法犯罪）")

        await page.keyboard.press("Alt+T")
        dialog = page.get_by_role("dialog", name="转接会话")
        await dialog.get_by_test_id("transfer-go").click()
        await expect(dialog).to_contain_text("请选择接手的人员或部门")
        await dialog.get_by_test_id("transfer-officer").click()
        await page.get_by_role("option", name="李强").click()
        await dialog.get_by_test_id("transfer-note").fill("居民咨询补领身份证，已核对手机号码")
        await axe(page, CONSOLE)
        await picture(page, CONSOLE, "inbox-transfer")
        await dialog.get_by_test_id("transfer-go").click()
        await expect(page.get_by_text("会话已转接")).to_be_visible()
        await expect(page.get_by_test_id("read-only")).to_be_visible()

    async with console(f"/inbox?c={conversation}", second) as page:
        await expect(page.get_by_text("居民咨询补领身份证，已核对手机号码")).to_be_visible()
        await expect(page.get_by_test_id("transcript")).to_contain_text("请问证件")
        await page.get_by_test_id("composer").fill("可以在就近的派出所办理。")
        await page.keyboard.press("Enter")
        await resident.entry("就近的派出所")
        await page.keyboard.press("Alt+W")
        await page.get_by_test_id("reason-go").click()
        await expect(page.get_by_test_id("read-only")).to_contain_text("会话已结束")
        await resident.entry(event="conversation.closed")
    who = resident.who
    await who.ok("POST", f"/api/conversations/{conversation}/rating", {"level": "satisfied", "tags": ["speed"]})


async def test_a_slash_opens_the_canned_answers_and_fills_their_variables(city: TestCity, console: OpenConsole) -> None:
    officer = await new_officer(city, "agent", name="赵敏")
    resident, conversation = await taken(city, officer)
    async with console("/canned-answers", officer) as page:
        await expect(page.get_by_text("还没有快捷回复")).to_be_visible()
        await page.get_by_test_id("fresh").click()
        await page.get_by_test_id("shortcut").fill("问候")
        await page.get_by_test_id("title").fill("开场问候")
        await page.get_by_test_id("text").fill("{称呼}您好，我是{大厅}的{姓名}，{地址}")
        await page.get_by_test_id("save").click()
        await expect(page.get_by_test_id("canned-error")).to_contain_text("不认识的变量")
        await axe(page, CONSOLE)
        await picture(page, CONSOLE, "canned-edit")
        await page.get_by_test_id("text").fill("{称呼}您好，我是{大厅}的{姓名}，关于{事项}：")
        await page.get_by_test_id("save").click()
        await expect(page.get_by_test_id("canned")).to_contain_text("/问候")
        await axe(page, CONSOLE)
        await picture(page, CONSOLE, "canned")

        await page.get_by_role("link", name="在线咨询").click()
        await page.get_by_test_id(f"conversation-{conversation}").get_by_role("button").click()
        composer = page.get_by_test_id("composer")
        await composer.fill("/问")
        await expect(page.get_by_role("option", name="开场问候")).to_be_visible()
        await axe(page, CONSOLE)
        await picture(page, CONSOLE, "inbox-canned")
        await page.keyboard.press("Enter")
        await expect(composer).to_have_value("市民朋友您好，我是威海市政务服务中心的赵敏，关于居民身份证丢失补领：")
        await page.keyboard.press("Enter")
        await resident.entry("我是威海市政务服务中心的赵敏")
    async with console("/canned-answers", officer) as page:
        await page.get_by_role("button", name="删除 开场问候").click()
        await page.get_by_test_id("reason-go").click()
        await expect(page.get_by_text("还没有快捷回复")).to_be_visible()


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


async def test_a_question_becomes_knowledge_and_is_suggested_with_its_source(
    city: TestCity, console: OpenConsole
) -> None:
    officer, editor = await new_officer(city, "agent"), await new_officer(city, "catalogue_editor")
    words = "孩子的身份证丢了家长可以代办补领吗"
    resident, conversation = await taken(city, officer, words)
    asked = next(seq for seq, one in resident.entries.items() if one.get("text") == words)
    async with console(f"/inbox?c={conversation}", officer) as page:
        await expect(page.get_by_text("没有找到合适的知识")).to_be_visible()
        await page.get_by_test_id(f"propose-{asked}").click()
        await expect(page.get_by_text("已提交到知识库")).to_be_visible()

    async with console("/knowledge", editor) as page:
        await page.get_by_test_id("state-proposed").click()
        await page.get_by_test_id("knowledge").get_by_role("link", name=words).click()
        await expect(page.get_by_test_id("question")).to_have_value(words)
        await page.get_by_test_id("publish").click()
        await expect(page.get_by_test_id("knowledge-error")).to_contain_text("填写答案并选择依据事项")
        await page.get_by_test_id("answer").fill("可以。由监护人陪同本人，带户口簿到派出所申请。")
        await page.get_by_test_id("phrasings").fill("小孩身份证丢了怎么办\n家长能代办孩子身份证吗")
        await page.get_by_test_id("item").click()
        await page.keyboard.type("居民身份证丢失补领")
        await page.get_by_role("option", name="居民身份证丢失补领").first.click()
        await axe(page, CONSOLE)
        await picture(page, CONSOLE, "knowledge-entry")
        await page.get_by_test_id("publish").click()
        await expect(page.get_by_text("已发布，智能客服")).to_be_visible()
        await expect(page.get_by_text("居民身份证丢失补领（第 1 版）")).to_be_visible()
        await page.get_by_role("link", name="返回列表").click()
        await page.get_by_test_id("state-published").click()
        await expect(page.get_by_test_id("knowledge")).to_contain_text(words)
        await axe(page, CONSOLE)
        await picture(page, CONSOLE, "knowledge")
    await city.work()

    async with console(f"/inbox?c={conversation}", officer) as page:
        hint = page.get_by_test_id("suggestion").first
        await expect(hint).to_contain_text("由监护人陪同本人")
        await expect(hint).to_contain_text("依据：居民身份证丢失补领（第 1 版）")
        await picture(page, CONSOLE, "inbox-suggestion")
        await page.keyboard.press("Alt+G")
        await expect(page.get_by_test_id("composer")).to_have_value(
            "可以。由监护人陪同本人，带户口簿到派出所申请。\n（依据：居民身份证丢失补领（第 1 版））"
        )
        await page.keyboard.press("Enter")
        await resident.entry("由监护人陪同本人")

    async with console("/knowledge", editor) as page:
        await page.get_by_test_id("state-published").click()
        await page.get_by_test_id("knowledge").get_by_role("link", name=words).click()
        await page.get_by_test_id("withdraw").click()
        await page.get_by_test_id("reason").fill("政策调整")
        await page.get_by_test_id("reason-go").click()
        await expect(page.get_by_text("已撤回", exact=True)).to_be_visible()


async def test_a_supervisor_sees_all_takes_over_and_answers_forms(city: TestCity, console: OpenConsole) -> None:
    officer, chief = await new_officer(city, "agent"), await new_officer(city, "supervisor")
    resident, conversation = await taken(city, officer)
    left = await deferred(SimpleNamespace(city=city, call=call_plainly), await city.resident())  # type: ignore[arg-type]
    async with console("/inbox", chief) as page:
        await page.get_by_test_id("view-all").click()
        await page.get_by_test_id(f"conversation-{conversation}").get_by_role("button").click()
        await expect(page.get_by_test_id("read-only")).to_contain_text("由其他人员接待")
        await axe(page, CONSOLE)
        await page.get_by_role("button", name="加入会话").click()
        await page.get_by_test_id("composer").fill("我是主管，一起为您处理。")
        await page.keyboard.press("Enter")
        await resident.entry("我是主管")
        await page.get_by_test_id("take-over").click()
        await page.get_by_test_id("reason-go").click()
        await expect(page.get_by_test_id("take-over")).to_have_count(0)
        await resident.entry(event="conversation.taken_over")

        await page.get_by_test_id("view-forms").click()
        await page.get_by_test_id(f"conversation-{left}").get_by_role("button").click()
        await page.get_by_test_id("form-answer").fill("请带身份证和户口簿到就近的派出所办理。")
        # The button has its colour once it may be pressed.
        await expect(page.get_by_test_id("form-send")).to_have_css("background-color", "rgb(21, 84, 173)")
        await axe(page, CONSOLE)
        await picture(page, CONSOLE, "inbox-form")
        await page.get_by_test_id("form-send").click()
        await expect(page.get_by_test_id("read-only")).to_contain_text("会话已结束")


async def call_plainly(who: Resident, route: str, path: str = "", body: Any = None, status: int = 200) -> Any:
    return await who.ok(route.split(" ")[0], path or route.split(" ")[1], body)


async def rated_badly(city: TestCity, officer: Officer) -> str:
    resident, conversation = await taken(city, officer, "量子纠缠鞋垫批发在哪里办")
    await http(officer).ok(
        "POST", f"/staff/conversations/{conversation}/messages", {"client_msg_id": "a", "text": "您好"}
    )
    await http(officer).ok("POST", f"/staff/conversations/{conversation}/close")
    body = {"level": "dissatisfied", "tags": ["speed"], "words": "等了很久"}
    await resident.who.ok("POST", f"/api/conversations/{conversation}/rating", body)
    return conversation


async def test_statistics_are_charts_with_tables_and_bad_ratings_are_followed_up(
    city: TestCity, console: OpenConsole
) -> None:
    officer, chief = await new_officer(city, "agent"), await new_officer(city, "supervisor")
    conversation = await rated_badly(city, officer)
    async with console("/statistics", chief) as page:
        await expect(page.get_by_test_id("totals")).to_contain_text("咨询量")
        for name in ("咨询量", "等候时间", "首次答复时间", "满意度评价"):
            await expect(page.get_by_role("img", name=f"{name}图，数据见下方表格")).to_be_visible()
            await expect(page.get_by_role("region", name=f"{name}：查看数据").get_by_role("table")).to_be_visible()
        drawn = "c => new Set(c.getContext('2d').getImageData(0, 0, c.width, c.height).data).size"
        assert await page.locator("canvas").first.evaluate(drawn) > 20
        await expect(page.get_by_role("region", name="满意度评价：查看数据")).to_contain_text("不满意")
        await axe(page, CONSOLE)
        await picture(page, CONSOLE, "statistics")
        await page.locator("main").evaluate("m => m.scrollTo(0, m.scrollHeight)")
        await picture(page, CONSOLE, "statistics-end")

        await page.goto(f"{city.api.url}/console/follow-ups")
        await expect(page.get_by_test_id("follow-ups")).to_contain_text("等了很久")
        await axe(page, CONSOLE)
        await picture(page, CONSOLE, "follow-ups")
        await follow(page, conversation, "电话回访，居民反映高峰期等候过长")
        await expect(page.get_by_text("已回访，待整改")).to_be_visible()
        await follow(page, conversation, "高峰期增加一名咨询员")
        await expect(page.get_by_text("没有待回访的差评")).to_be_visible()
    assert (await http(chief).ok("GET", "/staff/follow-ups"))["follow_ups"] == []


async def follow(page: Page, conversation: str, note: str) -> None:
    await page.get_by_test_id(f"follow-{conversation}").click()
    await page.get_by_test_id("reason").fill(note)
    await page.get_by_test_id("reason-go").click()
    await expect(page.get_by_role("dialog")).to_have_count(0)


async def test_a_learning_proposal_shows_its_effect_before_it_is_accepted(city: TestCity, console: OpenConsole) -> None:
    officer, editor = await new_officer(city, "agent"), await new_officer(city, "catalogue_editor")
    for text in ("那个红本本掉沟里了", "家里老证件找不着啦"):
        await http(officer).ok("POST", "/staff/learning/corrections", {"item": ID_CARD_LOST, "text": text})
    await city.api.house.city.learning.settled()
    await city.work()
    async with console("/learning", editor) as page:
        table = page.get_by_test_id("proposals")
        await expect(table).to_contain_text("那个红本本掉沟里了")
        await axe(page, CONSOLE)
        await picture(page, CONSOLE, "learning")
        await page.get_by_role("button", name="查看影响：那个红本本掉沟里了").click()
        await expect(page.get_by_test_id("effect")).to_be_visible(timeout=60_000)
        await axe(page, CONSOLE)
        await picture(page, CONSOLE, "learning-effect")
        if await page.get_by_test_id("accept-reason").count():
            await page.get_by_test_id("accept-reason").fill("居民常用的说法")
        await page.get_by_test_id("accept").click()
        await expect(page.get_by_text("已采纳。")).to_be_visible()
        await page.get_by_role("button", name="驳回：家里老证件找不着啦").click()
        await page.get_by_test_id("reason").fill("说法太泛")
        await page.get_by_test_id("reason-go").click()
        await expect(page.get_by_text("没有这个状态的建议")).to_be_visible()


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


async def test_the_shortcuts_of_the_inbox_are_listed(city: TestCity, console: OpenConsole) -> None:
    officer = await new_officer(city, "agent")
    async with console("/inbox", officer) as page:
        await expect(page.get_by_role("heading", name="在线咨询")).to_be_visible()
        await page.keyboard.press("?")
        dialog = page.get_by_role("dialog", name="键盘快捷键")
        for words in ("接待下一位", "转接当前会话", "结束当前会话", "切换接待状态"):
            await expect(dialog.get_by_text(words)).to_be_visible()
        await axe(page, CONSOLE)
