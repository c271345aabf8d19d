"""Statistics as charts with tables, and bad ratings that are followed up."""

from __future__ import annotations

import re

from playwright.async_api import Page, expect

from tests.browser import axe, picture
from tests.city import TestCity
from tests.console.conftest import CONSOLE, Officer, OpenConsole, new_officer
from tests.console.consultation.talking import http, taken


async def rated_badly(city: TestCity, officer: Officer) -> str:
    resident, conversation = await taken(city, officer, "量子纠缠鞋垫批发在哪里办")
    await http(officer).ok(
        "POST", f"/staff/conversations/{conversation}/messages", {"client_msg_id": "a", "text": "您好"}
    )
    await http(officer).ok("POST", f"/staff/conversations/{conversation}/close")
    body = {"level": "dissatisfied", "tags": ["speed"], "words": "等了很久"}
    await resident.who.ok("POST", f"/api/conversations/{conversation}/rating", body)
    return conversation


async def test_statistics_are_charts_with_tables_and_bad_ratings_are_followed_up(
    city: TestCity, console: OpenConsole
) -> None:
    officer, chief = await new_officer(city, "agent"), await new_officer(city, "supervisor")
    conversation = await rated_badly(city, officer)
    async with console("/statistics", chief) as page:
        await expect(page.get_by_test_id("totals")).to_contain_text("咨询量")
        for name in ("咨询量", "等候时间", "首次答复时间", "满意度评价"):
            await expect(page.get_by_role("img", name=f"{name}图，数据见下方表格")).to_be_visible()
            await expect(page.get_by_role("region", name=f"{name}：查看数据").get_by_role("table")).to_be_visible()
        drawn = "c => new Set(c.getContext('2d').getImageData(0, 0, c.width, c.height).data).size"
        assert await page.locator("canvas").first.evaluate(drawn) > 20
        await expect(page.get_by_role("region", name="满意度评价：查看数据")).to_contain_text("不满意")
        await axe(page, CONSOLE)
        await picture(page, CONSOLE, "statistics")
        await page.locator("main").evaluate("m => m.scrollTo(0, m.scrollHeight)")
        await picture(page, CONSOLE, "statistics-end")

        await page.goto(f"{city.api.url}/console/follow-ups")
        await expect(page.get_by_test_id("follow-ups")).to_contain_text("等了很久")
        await axe(page, CONSOLE)
        await picture(page, CONSOLE, "follow-ups")
        await page.get_by_test_id(f"contact-{conversation}").click()
        await page.get_by_test_id("reason").fill("差评电话回访")
        await axe(page, CONSOLE)
        await page.get_by_test_id("reason-go").click()
        await expect(page.get_by_role("dialog")).to_have_count(0)
        await expect(page.get_by_test_id(f"who-{conversation}")).to_contain_text(re.compile(r"未提供姓名 · 1\d{10}"))
        await axe(page, CONSOLE)
        await follow(page, conversation, "电话回访，居民反映高峰期等候过长")
        await expect(page.get_by_text("已回访，待整改")).to_be_visible()
        await follow(page, conversation, "高峰期增加一名咨询员")
        await expect(page.get_by_text("没有待回访的差评")).to_be_visible()
        await page.get_by_test_id("follow-ups-closed").click()
        line = page.get_by_test_id("follow-ups").get_by_role("row").filter(has_text="等了很久")
        for words in ("居民反映高峰期等候过长", "高峰期增加一名咨询员", "已办结"):
            await expect(line).to_contain_text(words)
        await expect(line.get_by_role("button")).to_have_count(0)
        await axe(page, CONSOLE)
        await picture(page, CONSOLE, "follow-ups-closed")
    assert (await http(chief).ok("GET", "/staff/follow-ups"))["follow_ups"] == []


async def follow(page: Page, conversation: str, note: str) -> None:
    await page.get_by_test_id(f"follow-{conversation}").click()
    dialog = page.get_by_role("dialog")
    await dialog.get_by_test_id("reason").fill(note)
    await dialog.get_by_test_id("reason-go").click()
    await expect(dialog).to_have_count(0)
