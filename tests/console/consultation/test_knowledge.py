"""Canned answers, knowledge made of questions, and proposals to learn from."""

from __future__ import annotations

from playwright.async_api import expect

from tests.browser import axe, picture
from tests.city import ID_CARD_LOST, TestCity
from tests.console.conftest import CONSOLE, OpenConsole, new_officer
from tests.console.consultation.talking import http, taken


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
