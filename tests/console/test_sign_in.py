"""Signing in at the console: enrolment at the first time, then password and code; refusals told in words."""

from __future__ import annotations

from datetime import timedelta

from playwright.async_api import Page, expect

from services.identity.staff import second_factor
from tests.browser import axe, picture
from tests.city import TestCity
from tests.console.conftest import CONSOLE, PASSWORD, OpenConsole, new_account, new_officer


async def give_password(page: Page, username: str, password: str = PASSWORD) -> None:
    await page.get_by_test_id("username").fill(username)
    await page.get_by_test_id("password").fill(password)
    await page.get_by_test_id("sign-in").click()


async def test_the_first_sign_in_enrols_a_second_factor_and_the_next_asks_for_it(
    city: TestCity, console: OpenConsole
) -> None:
    _, username = await new_account(city, "window_officer")
    async with console("/today") as page:
        await expect(page.get_by_role("heading", name="登录")).to_be_visible()
        await axe(page, CONSOLE)
        await picture(page, CONSOLE, "sign-in")
        await give_password(page, username)

        await expect(page.get_by_role("heading", name="绑定动态验证码")).to_be_visible()
        secret_text = (await page.get_by_test_id("totp-secret").inner_text()).replace(" ", "")
        secret = second_factor.from_text(secret_text)
        assert await page.get_by_role("img").evaluate("image => image.naturalWidth") > 100
        await axe(page, CONSOLE)
        await picture(page, CONSOLE, "enrolment")
        await page.get_by_test_id("enrol-code").fill("000000")
        await page.keyboard.press("Enter")
        await expect(page.get_by_text("动态验证码不正确或已用过")).to_be_visible()
        code = second_factor.code_at(secret, second_factor.step_at(city.clock.now()))
        await page.get_by_test_id("enrol-code").fill(code)
        await page.keyboard.press("Enter")

        codes = (await page.get_by_test_id("recovery-codes").inner_text()).split()
        assert len(set(codes)) == 10
        await axe(page, CONSOLE)
        await picture(page, CONSOLE, "recovery-codes")
        await page.get_by_test_id("recovery-kept").click()
        await expect(page.get_by_role("heading", name="今日预约")).to_be_visible()
        await page.get_by_role("button", name="退出").click()

        # The code that confirmed the enrolment was used: the next sign-in needs the next one.
        await give_password(page, username)
        await expect(page.get_by_role("heading", name="动态验证码")).to_be_visible()
        await axe(page, CONSOLE)
        await picture(page, CONSOLE, "code")
        await page.get_by_test_id("code").fill(code)
        await page.keyboard.press("Enter")
        await expect(page.get_by_test_id("sign-in-error")).to_contain_text("已用过")
        city.clock.advance(timedelta(seconds=30))
        fresh = second_factor.code_at(secret, second_factor.step_at(city.clock.now()))
        await page.get_by_test_id("code").fill(fresh)
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("heading", name="今日预约")).to_be_visible()


async def test_a_recovery_code_opens_the_console_once(city: TestCity, console: OpenConsole) -> None:
    officer = await new_officer(city, "window_officer")
    async with console() as page:
        for attempt in range(2):
            await give_password(page, officer.username)
            await page.get_by_role("button", name="使用恢复码").click()
            await page.get_by_test_id("code").fill(officer.recovery_codes[0].lower())
            await page.keyboard.press("Enter")
            if attempt == 0:
                await page.get_by_role("button", name="退出").click()
        await expect(page.get_by_test_id("sign-in-error")).to_be_visible()


async def test_a_wrong_password_is_told_in_words_and_too_many_lock(city: TestCity, console: OpenConsole) -> None:
    _, username = await new_account(city, "window_officer")
    async with console() as page:
        for _ in range(5):
            await give_password(page, username, "wrong password 123")
            await expect(page.get_by_test_id("sign-in-error")).to_contain_text("账号或密码不正确")
        await give_password(page, username)
        await expect(page.get_by_test_id("sign-in-error")).to_contain_text("15 分钟")
        await axe(page, CONSOLE)


async def test_a_session_that_ended_leads_to_the_sign_in_and_back_to_the_screen(
    city: TestCity, console: OpenConsole
) -> None:
    officer = await new_officer(city, "window_officer", "catalogue_editor")
    async with console("/catalogue", officer) as page:
        await expect(page.get_by_test_id("items")).to_be_visible()
        await city.api.house.city.staff.do_sign_out(officer.token, "127.0.0.1")
        await page.get_by_test_id("search-items").fill("身份证")
        await expect(page.get_by_text("登录已到期")).to_be_visible()
        await give_password(page, officer.username)
        await page.get_by_test_id("code").fill(officer.code())
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("heading", name="事项目录")).to_be_visible()


async def test_an_inbox_that_nobody_sits_at_ends_with_its_session_however_often_it_asks(
    city: TestCity, console: OpenConsole
) -> None:
    officer = await new_officer(city, "agent", "supervisor")
    async with console("/inbox", officer) as page:
        await expect(page.get_by_text("没有正在接待的会话")).to_be_visible()
        await page.wait_for_load_state("networkidle")
        city.clock.advance(timedelta(minutes=15))
        async with page.expect_response(lambda answer: "view=all" in answer.url) as polled:
            pass
        assert (await polled.value).status == 200
        city.clock.advance(timedelta(minutes=15))
        await expect(page.get_by_role("heading", name="登录")).to_be_visible()
        await expect(page.get_by_text("登录已到期")).to_be_visible()


async def test_nobody_sees_a_screen_that_is_not_for_their_role(city: TestCity, console: OpenConsole) -> None:
    officer = await new_officer(city, "window_officer")
    async with console("/staff", officer) as page:
        await expect(page.get_by_role("heading", name="今日预约")).to_be_visible()
        names = await page.get_by_role("navigation").get_by_role("link").all_inner_texts()
        assert [name.strip() for name in names] == ["今日预约", "办件", "居民实名", "我的账号"]
