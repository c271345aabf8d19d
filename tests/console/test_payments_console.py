"""Money in the browser: a refund in part and of the rest, the books, reconciliation, an import with its report."""

from __future__ import annotations

from datetime import timedelta

from playwright.async_api import expect

from tests.browser import axe, picture
from tests.city import Resident, TestCity, until
from tests.console.conftest import CONSOLE, OpenConsole, new_officer
from tests.simulators.wechat_pay.support import REFUND
from tests.story.test_payments import billed, deliver, genuine, pays

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


async def stuck(city: TestCity, resident: Resident) -> str:
    """An order that was paid although its bill is cancelled, and whose refund WeChat Pay has refused."""
    bill = await billed(city, resident)
    order = str((await resident.ok("POST", f"/api/bills/{bill.id}/pay", {}))["order"])
    await city.pay.control("notification_faults", kind="lose", out_trade_no=order)
    assert await pays(city, order) == "paid"
    await city.api.house.city.payments.do_cancel_bill(bill.id, "ST1", "录入有误")
    await city.pay.fault(REFUND, "refuse", errcode="PARAM_ERROR")
    await resident.ok("POST", f"/api/orders/{order}/check")
    await city.work()
    return order


async def mistold(city: TestCity, resident: Resident) -> str:
    """A paid order of which WeChat Pay has told another amount before."""
    bill = await billed(city, resident)
    order = str((await resident.ok("POST", f"/api/bills/{bill.id}/pay", {}))["order"])
    await city.pay.control("notification_faults", kind="lose", out_trade_no=order)
    assert await pays(city, order) == "paid"
    assert await deliver(city, *genuine(city, order, amount__total=1)) == 409
    await city.work()
    return order


async def test_the_list_of_troubles_is_worked_off(city: TestCity, console: OpenConsole) -> None:
    resident = await city.resident(phone=True)
    held, looked_at = await stuck(city, resident), await mistold(city, resident)
    supervisor = await new_officer(city, "supervisor", name="孙主管", centre=None)
    async with console("/payments", supervisor) as page:
        rows = page.get_by_test_id("orders").get_by_role("row")
        await expect(rows.filter(has_text=held)).to_contain_text("尚未退回 12.30 元")
        await axe(page, CONSOLE)
        await picture(page, CONSOLE, "payments-troubles")

        # What is not the city's cannot be taken off the list, it has to go back.
        await rows.filter(has_text=held).get_by_test_id("see").click()
        await page.get_by_test_id("reason").fill("已核对")
        await page.get_by_test_id("reason-go").click()
        await expect(page.get_by_role("dialog").get_by_text("还没有退回")).to_be_visible()
        await page.get_by_role("dialog").get_by_role("button", name="暂不").click()
        await rows.filter(has_text=held).get_by_test_id("return_surplus").click()
        await page.get_by_test_id("reason").fill("多付退回")
        await axe(page, CONSOLE)
        await picture(page, CONSOLE, "payments-return")
        await page.get_by_test_id("reason-go").click()
        await expect(page.get_by_test_id("refunds")).to_contain_text("多付退回")
        await expect(rows.filter(has_text=held)).to_have_count(0)

        await rows.filter(has_text=looked_at).get_by_test_id("see").click()
        await page.get_by_test_id("reason").fill("商户平台核对一致")
        await page.get_by_test_id("reason-go").click()
        await expect(rows.filter(has_text=looked_at)).to_have_count(0)
    for _ in range(4):
        await city.work()
        city.clock.advance(timedelta(minutes=2))
    queries = city.api.house.city.payment_queries
    assert not {held, looked_at} & {one.id for one in await queries.flagged()}
    assert (await queries.check_books()).differences == []
    assert (await resident.ok("GET", f"/api/orders/{held}"))["state"] == "paid"


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


async def test_an_account_is_taken_from_whoever_has_bound_it(city: TestCity, console: OpenConsole) -> None:
    resident = await city.resident(phone=True)
    line = "威海水务,water,WH-500600700,王小明,2090年11月水费,2090-11,12.30,2090-12-20,W-2090-11-R\n"
    await city.api.house.city.bill_imports.do_import(f"{HEADER}\n{line}".encode(), "ST1")
    account = {"kind": "water", "account_number": "WH-500600700", "holder": "王小明"}
    await resident.ok("POST", "/api/accounts", account)
    supervisor = await new_officer(city, "supervisor", centre=None)
    async with console("/payments", supervisor) as page:
        await page.get_by_role("button", name="账单导入").click()
        await page.get_by_test_id("account-number").fill("WH-500600701")
        await page.get_by_test_id("release").click()
        dialog = page.get_by_role("dialog")
        await expect(dialog).to_contain_text("解除水费账户 WH-500600701 的绑定")
        await page.get_by_test_id("reason").fill("原住户已搬走")
        await page.get_by_test_id("reason-go").click()
        await expect(dialog.get_by_role("alert")).to_be_visible()
        await dialog.get_by_role("button", name="暂不").click()
        await page.get_by_test_id("account-number").fill("WH-500600700")
        await page.get_by_test_id("release").click()
        await page.get_by_test_id("reason").fill("原住户已搬走")
        await axe(page, CONSOLE)
        await picture(page, CONSOLE, "release")
        await page.get_by_test_id("reason-go").click()
        await expect(page.get_by_text("已解除水费账户 WH-500600700 的绑定")).to_be_visible()
        await expect(page.get_by_test_id("account-number")).to_have_value("")
    assert (await resident.ok("GET", "/api/accounts"))["accounts"] == []
    assert (await resident.ok("GET", "/api/bills"))["bills"] == []
