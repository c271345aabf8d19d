"""Accounts, audit and one's own account in the browser."""

from __future__ import annotations

from playwright.async_api import expect

from kernel.ids import Kind
from services.events.model import DeadLetter
from services.identity.staff import second_factor
from services.store import Event
from tests.browser import axe, picture
from tests.city import CENTRE, ID_CARD_LOST, TestCity, first_free, until
from tests.console.conftest import CONSOLE, PASSWORD, OpenConsole, new_officer


async def test_an_administrator_makes_changes_disables_and_resets_accounts(
    city: TestCity, console: OpenConsole
) -> None:
    boss = await new_officer(city, "administrator", name="系统管理员", centre=None)
    other = await new_officer(city, "window_officer", name="李明")
    async with console("/staff", boss) as page:
        await expect(page.get_by_test_id("accounts")).to_be_visible()
        await axe(page, CONSOLE)
        await picture(page, CONSOLE, "staff")
        await page.get_by_test_id("new-account").click()
        dialog = page.get_by_role("dialog")
        await dialog.get_by_test_id("account-username").fill("zhao.lei")
        await dialog.get_by_test_id("account-password").fill("short")
        await dialog.get_by_test_id("account-name").fill("赵雷")
        await dialog.get_by_text("审计员").click()
        await dialog.get_by_test_id("account-save").click()
        await expect(dialog.get_by_text("密码长度应为")).to_be_visible()
        await axe(page, CONSOLE)
        await picture(page, CONSOLE, "new-account")
        await dialog.get_by_test_id("account-password").fill("a long enough one")
        await dialog.get_by_text("系统管理员").click()
        await dialog.get_by_test_id("account-save").click()
        await expect(dialog.get_by_text("系统管理员不能兼任审计员")).to_be_visible()
        await dialog.get_by_text("系统管理员", exact=True).click()
        await dialog.get_by_test_id("account-save").click()
        await expect(page.get_by_role("row").filter(has_text="zhao.lei")).to_contain_text("审计员")

        row = page.get_by_role("row").filter(has_text=other.username)
        await row.get_by_role("button", name="重置验证码").click()
        await axe(page, CONSOLE)
        await page.get_by_test_id("reason-go").click()
        await expect(row).to_contain_text("未绑定")
        await row.get_by_role("button", name="停用").click()
        await page.get_by_test_id("reason-go").click()
        await expect(row).to_contain_text("已停用")
        own = page.get_by_role("row").filter(has_text=boss.username)
        await expect(own.get_by_role("button", name="停用")).to_have_count(0)
    assert await city.api.house.city.staff_queries.session(other.token) is None


async def test_an_auditor_reads_who_did_what_page_by_page(city: TestCity, console: OpenConsole) -> None:
    auditor = await new_officer(city, "auditor", centre=None)
    async with console("/audit", auditor) as page:
        await expect(page.get_by_test_id("audit")).to_be_visible()
        await axe(page, CONSOLE)
        await picture(page, CONSOLE, "audit")
        await page.get_by_test_id("audit").get_by_title(auditor.staff_id).first.click()
        rows = page.get_by_test_id("audit").get_by_role("row")
        await expect(rows).to_have_count(5)
        texts = [await rows.nth(n).inner_text() for n in range(1, 5)]
        assert {text.split("\t")[1] for text in texts} == {"建立账号", "登录", "申请绑定验证码", "绑定验证码"}


async def test_a_second_factor_is_changed_with_the_old_one_and_codes_are_renewed(
    city: TestCity, console: OpenConsole
) -> None:
    officer = await new_officer(city, "window_officer")
    async with console("/account", officer) as page:
        await expect(page.get_by_test_id("factor-state")).to_have_text("已绑定")
        await axe(page, CONSOLE)
        await picture(page, CONSOLE, "account")
        await page.get_by_test_id("renew").click()
        await page.get_by_test_id("own-password").fill(PASSWORD)
        await page.get_by_test_id("own-code").fill(officer.code())
        await page.get_by_test_id("own-go").click()
        codes = (await page.get_by_test_id("recovery-codes").inner_text()).split()
        assert not set(codes) & set(officer.recovery_codes)
        await axe(page, CONSOLE)
        await page.get_by_role("button", name="我已保存").click()

        await page.get_by_test_id("enrol").click()
        await page.get_by_test_id("own-password").fill(PASSWORD)
        await page.get_by_test_id("own-code").fill("123456")
        await page.get_by_test_id("own-go").click()
        await expect(page.get_by_text("动态验证码不正确")).to_be_visible()
        await axe(page, CONSOLE)
        await page.get_by_test_id("own-password").fill(PASSWORD)
        await page.get_by_test_id("own-code").fill(officer.code())
        await page.get_by_test_id("own-go").click()
        text = (await page.get_by_test_id("totp-secret").inner_text()).replace(" ", "")
        await picture(page, CONSOLE, "new-phone")
        secret = second_factor.from_text(text)
        code = second_factor.code_at(secret, second_factor.step_at(city.clock.now()))
        await page.get_by_test_id("enrol-code").fill(code)
        await page.keyboard.press("Enter")
        await page.get_by_test_id("recovery-kept").click()
        # The session that enrolled lives on.
        await expect(page.get_by_text("还有 10 个可用")).to_be_visible()


async def test_a_changed_password_ends_the_session(city: TestCity, console: OpenConsole) -> None:
    officer = await new_officer(city, "window_officer")
    async with console("/account", officer) as page:
        await page.get_by_role("button", name="修改密码").click()
        await page.get_by_test_id("own-password").fill(PASSWORD)
        await page.get_by_test_id("own-code").fill(officer.code())
        await page.get_by_test_id("own-new").fill("another long password")
        await page.get_by_test_id("own-again").fill("another lang password")
        await page.get_by_test_id("own-go").click()
        await expect(page.get_by_text("两次输入的新密码不一致")).to_be_visible()
        await page.get_by_test_id("own-again").fill("another long password")
        await page.get_by_test_id("own-go").click()
        await expect(page.get_by_role("heading", name="登录")).to_be_visible()
    assert await city.api.house.city.staff_queries.session(officer.token) is None


async def test_what_did_not_arrive_is_seen_with_its_reason_and_the_command_that_replays_it(
    city: TestCity, console: OpenConsole
) -> None:
    boss, resident = await new_officer(city, "administrator", centre=None), await city.resident()
    phone = "13900000713"
    code = (await city.wechat.control("phone", openid=resident.openid, phone=phone))["code"]
    await resident.ok("PUT", "/api/me/phone", {"code": code})
    await city.sms.control("verdict", phone=f"+86{phone}", report_status="FAIL", errmsg="MK:0001")
    body = {"item": ID_CARD_LOST, "centre": CENTRE, "start": await first_free(resident)}
    booking = await resident.ok("POST", "/api/bookings", body)
    await resident.ok("POST", f"/api/bookings/{booking['id']}/confirm")
    await city.work()
    house = city.api.house.city
    event = Event(
        id=city.api.frame.ids.new(Kind.EVENT), name="booking.confirmed", aggregate=booking["id"],
        aggregate_version=2, at=city.clock.now(), data={},
    )  # fmt: skip
    letter = DeadLetter(
        id=f"notifications/{event.id}", consumer="notifications", event=event, error="KeyError('title')", attempts=8,
        at=city.clock.now(),
    )  # fmt: skip
    await house.dead_letters.keep(letter)

    async def failed() -> bool:
        return any("MK:0001" in one.last_error for one in await house.notification_queries.failures())

    await until(failed)
    async with console("/troubles", boss) as page:
        message = page.get_by_test_id("trouble-messages").get_by_role("row").filter(has_text="MK:0001").first
        await expect(message).to_contain_text("预约成功")
        await expect(message).to_contain_text("未能送达")
        line = page.get_by_test_id("trouble-events").get_by_role("row").filter(has_text=booking["id"])
        await expect(line).to_contain_text("KeyError")
        await expect(line).to_contain_text("python -m server replay --consumer notifications")
        await axe(page, CONSOLE)
        await picture(page, CONSOLE, "troubles")
        await house.dead_letters.remove(letter.id)
        await page.get_by_role("button", name="刷新").click()
        await expect(line).to_have_count(0)
