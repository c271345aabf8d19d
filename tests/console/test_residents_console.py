"""An identity put right in the browser: the number found, the account freed of it, the number free."""

from __future__ import annotations

from playwright.async_api import expect

from tests.browser import axe, picture
from tests.cases import applicant, id_number
from tests.city import TestCity
from tests.console.conftest import CONSOLE, OpenConsole, new_officer


async def test_a_number_is_found_and_freed_at_the_window(city: TestCity, console: OpenConsole) -> None:
    number = id_number()
    await applicant(city, number)
    owner = await city.resident(phone=True)
    officer = await new_officer(city, "window_officer")
    async with console("/residents", officer) as page:
        await page.get_by_test_id("resident-find").click()
        await expect(page.get_by_test_id("resident-error")).to_contain_text("请填写 18 位身份证号码")
        await page.get_by_test_id("resident-number").fill(number)
        await page.get_by_test_id("resident-reason").fill("看")
        await page.get_by_test_id("resident-find").click()
        await expect(page.get_by_test_id("resident-error")).to_contain_text("请写明原因")
        await page.get_by_test_id("resident-reason").fill("原微信已停用，核对身份证原件")
        await page.get_by_test_id("resident-find").click()
        result = page.get_by_test_id("resident-result")
        await expect(result).to_contain_text("王**")
        await expect(result).not_to_contain_text(number)
        await axe(page, CONSOLE)
        await picture(page, CONSOLE, "residents")
        await page.get_by_test_id("resident-release").click()
        await expect(page.get_by_role("dialog")).to_contain_text("账号退出登录")
        await axe(page, CONSOLE)
        await page.get_by_test_id("reason").fill("本人更换微信，已核对身份证原件")
        await page.get_by_test_id("reason-go").click()
        await expect(result).to_contain_text("没有账号以这个号码实名")
        await axe(page, CONSOLE)
        await picture(page, CONSOLE, "residents-released")
    mine = {"name": "王小明", "id_number": number}
    assert (await owner.ok("PUT", "/api/me/identity", mine))["level"] == 2
