"""As a resident would do it: consult -> the bot -> a person answers -> rate. The officer is a second browser."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest
from playwright.async_api import Browser, Page, expect

from kernel.worktime import WorkTime
from server import embedded
from tests.browser import build, open_page
from tests.city import TestCity, running_city
from tests.console.conftest import CONSOLE, Officer, new_officer
from tests.front.support import Phone
from tests.front.test_pages import inspect
from tests.services.files.samples import png

MakePhone = Callable[..., Awaitable[Phone]]
PAGE = "pages/consultation/index"
QUESTION = "身份证丢了怎么补办"


@pytest.fixture(scope="module")
async def front_city(
    h5: str, database_server: embedded.Embedded, valkey_server: embedded.Embedded
) -> AsyncIterator[TestCity]:
    """A city of its own that serves both fronts: its clock stays inside the working hours."""
    folders = {"h5_folder": h5, "console_folder": str(build(CONSOLE))}
    async with running_city(database_server.port, valkey_server.port, "front_consultation", **folders) as city:
        yield city


@asynccontextmanager
async def desk(browser: Browser, city: TestCity, officer: Officer) -> AsyncIterator[Page]:
    """The officer's browser, signed in and online."""
    async with open_page(browser, quiet=("Failed to load resource",)) as page:
        await page.goto(f"{city.api.url}/console/sign-in")
        await page.evaluate("t => sessionStorage.setItem('banshi.token', t)", officer.token)
        await page.goto(f"{city.api.url}/console/")
        await page.get_by_test_id("switch-presence").click()
        await expect(page.get_by_test_id("presence")).to_contain_text("在线")
        yield page


async def say(phone: Phone, text: str) -> None:
    await phone.write(phone.at("say").locator("textarea"), text)
    await phone.tap("send")


async def take_next(page: Page) -> None:
    await page.get_by_test_id("view-queue").click()
    await page.get_by_test_id("take-next").click()
    await expect(page.get_by_test_id("composer")).to_be_focused()


async def officer_says(page: Page, text: str) -> None:
    await page.get_by_test_id("composer").fill(text)
    await page.keyboard.press("Enter")


async def agreed(phone: Phone) -> None:
    await phone.page.locator(".uni-modal__btn_primary:visible").click()


@pytest.mark.parametrize("mode", ["light", "dark", "elder"])
async def test_consult_a_person_answers_and_is_rated(
    mode: str, new_phone: MakePhone, browser: Browser, front_city: TestCity
) -> None:
    phone, officer = await new_phone(mode), await new_officer(front_city, "agent", name="王芳")
    entries = phone.at("entries")
    await phone.open(PAGE)
    await say(phone, QUESTION)
    await expect(phone.at("card-link").first).to_have_text("看办事指南")
    await inspect(phone, "consultation with the bot", mode)
    await phone.tap("hand-over")
    await phone.tap("stand-in-allow")
    await expect(phone.at("place")).to_contain_text("马上轮到您")
    await inspect(phone, "consultation in the queue", mode)

    async with desk(browser, front_city, officer) as page:
        await take_next(page)
        await expect(page.get_by_test_id("transcript")).to_contain_text(QUESTION)
        await officer_says(page, "您好，带上户口簿到就近派出所就能补办。")
        await expect(entries).to_contain_text("带上户口簿")
        await expect(phone.at("place")).to_have_count(0)
        await say(phone, "要交钱吗 <b>急</b>")
        await expect(page.get_by_test_id("transcript")).to_contain_text("要交钱吗 <b>急</b>")
        await expect(phone.at("read").first).to_have_text("已读")

        # A photo, and a sentence that is taken back.
        async with phone.page.expect_file_chooser() as choosing:
            await phone.tap("send-image")
        await (await choosing.value).set_files({"name": "a.png", "mimeType": "image/png", "buffer": png(40, 30)})
        await expect(page.get_by_test_id("transcript").get_by_role("img", name="图片")).to_be_visible()
        await expect(phone.at("image")).to_have_count(1)
        await say(phone, "这句说错了")
        await expect(page.get_by_test_id("transcript")).to_contain_text("这句说错了")
        await phone.at("recall").last.click()
        await agreed(phone)
        await expect(entries).not_to_contain_text("这句说错了")
        await expect(page.get_by_test_id("transcript")).not_to_contain_text("这句说错了")
        await inspect(phone, "consultation with a person", mode)

        await phone.tap("close")
        await agreed(phone)
        await phone.at("rating").wait_for()
        await inspect(phone, "rating", mode)
        await phone.at("chip-dissatisfied").click()
        await phone.at("rating").locator('[data-testid^="tag-"]').first.click()
        await phone.fill("rating-words", "等得太久")
        await inspect(phone, "rating filled in", mode)
        await phone.tap("rate")
        await expect(phone.at("rated")).to_contain_text("谢谢")
    supervisor = await front_city.staff("supervisor")
    follow_ups = (await supervisor.ok("GET", "/staff/follow-ups"))["follow_ups"]
    kept = follow_ups[-1]
    assert (kept["level"], kept["words"], len(kept["tags"])) == ("dissatisfied", "等得太久", 1)


async def test_a_language_is_chosen_before_a_person_is_asked_for(new_phone: MakePhone, front_city: TestCity) -> None:
    phone, agent = await new_phone(), await front_city.staff("agent")
    await phone.open(PAGE)
    await phone.tap("chip-sign")
    await expect(phone.at("chip-sign")).to_have_attribute("aria-checked", "true")
    await phone.tap("hand-over")
    await phone.tap("stand-in-refuse")
    await phone.at("place").wait_for()
    await expect(phone.at("languages")).to_have_count(0)
    (waiting,) = (await agent.ok("GET", "/staff/conversations?view=queue"))["conversations"]
    assert waiting["language"] == "sign"
    await phone.tap("close")
    await agreed(phone)
    await expect(phone.at("place")).to_have_count(0)


async def test_nothing_said_without_a_network_is_lost_and_nothing_is_doubled(
    new_phone: MakePhone, browser: Browser, front_city: TestCity
) -> None:
    phone, officer = await new_phone(), await new_officer(front_city, "agent")
    await phone.open(PAGE)
    await say(phone, "人工")
    await expect(phone.at("place")).to_contain_text("马上轮到您")
    async with desk(browser, front_city, officer) as page:
        await take_next(page)
        transcript = page.get_by_test_id("transcript")
        await officer_says(page, "您好，请讲。")
        await expect(phone.at("entries")).to_contain_text("您好，请讲。")
        await phone.context.set_offline(True)
        await say(phone, "信号不好的时候说的话")
        await expect(phone.at("unsent")).to_contain_text("没有发出去")
        await inspect(phone, "consultation offline", "light")
        await officer_says(page, "这句说在断线的时候。")
        await expect(transcript).to_contain_text("这句说在断线的时候。")
        # The app is closed and opened again, with the network back: what was typed goes by itself, once.
        await phone.context.set_offline(False)
        await phone.open(PAGE)
        await expect(phone.at("entries")).to_contain_text("这句说在断线的时候。")
        await expect(phone.at("unsent")).to_have_count(0)
        await expect(transcript.get_by_text("信号不好的时候说的话")).to_have_count(1)
        await expect(phone.at("entries").get_by_text("信号不好的时候说的话")).to_have_count(1)
        await phone.tap("close")
        await agreed(phone)
        await phone.at("rating").wait_for()  # ended in the city too: nothing is left for the next story's queue
    phone.faults.clear()  # the browser complains of the requests it could not make: that was the story


@pytest.mark.parametrize("mode", ["light", "elder"])
async def test_a_complaint_told_to_the_bot_takes_a_photo_and_is_agreed_to_by_its_facts(
    mode: str, new_phone: MakePhone
) -> None:
    phone = await new_phone(mode)
    await phone.open(PAGE)
    await say(phone, "我要反映")
    await expect(phone.at("entries")).to_contain_text("请说一说发生了什么事")
    await say(phone, "路灯坏了一个月没人修")
    await expect(phone.at("entries")).to_contain_text("是在什么地方")
    async with phone.page.expect_file_chooser() as choosing:
        await phone.tap("send-image")
    await (await choosing.value).set_files({"name": "a.png", "mimeType": "image/png", "buffer": png(40, 30)})
    await expect(phone.at("image")).to_have_count(1)
    await say(phone, "环翠区新威路")
    facts = phone.at("confirm-facts")
    for fact in ("路灯坏了一个月没人修", "环翠区新威路", "1 张", "个工作日内"):
        await expect(facts).to_contain_text(fact)
    await expect(phone.at("place")).to_have_count(0)
    await inspect(phone, "consultation confirms a complaint", mode)
    await phone.at("choice").first.click()
    await expect(phone.at("entries")).to_contain_text("已提交，编号")


@pytest.mark.parametrize("mode", ["light", "dark", "elder"])
async def test_after_hours_a_question_is_left_and_answered_later(
    mode: str, new_phone: MakePhone, front_city: TestCity, monkeypatch: pytest.MonkeyPatch
) -> None:
    city, phone = front_city, await new_phone(mode)
    await phone.open(PAGE)
    await phone.at("hand-over").wait_for()
    # The city's clock stands in the morning: its office is made shut.
    shut = WorkTime(city.api.house.city.workdays, [])
    monkeypatch.setattr(city.api.house.city.consultations, "_work_time", shut)
    await phone.tap("hand-over")
    await phone.tap("stand-in-allow")
    await phone.at("form").wait_for()
    await inspect(phone, "consultation after hours", mode)
    await phone.tap("form-submit")
    await expect(phone.at("form").get_by_role("alert")).to_contain_text("请先写您的问题")
    await phone.write(phone.at("form-question").locator("textarea"), "周末能办护照吗")
    await phone.tap("form-submit")
    await phone.tap("stand-in-allow")
    await expect(phone.at("form")).to_have_count(0)
    await expect(phone.at("left")).to_contain_text("周末能办护照吗")
    await inspect(phone, "consultation form left", mode)
    # Whoever has another question asks the bot meanwhile.
    await phone.tap("again")
    await expect(phone.at("left")).to_have_count(0)
    await say(phone, QUESTION)
    await expect(phone.at("card-link").first).to_have_text("看办事指南")
    monkeypatch.undo()
    agent = await city.staff("agent")
    (form,) = (await agent.ok("GET", "/staff/conversations?view=forms"))["conversations"]
    await agent.ok("POST", f"/staff/conversations/{form['id']}/answer", {"text": "周末不办，请工作日来。"})
    await city.work()
    await phone.open("pages/account/messages")
    await expect(phone.at("inbox")).to_contain_text("您的留言已答复")
    await phone.tap("see")
    await expect(phone.at("entries")).to_contain_text("周末不办，请工作日来。")
    await expect(phone.at("left")).to_contain_text("周末能办护照吗")


@pytest.mark.parametrize("mode", ["light", "elder"])
async def test_an_answer_that_comes_while_the_resident_is_away_is_told_and_found_again(
    mode: str, new_phone: MakePhone, front_city: TestCity
) -> None:
    city, phone = front_city, await new_phone(mode)
    agent = await city.staff("agent")
    await agent.ok("PUT", "/staff/presence", {"status": "away"})
    await phone.open(PAGE)
    await say(phone, QUESTION)
    await phone.at("card-link").first.wait_for()
    await phone.tap("hand-over")
    await phone.tap("stand-in-allow")
    await phone.at("place").wait_for()
    await phone.open("pages/account/me")
    (waiting,) = (await agent.ok("GET", "/staff/conversations?view=queue"))["conversations"]
    desk_ = f"/staff/conversations/{waiting['id']}"
    await agent.ok("POST", f"{desk_}/take")
    await agent.ok("POST", f"{desk_}/messages", {"client_msg_id": "a", "text": "带上户口簿就能办。"})
    city.clock.advance(timedelta(minutes=31))
    for _ in range(3):
        await city.work()

    # The message leads back to it, over the page of the conversation that has begun since.
    await phone.open(PAGE)
    await say(phone, "你好")
    await phone.tap("to-conversations")
    await expect(phone.at("conversation")).to_have_count(2)
    await expect(phone.at("conversation").last).to_contain_text("居民身份证丢失补领")
    await expect(phone.at("conversation").last).to_contain_text("已结束")
    await inspect(phone, "earlier conversations", mode)
    await phone.at("conversation").last.click()
    await expect(phone.at("entries")).to_contain_text("带上户口簿就能办。")
    await expect(phone.at("say")).to_have_count(0)
    await phone.at("rating").wait_for()
    await expect(phone.at("reopen")).to_have_count(1)
    await inspect(phone, "an earlier conversation", mode)
    for _ in range(2):
        await phone.page.go_back()
    await expect(phone.at("entries")).to_contain_text("你好")
    await expect(phone.at("say")).to_have_count(1)
    await phone.open("pages/account/messages")
    await expect(phone.at("inbox").get_by_text("咨询的答复您还没有看")).to_have_count(1)
    await phone.tap("see")
    await expect(phone.at("entries")).to_contain_text("带上户口簿就能办。")
    # A day later it can be read, and no more.
    city.clock.advance(timedelta(hours=24, minutes=1))
    await phone.open("pages/account/me")
    await phone.tap("to-conversations")
    await phone.at("conversation").last.click()
    await expect(phone.at("entries")).to_contain_text("带上户口簿就能办。")
    await expect(phone.at("reopen")).to_have_count(0)


async def test_what_the_city_refuses_says_why(new_phone: MakePhone, front_city: TestCity) -> None:
    phone = await new_phone()
    await phone.open(PAGE)
    await say(phone, "长" * 2001)
    await expect(phone.at("problem")).to_contain_text("最多 2000 个字")
    async with phone.page.expect_file_chooser() as choosing:
        await phone.tap("send-image")
    await (await choosing.value).set_files(
        {"name": "a.png", "mimeType": "image/png", "buffer": b"<html><script>alert(1)</script></html>"}
    )
    await phone.at("problem").wait_for()
    await inspect(phone, "consultation refused", "light")
    assert front_city.api.url in phone.page.url
