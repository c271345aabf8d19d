"""A day at the counter, in the browser: check in, call, finish, no-show, cancel; offline; by keyboard."""

from __future__ import annotations

from datetime import datetime, timedelta

from playwright.async_api import expect

from kernel.clock import local_day
from tests.browser import axe, picture
from tests.city import CENTRE, ID_CARD_LOST, TestCity, first_free
from tests.console.conftest import CONSOLE, OpenConsole, new_officer


async def bookings_today(city: TestCity, count: int) -> list[str]:
    """Ids of confirmed bookings of the first bookable day; moves the clock past its time."""
    ids = []
    start = ""
    for _ in range(count):
        resident = await city.resident()
        start = start or await first_free(resident, days=0)
        body = {"item": ID_CARD_LOST, "centre": CENTRE, "start": start}
        booking = await resident.ok("POST", "/api/bookings", body)
        await resident.ok("POST", f"/api/bookings/{booking['id']}/confirm")
        ids.append(booking["id"])
    city.clock.set(max(city.clock.now(), datetime.fromisoformat(start) + timedelta(minutes=20)))
    assert start[:10] == local_day(city.clock.now()).isoformat()
    return ids


async def test_a_resident_is_taken_from_the_door_to_the_end(city: TestCity, console: OpenConsole) -> None:
    first, second, third = await bookings_today(city, 3)
    officer = await new_officer(city, "window_officer")
    household = next(c for c in city.api.house.city.centres.get(CENTRE).counters if c.kind == "household")
    async with console("/today", officer) as page:
        table = page.get_by_test_id("bookings")
        await expect(table.get_by_role("row")).to_have_count(4)
        await axe(page, CONSOLE)

        field = page.get_by_test_id("check-in-code")
        await page.keyboard.press("Alt+C")
        await expect(field).to_be_focused()
        await page.keyboard.type(first[:-1] + ("0" if first[-1] != "0" else "1"))
        await page.keyboard.press("Enter")
        await expect(page.get_by_test_id("check-in-error")).to_be_visible()
        await field.fill(" ".join((first.lower()[:9], first.lower()[9:])))
        await page.keyboard.press("Enter")
        await expect(page.get_by_test_id("arrived")).to_be_visible()
        await expect(field).to_be_focused()
        await picture(page, CONSOLE, "today-checked-in")

        await page.get_by_test_id("window").click()
        await page.get_by_role("option", name=household.windows[0]).first.click()
        await page.keyboard.press("Alt+N")
        row = page.get_by_test_id(f"booking-{first}")
        await expect(row).to_contain_text("正在办理")
        await axe(page, CONSOLE)
        await picture(page, CONSOLE, "today")

        await row.get_by_role("button", name="收费").click()
        await expect(page.get_by_test_id("charge-total")).to_have_text("40.00 元")
        await expect(page.get_by_test_id("charged-before")).to_have_count(0)
        await axe(page, CONSOLE)
        await page.get_by_test_id("charge-go").click()
        await expect(page.get_by_text("已发出缴费单，并通知居民。")).to_be_visible()
        await row.get_by_role("button", name="收费").click()
        await expect(page.get_by_test_id("charged-before")).to_contain_text("待缴费")
        await picture(page, CONSOLE, "charge-at-the-counter")
        await page.get_by_role("button", name="取消").last.click()
        await expect(page.get_by_test_id("charge-go")).to_be_hidden()
        await row.get_by_role("button", name="办结").click()
        await expect(row).to_have_count(0)

        await page.get_by_test_id(f"booking-{second}").get_by_role("button", name="未到").click()
        await axe(page, CONSOLE)
        await page.get_by_test_id("reason-go").click()
        await page.get_by_test_id(f"booking-{third}").get_by_role("button", name="取消").click()
        dialog = page.get_by_role("dialog")
        await dialog.get_by_test_id("reason-go").click()
        await expect(dialog.get_by_text("请填写原因")).to_be_visible()
        await dialog.get_by_test_id("reason").fill("窗口设备检修")
        await picture(page, CONSOLE, "cancel")
        await dialog.get_by_test_id("reason-go").click()
        await expect(page.get_by_text("待办已全部处理")).to_be_visible()
        await axe(page, CONSOLE)
        await page.get_by_role("button", name="已结束").click()
        await expect(table.get_by_role("row")).to_have_count(4)
    [bill] = (await city.api.house.city.booking_fees.fees(first, CENTRE))[1]
    assert (bill.amount_fen, bill.state) == (4000, "open")
    stored = [await city.api.house.city.bookings.get(one) for one in (first, second, third)]
    assert [one.state for one in stored if one] == ["done", "no_show", "cancelled"]
    assert stored[2] is not None
    assert stored[2].history[-1].note == "窗口设备检修"


async def test_a_lost_network_is_told_at_once_and_nothing_is_lost(city: TestCity, console: OpenConsole) -> None:
    officer = await new_officer(city, "window_officer")
    async with console("/today", officer) as page:
        await expect(page.get_by_role("heading", name="今日预约")).to_be_visible()
        await page.context.set_offline(True)
        await expect(page.get_by_text("网络已断开")).to_be_visible()
        await page.get_by_test_id("check-in-code").fill("BK123")
        await page.keyboard.press("Enter")
        await expect(page.get_by_test_id("check-in-error")).to_contain_text("连接不上服务器")
        await axe(page, CONSOLE)
        await picture(page, CONSOLE, "offline")
        await page.context.set_offline(False)
        await expect(page.get_by_text("网络已断开")).to_have_count(0)
        await expect(page.get_by_test_id("check-in-code")).to_have_value("BK123")


async def test_a_day_without_bookings_says_what_will_come(city: TestCity, console: OpenConsole) -> None:
    other = next(one.code for one in city.api.house.city.centres.all() if one.code != CENTRE)
    officer = await new_officer(city, "window_officer", centre=other)
    async with console("/today", officer) as page:
        await expect(page.get_by_text("这一天没有预约")).to_be_visible()
        await picture(page, CONSOLE, "today-empty")


async def test_the_keyboard_reaches_the_content_and_the_list_of_shortcuts(city: TestCity, console: OpenConsole) -> None:
    officer = await new_officer(city, "window_officer")
    async with console("/today", officer) as page:
        await expect(page.get_by_role("heading", name="今日预约")).to_be_visible()
        await page.evaluate("document.activeElement.blur()")
        await page.keyboard.press("Tab")
        await expect(page.get_by_role("link", name="跳到正文")).to_be_focused()
        await page.keyboard.press("Enter")
        await expect(page.locator("main")).to_be_focused()
        await page.keyboard.press("?")
        dialog = page.get_by_role("dialog", name="键盘快捷键")
        await expect(dialog.get_by_text("叫下一位")).to_be_visible()
        await axe(page, CONSOLE)
        await picture(page, CONSOLE, "shortcuts")
        await page.keyboard.press("Escape")
        await expect(dialog).to_be_hidden()
        await page.keyboard.press("Alt+4")
        await expect(page.get_by_role("heading", name="我的账号")).to_be_visible()
