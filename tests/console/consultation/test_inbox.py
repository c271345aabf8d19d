"""An officer's day in the inbox: take, answer, transfer, close; a supervisor sees all and answers forms."""

from __future__ import annotations

import re
from types import SimpleNamespace

from playwright.async_api import expect

from services.consultations.access import StaffCaller
from services.consultations.announcing import facts, lateness
from services.store import Event
from tests.browser import axe, picture
from tests.city import TestCity
from tests.console.conftest import CONSOLE, PASSWORD, OpenConsole, new_officer
from tests.console.consultation.talking import QUESTION, asking, call_plainly, http, taken
from tests.services.files.samples import png
from tests.talk import CONTACT, deferred


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


async def test_what_is_over_is_found_again_by_its_day_and_from_the_same_residents_next(
    city: TestCity, console: OpenConsole
) -> None:
    officer, other = await new_officer(city, "agent"), await new_officer(city, "agent")
    resident, conversation = await taken(city, officer)
    await http(officer).ok("POST", f"/staff/conversations/{conversation}/close")
    await resident.entry(event="conversation.closed")
    started = await resident.who.ok("POST", "/api/conversations", {})
    await resident.who.ok("POST", f"/api/conversations/{started['id']}/hand-over")
    await http(officer).ok("POST", f"/staff/conversations/{started['id']}/take")
    async with console("/inbox", officer) as page:
        await page.get_by_test_id("view-ended").click()
        await page.get_by_test_id(f"conversation-{conversation}").get_by_role("button").click()
        await expect(page.get_by_test_id("read-only")).to_contain_text("会话已结束")
        await axe(page, CONSOLE)
        await picture(page, CONSOLE, "inbox-ended")
        day = page.get_by_label("开始日期（不选为最近七天）")
        await day.fill("2090-11-01")
        await day.press("Enter")
        await expect(page.get_by_text("没有已结束的会话")).to_be_visible()
        await page.goto(f"{city.api.url}/console/inbox?c={started['id']}")
        about = page.get_by_role("complementary", name="居民与事项")
        await about.get_by_role("button", name=re.compile(r"^2090.11.21")).click()
        await expect(page.get_by_test_id("read-only")).to_contain_text("会话已结束")
    async with console("/inbox", other) as page:
        await page.get_by_test_id("view-ended").click()
        await expect(page.get_by_text("没有已结束的会话")).to_be_visible()


async def test_a_conversation_goes_back_to_the_queue_for_a_language_or_a_sensitive_matter(
    city: TestCity, console: OpenConsole
) -> None:
    officer = await new_officer(city, "agent")
    _, conversation = await taken(city, officer)
    async with console(f"/inbox?c={conversation}", officer) as page:
        await page.get_by_test_id("transfer").click()
        dialog = page.get_by_role("dialog", name="转接会话")
        await dialog.get_by_test_id("to-queue").click()
        await dialog.get_by_test_id("transfer-note").fill("居民使用手语，反映信访事项")
        await dialog.get_by_test_id("transfer-go").click()
        await expect(dialog).to_contain_text("至少一项")
        for field, choice in (("transfer-language", "手语"), ("transfer-topic", "信访举报")):
            await dialog.get_by_test_id(field).click()
            await page.get_by_role("option", name=choice, exact=True).click()
        await axe(page, CONSOLE)
        await picture(page, CONSOLE, "inbox-transfer-queue")
        await dialog.get_by_test_id("transfer-go").click()
        await expect(page.get_by_text("会话已转接")).to_be_visible()
    chief = await new_officer(city, "supervisor")
    [waiting] = [
        one
        for one in (await http(chief).ok("GET", "/staff/conversations?view=queue"))["conversations"]
        if one["id"] == conversation
    ]
    assert (waiting["language"], waiting["topic"]) == ("sign", "petition")
    body = {"note": "请接", "language": "la"}
    await http(chief).ok("POST", f"/staff/conversations/{conversation}/take")
    refused = await http(chief).call("POST", f"/staff/conversations/{conversation}/transfer", body)
    assert (refused.status_code, refused.json()["error"]["fields"]["field"]) == (400, "$.language")
    await http(chief).ok("POST", f"/staff/conversations/{conversation}/close")


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
        await expect(page.get_by_test_id("contact")).to_contain_text("已留")
        await page.get_by_test_id("unmask-resident").click()
        dialog = page.get_by_role("dialog", name="查看居民的完整信息")
        await dialog.get_by_test_id("reason").fill("回电答复留言")
        await dialog.get_by_test_id("reason-go").click()
        await expect(page.get_by_test_id("contact")).to_have_text(CONTACT)
        await page.get_by_test_id("form-answer").fill("请带身份证和户口簿到就近的派出所办理。")
        # The button has its colour once it may be pressed.
        await expect(page.get_by_test_id("form-send")).to_have_css("background-color", "rgb(21, 84, 173)")
        await axe(page, CONSOLE)
        await picture(page, CONSOLE, "inbox-form")
        await page.get_by_test_id("form-send").click()
        await expect(page.get_by_test_id("read-only")).to_contain_text("会话已结束")


async def test_the_shortcuts_of_the_inbox_are_listed(city: TestCity, console: OpenConsole) -> None:
    officer = await new_officer(city, "agent")
    async with console("/inbox", officer) as page:
        await expect(page.get_by_role("heading", name="在线咨询")).to_be_visible()
        await page.keyboard.press("?")
        dialog = page.get_by_role("dialog", name="键盘快捷键")
        for words in ("接待下一位", "转接当前会话", "结束当前会话", "切换接待状态"):
            await expect(dialog.get_by_text(words)).to_be_visible()
        await axe(page, CONSOLE)
        await page.keyboard.press("Escape")
        await expect(dialog).to_have_count(0)


async def test_what_was_opened_with_the_keyboard_is_closed_with_escape_and_leads_back(
    city: TestCity, console: OpenConsole
) -> None:
    officer = await new_officer(city, "agent")
    _, conversation = await taken(city, officer)
    async with console(f"/inbox?c={conversation}", officer) as page:
        for opener, title in (
            ("correct", "纠正匹配事项"),
            ("unmask-resident", "查看居民的完整信息"),
            ("close", "结束会话"),
        ):
            await page.get_by_test_id(opener).focus()
            await page.keyboard.press("Enter")
            dialog = page.get_by_role("dialog", name=title)
            await expect(dialog).to_be_visible()
            # The focus is inside, and stays there.
            for _ in range(12):
                await page.keyboard.press("Tab")
                assert await dialog.evaluate("d => d.contains(document.activeElement)"), title
            await page.keyboard.press("Escape")
            await expect(dialog).to_have_count(0)
            await expect(page.get_by_test_id(opener)).to_be_focused()
        composer = page.get_by_test_id("composer")
        await composer.fill("/")
        await expect(page.get_by_text("没有匹配的快捷回复")).to_be_visible()
        await page.keyboard.press("Escape")
        await expect(page.get_by_text("没有匹配的快捷回复")).to_have_count(0)
        await expect(composer).to_be_focused()
        await expect(composer).to_have_value("/")


async def test_a_late_conversation_is_read_from_supervision(city: TestCity, console: OpenConsole) -> None:
    officer, chief = await new_officer(city, "agent", name="王芳"), await new_officer(city, "supervisor")
    _, conversation = await taken(city, officer)
    stored = await city.api.house.city.consultation_queries.for_staff(StaffCaller("", True), conversation)
    for colour in ("yellow", "red"):
        data = facts(stored, stored.owner, "with_staff", "") | lateness([f"first_answer/{colour}/0"])
        late = Event(
            id=f"EV-{colour}-{conversation}", name="conversation.late", aggregate=conversation, aggregate_version=1,
            at=city.clock.now(), data=data,
        )  # fmt: skip
        await city.api.house.city.supervision.do_open(late)
    async with console("/supervision", chief) as page:
        rows = page.get_by_test_id("supervision").get_by_role("row").filter(has_text=conversation)
        await expect(rows).to_have_count(2)
        await expect(rows.filter(has_text="咨询答复临期")).to_contain_text("网上咨询·首次答复")
        late_row = rows.filter(has_text="咨询超时未答复")
        await expect(late_row).to_contain_text("王芳")
        await axe(page, CONSOLE)
        await late_row.get_by_role("link").click()
        await expect(page.get_by_test_id("transcript")).to_contain_text(QUESTION)
        await expect(page.get_by_test_id("read-only")).to_contain_text("由其他人员接待")
