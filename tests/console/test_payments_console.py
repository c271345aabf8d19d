"""Money in the browser: a refund in part and of the rest, the books, reconciliation, an import with its report."""

from __future__ import annotations

from datetime import timedelta

from playwright.async_api import expect

from tests.browser import axe, picture
from tests.city import Resident, TestCity, until
from tests.console.conftest import CONSOLE, OpenConsole, new_officer
from tests.story.test_payments import billed, pays

HEADER = "issuer,kind,account_number,holder,title,period,amount,due_on,reference"


async def paid_bill(city: TestCity, resident: Resident) -> str:
    bill = await billed(city, resident, 10_000)
    order = (await resident.ok("POST", f"/api/bills/{bill.id}/pay", {}))["order"]
    assert await pays(city, order) == "paid"

    async def paid() -> bool:
        return str((await resident.ok("GET", f"/api/bills/{bill.id}"))["state"]) == "paid"

    await until(paid)
    return str(bill.id)


async def test_a_bill_is_refunded_in_part_and_then_the_rest(city: TestCity, console: OpenConsole) -> None:
    resident = await city.resident(phone=True)
    bill_id = await paid_bill(city, resident)
    supervisor = await new_officer(city, "supervisor", name="孙主管", centre=None)
    async with console("/payments", supervisor) as page:
        await expect(page.get_by_text("没有需要处理的支付和退款")).to_be_visible()
        await axe(page, CONSOLE)
        await picture(page, CONSOLE, "payments-empty")
        await page.keyboard.press("Alt+F")
        await page.keyboard.type(bill_id)
        await page.keyboard.press("Enter")
        await expect(page.get_by_test_id("bill-state")).to_have_text("已缴费")
        await axe(page, CONSOLE)
        await picture(page, CONSOLE, "bill")
        await page.get_by_test_id("refund").click()
        dialog = page.get_by_role("dialog")
        await dialog.get_by_text("部分退款").click()
        await page.get_by_test_id("refund-amount").locator("input").fill("100.01")
        await page.get_by_test_id("refund-reason").fill("重复缴费")
        await page.get_by_test_id("refund-go").click()
        await expect(dialog.get_by_text("不超过 100.00 元")).to_be_visible()
        await page.get_by_test_id("refund-amount").locator("input").fill("40")
        await axe(page, CONSOLE)
        await picture(page, CONSOLE, "refund")
        await page.get_by_test_id("refund-go").click()
        await expect(page.get_by_test_id("refunds")).to_contain_text("40.00 元")
        for _ in range(4):
            await city.work()
            city.clock.advance(timedelta(minutes=2))
        await page.keyboard.press("Alt+R")
        await expect(page.get_by_test_id("refunded")).to_have_text("40.00 元")
        await expect(page.get_by_test_id("bill-state")).to_have_text("部分退款")
        await page.get_by_test_id("refund").click()
        await page.get_by_test_id("refund-reason").fill("事项撤回")
        await page.get_by_test_id("refund-go").click()
        for _ in range(4):
            await city.work()
            city.clock.advance(timedelta(minutes=2))
        await page.keyboard.press("Alt+R")
        await expect(page.get_by_test_id("bill-state")).to_have_text("已退款")
        await axe(page, CONSOLE)
        await picture(page, CONSOLE, "bill-refunded")
        await page.get_by_role("link", name="返回缴费管理").click()
        await page.get_by_role("button", name="账簿核对").click()
        await expect(page.get_by_test_id("balanced")).to_be_visible()
        await axe(page, CONSOLE)
        await picture(page, CONSOLE, "books")
    assert (await resident.ok("GET", f"/api/bills/{bill_id}"))["refunded_fen"] == 10_000


async def test_an_auditor_reads_and_changes_nothing(city: TestCity, console: OpenConsole) -> None:
    resident = await city.resident(phone=True)
    bill_id = await paid_bill(city, resident)
    auditor = await new_officer(city, "auditor", centre=None)
    async with console(f"/payments/bills/{bill_id}", auditor) as page:
        await expect(page.get_by_text("您只有查看权限")).to_be_visible()
        await expect(page.get_by_test_id("refund")).to_have_count(0)
        await page.get_by_role("link", name="返回缴费管理").click()
        await expect(page.get_by_role("button", name="账单导入")).to_have_count(0)


async def test_a_file_of_bills_is_imported_or_told_what_is_wrong_with_it(city: TestCity, console: OpenConsole) -> None:
    supervisor = await new_officer(city, "supervisor", centre=None)
    good = f"{HEADER}\n威海水务,water,WH-100200300,王小明,2090年11月水费,2090-11,56.80,2090-12-20,W-2090-11-1\n"
    bad = good + "威海水务,steam,WH-100200301,王小明,水费,2090-11,五十元,2090-12-20,W-2090-11-2\n"
    async with console("/payments", supervisor) as page:
        await page.get_by_role("button", name="账单导入").click()
        await axe(page, CONSOLE)
        chooser = page.get_by_test_id("import-file")
        await chooser.set_input_files({"name": "bad.csv", "mimeType": "text/csv", "buffer": bad.encode()})
        await expect(page.get_by_test_id("import-faults").get_by_role("row")).not_to_have_count(0)
        await axe(page, CONSOLE)
        await picture(page, CONSOLE, "import-faults")
        await chooser.set_input_files({"name": "good.csv", "mimeType": "text/csv", "buffer": good.encode()})
        await expect(page.get_by_test_id("import-report")).to_contain_text("新开缴费单 1 张")
        await chooser.set_input_files({"name": "good.csv", "mimeType": "text/csv", "buffer": good.encode()})
        await expect(page.get_by_test_id("import-report")).to_contain_text("此前已导入 1 张")
        await axe(page, CONSOLE)
        await picture(page, CONSOLE, "import")
