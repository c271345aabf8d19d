"""Who asks, in clear with a reason; which item was right; who answers what and how much: each kept where it belongs."""

from __future__ import annotations

from playwright.async_api import expect

from tests.browser import axe, picture
from tests.city import ID_CARD_LOST, TestCity
from tests.console.conftest import CONSOLE, OpenConsole, new_officer
from tests.console.consultation.talking import asking, http, taken

LONG = "我家老人去年搬到环翠区以后户口一直没有迁过来现在要办老年优待证和长护险社区说要先迁户口派出所说要房产证" * 12


async def test_who_asks_is_shown_in_clear_for_a_reason_that_the_audit_keeps(
    city: TestCity, console: OpenConsole
) -> None:
    officer, auditor = await new_officer(city, "agent", name="周明"), await new_officer(city, "auditor")
    _, conversation = await taken(city, officer)
    _, second = await taken(city, officer)
    async with console(f"/inbox?c={conversation}", officer) as page:
        about = page.get_by_role("complementary", name="居民与事项")
        await expect(about).to_contain_text("****")
        await about.get_by_test_id("unmask-resident").click()
        dialog = page.get_by_role("dialog", name="查看居民的完整信息")
        await dialog.get_by_test_id("reason-go").click()
        await expect(dialog).to_contain_text("请填写原因")
        await dialog.get_by_test_id("reason").fill("看看")
        await dialog.get_by_test_id("reason-go").click()
        await expect(dialog).to_contain_text("4 到 100 字")
        await axe(page, CONSOLE)
        await picture(page, CONSOLE, "resident-unmask")
        await dialog.get_by_test_id("reason").fill("回电核对证件地址")
        await dialog.get_by_test_id("reason-go").click()
        await expect(dialog).to_have_count(0)
        await expect(about).not_to_contain_text("****")
        await axe(page, CONSOLE)
        await picture(page, CONSOLE, "resident-clear")
        # For this look alone.
        await page.get_by_test_id(f"conversation-{second}").get_by_role("button").click()
        await expect(about).to_contain_text("****")
        await page.get_by_test_id(f"conversation-{conversation}").get_by_role("button").click()
        await expect(about).to_contain_text("****")
    async with console("/audit", auditor) as page:
        line = page.get_by_test_id("audit").get_by_role("row").filter(has_text="回电核对证件地址")
        await expect(line).to_contain_text("查看居民完整信息")
        await expect(line).to_contain_text("周明")
        await expect(line).to_contain_text(conversation)
        await axe(page, CONSOLE)
        await picture(page, CONSOLE, "audit-unmask")


async def test_an_officer_says_which_item_was_right_and_it_counts_once_a_day(
    city: TestCity, console: OpenConsole
) -> None:
    officer = await new_officer(city, "agent")
    resident, conversation = await taken(city, officer, "那个小本本泡水了咋整")
    await resident.say(conversation, LONG)
    async with console(f"/inbox?c={conversation}", officer) as page:
        await expect(page.get_by_test_id("transcript")).to_contain_text(LONG[-30:])
        await axe(page, CONSOLE)
        await picture(page, CONSOLE, "inbox-long")
        for told in ("已记录", "您今天已经纠正过"):
            await page.get_by_test_id("correct").click()
            dialog = page.get_by_role("dialog", name="纠正匹配事项")
            # What was said before the bot's answer is meant, not the last that was said.
            await expect(dialog.get_by_test_id("correction-words")).to_contain_text("那个小本本泡水了咋整")
            await dialog.get_by_test_id("correction-go").click()
            await expect(dialog).to_contain_text("请选择居民的话和正确的事项")
            await dialog.get_by_text("其他事项").click()
            await dialog.get_by_test_id("item").click()
            await page.keyboard.type("居民身份证丢失补领")
            await page.get_by_role("option", name="居民身份证丢失补领").first.click()
            await axe(page, CONSOLE)
            await picture(page, CONSOLE, "inbox-correction")
            await dialog.get_by_test_id("correction-go").click()
            await expect(page.get_by_text(told)).to_be_visible()
            await expect(dialog).to_have_count(0)
    await city.api.house.city.learning.settled()
    await city.work()
    found = (await http(await new_officer(city, "catalogue_editor")).ok("GET", "/staff/learning/proposals"))[
        "proposals"
    ]
    made = next(one for one in found if one["text"] == "那个小本本泡水了咋整")
    assert (made["item"], made["corrections"]) == (ID_CARD_LOST, 1)


async def test_a_supervisor_says_what_officers_know_and_how_much_they_take(
    city: TestCity, console: OpenConsole
) -> None:
    chief, officer = await new_officer(city, "supervisor"), await new_officer(city, "agent", name="郑洁")
    await http(officer).ok("PUT", "/staff/presence", {"status": "online"})
    await taken(city, officer)
    async with console("/officers", chief) as page:
        line = page.get_by_test_id(f"officer-{officer.staff_id}")
        await expect(line).to_contain_text("在线")
        await expect(line).to_contain_text("1 / 5")
        await page.get_by_role("button", name="修改 郑洁 的技能").click()
        dialog = page.get_by_role("dialog", name="修改 郑洁 的技能")
        await dialog.get_by_test_id("skill-departments").click()
        await page.keyboard.type("市公安局")
        await page.keyboard.press("Enter")
        await page.keyboard.press("Escape")
        await dialog.get_by_text("信访举报").click()
        await dialog.get_by_text("中文").click()
        await dialog.get_by_test_id("skills-save").click()
        await expect(dialog).to_contain_text("请至少选择一种语言")
        await dialog.get_by_text("中文").click()
        await expect(dialog).not_to_contain_text("请至少选择一种语言")
        await dialog.get_by_text("手语").click()
        await dialog.get_by_label("同时接待上限").fill("1")
        await axe(page, CONSOLE)
        await picture(page, CONSOLE, "officer-skills")
        await dialog.get_by_test_id("skills-save").click()
        await expect(page.get_by_text("已保存，从下一个会话起生效")).to_be_visible()
        for words in ("1 / 1", "市公安局", "信访举报", "中文、手语"):
            await expect(line).to_contain_text(words)
        await axe(page, CONSOLE)
        await picture(page, CONSOLE, "officers")
    # They are full now.
    _, waiting = await asking(city)
    refused = await http(officer).call("POST", f"/staff/conversations/{waiting}/take")
    assert refused.json()["error"]["code"] == "OFFICER_FULL"
    await http(chief).ok("POST", f"/staff/conversations/{waiting}/take")
    async with console("/officers", officer) as page:
        await expect(page.get_by_role("heading", name="接待人员")).to_have_count(0)
