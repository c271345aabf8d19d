"""Reconciliation in the browser: a day with a planted difference, and what became of it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import time, timedelta
from pathlib import Path

import pytest
from playwright.async_api import expect

from kernel.clock import local_day, local_instant
from server import embedded
from tests.browser import axe, picture
from tests.city import TestCity, running_city
from tests.console.conftest import CONSOLE, OpenConsole, new_officer
from tests.console.test_payments_console import paid_bill


@pytest.fixture
async def city(
    built: Path, database_server: embedded.Embedded, valkey_server: embedded.Embedded
) -> AsyncIterator[TestCity]:
    """A city of its own, because its clock goes on to the next day."""
    async with running_city(
        database_server.port, valkey_server.port, "console_reconciling", console_folder=str(built)
    ) as running:
        yield running


async def test_a_difference_is_found_and_resolved_with_a_note(city: TestCity, console: OpenConsole) -> None:
    day = local_day(city.clock.now())
    await paid_bill(city, await city.resident(phone=True))
    await city.pay.control("bill", kind="add_row", amount=777)
    early = await new_officer(city, "supervisor", centre=None)
    async with console("/payments", early) as page:
        await page.get_by_role("button", name="对账", exact=True).click()
        await expect(page.get_by_text("还没有对账记录")).to_be_visible()
        await axe(page, CONSOLE)
    city.clock.set(local_instant(day + timedelta(days=1), time(10, 6)))
    await city.api.house.city.reconciliation.do_wake()
    await city.api.house.city.reconciliation.do_wake()
    supervisor = await new_officer(city, "supervisor", centre=None)
    async with console("/payments", supervisor) as page:
        await page.get_by_role("button", name="对账", exact=True).click()
        row = page.get_by_test_id("days").get_by_role("row").filter(has_text=str(day))
        await expect(row).to_contain_text("1 项")
        await row.get_by_role("button", name="查看差异").click()
        detail = page.get_by_test_id("day")
        await expect(detail).to_contain_text("微信支付有收款，本系统没有")
        await expect(detail).to_contain_text("7.77 元")
        await axe(page, CONSOLE)
        await picture(page, CONSOLE, "reconciliation")
        await detail.get_by_role("button", name="处理").click()
        await page.get_by_role("dialog").get_by_text("作为长短款").click()
        await page.get_by_test_id("resolve-go").click()
        await expect(page.get_by_role("dialog").get_by_text("请填写原因")).to_be_visible()
        await page.get_by_test_id("resolve-note").fill("付款人不明，记收益")
        await axe(page, CONSOLE)
        await picture(page, CONSOLE, "resolve")
        await page.get_by_test_id("resolve-go").click()
        await expect(detail).to_contain_text("已作损益处理")
        await row.get_by_role("button", name="重新核对").click()
        await expect(row).to_contain_text("没有差异")
    books = await city.api.house.city.payment_queries.check_books(day, day + timedelta(days=1))
    assert books.balances["differences:written_off"] == -777
