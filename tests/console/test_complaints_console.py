"""Complaints in the browser: accepted and dispatched by the desk, answered by the department, closed."""

from __future__ import annotations

import re

from playwright.async_api import expect

from tests.browser import axe, picture
from tests.cases import applicant, upload
from tests.city import TestCity
from tests.console.conftest import CONSOLE, OpenConsole, new_officer

MATTER = "新威路 18 号楼下的饭店油烟直排，晚上十点以后还在营业，多次反映没有解决。"
ANSWER = "经现场核查情况属实，已责令其三日内安装油烟净化设施，并于晚九点前停止营业。"


async def test_a_complaint_is_dispatched_answered_and_closed(city: TestCity, console: OpenConsole) -> None:
    resident = await applicant(city)
    body = {"kind": "complaint", "matter": MATTER, "place": "新威路 18 号", "happened": "每天晚上", "callback": True}
    filed = await resident.ok("POST", "/api/complaints", body)
    department = next(item.content.department for item in city.api.house.city.catalogue.all())
    agent = await new_officer(city, "agent", name="周婷", centre=None)
    answerer = await new_officer(city, "approver", name="吴刚", centre=None, department=department)
    async with console("/complaints", agent) as page:
        await expect(page.get_by_test_id("complaints")).to_contain_text("待受理")
        await axe(page, CONSOLE)
        await picture(page, CONSOLE, "complaints")
        await page.get_by_role("link", name=MATTER).first.click()
        await expect(page.get_by_text("王**")).to_be_visible()
        actions = page.get_by_test_id("complaint-actions")
        await actions.get_by_role("button", name="受理", exact=True).click()
        await axe(page, CONSOLE)
        await page.get_by_test_id("choice-go").click()
        await expect(page.get_by_test_id("complaint-state")).to_have_text("待转办")
        await actions.get_by_role("button", name="转办").click()
        await page.get_by_test_id("choice").click()
        await page.get_by_role("option", name=department, exact=True).click()
        await picture(page, CONSOLE, "complaint-dispatch")
        await page.get_by_test_id("choice-go").click()
        await expect(page.get_by_test_id("complaint-state")).to_have_text("待答复")
        await axe(page, CONSOLE)
        await picture(page, CONSOLE, "complaint")
    async with console("/complaints", answerer) as page:
        await page.get_by_role("link", name=MATTER).first.click()
        await expect(page.get_by_text("诉求人信息对承办部门保密")).to_be_visible()
        await expect(page.get_by_test_id("complaint-actions").get_by_role("button")).to_have_count(0)
        await page.get_by_test_id("answer-go").click()
        await expect(page.get_by_text("请填写答复内容")).to_be_visible()
        await page.get_by_test_id("answer").fill(ANSWER)
        await page.wait_for_timeout(400)
        await page.reload()
        await expect(page.get_by_test_id("answer")).to_have_value(ANSWER)
        await axe(page, CONSOLE)
        await picture(page, CONSOLE, "complaint-answer")
        await page.get_by_test_id("answer-go").click()
        await expect(page.get_by_test_id("answer-given")).to_have_text(ANSWER)
    await resident.ok("POST", f"/api/complaints/{filed['id']}/objection", {"reason": "油烟仍然直排"})
    async with console(f"/complaints/{filed['id']}", agent) as page:
        await expect(page.get_by_test_id("complaint-state")).to_have_text("待转办")
        await expect(page.get_by_test_id("objection")).to_contain_text("油烟仍然直排")
        await axe(page, CONSOLE)
        await picture(page, CONSOLE, "complaint-objected")
        await page.get_by_test_id("answer").fill("已责令停业整改")
        await page.get_by_test_id("answer-go").click()
        await expect(page.get_by_test_id("complaint-state")).to_have_text("已答复")
        await page.get_by_test_id("complaint-actions").get_by_role("button", name="办结").click()
        await page.get_by_test_id("reason").fill("已电话回访，诉求人认可")
        await page.get_by_test_id("reason-go").click()
        await expect(page.get_by_test_id("complaint-state")).to_have_text("已办结")
    shown = await resident.ok("GET", f"/api/complaints/{filed['id']}")
    assert (shown["state"], shown["answer"], shown["first_answer"]) == ("closed", "已责令停业整改", ANSWER)


async def test_photos_are_looked_at_and_the_call_back_number_is_read_for_a_reason(
    city: TestCity, console: OpenConsole
) -> None:
    resident = await applicant(city)
    body = {"kind": "complaint", "matter": MATTER, "photos": [await upload(resident)], "callback": True}
    filed = await resident.ok("POST", "/api/complaints", body)
    agent = await new_officer(city, "agent", centre=None)
    async with console(f"/complaints/{filed['id']}", agent) as page:
        await page.get_by_test_id("photo").click()
        await expect(page.get_by_test_id("shown-file")).to_be_visible()
        await axe(page, CONSOLE)
        await page.keyboard.press("Escape")
        who = page.get_by_test_id("complainant")
        await expect(who).to_contain_text("王**")
        await page.get_by_test_id("unmask").click()
        await page.get_by_test_id("reason").fill("电话回访核实地点")
        await axe(page, CONSOLE)
        await page.get_by_test_id("reason-go").click()
        await expect(who).to_contain_text("王小明")
        await expect(who).to_contain_text(re.compile(r"1\d{10}"))
        await axe(page, CONSOLE)
        await picture(page, CONSOLE, "complaint-call-back")
        await page.get_by_role("button", name="隐藏").click()
        await expect(who).to_contain_text("王**")


async def test_the_same_matter_is_merged_and_what_is_not_the_citys_rejected(
    city: TestCity, console: OpenConsole
) -> None:
    resident, other = await applicant(city), await applicant(city)
    first, second, third = [
        await who.ok("POST", "/api/complaints", {"kind": "request", "matter": f"文化路路灯不亮，第 {index} 次反映"})
        for index, who in enumerate((resident, other, other))
    ]
    agent = await new_officer(city, "agent", centre=None)
    async with console(f"/complaints/{second['id']}", agent) as page:
        actions = page.get_by_test_id("complaint-actions")
        await actions.get_by_role("button", name="合并").click()
        await page.get_by_test_id("choice-go").click()
        await expect(page.get_by_role("dialog").get_by_text("请填写编号")).to_be_visible()
        await page.get_by_test_id("choice").fill(first["id"])
        await page.get_by_test_id("choice-go").click()
        await expect(page.get_by_test_id("complaint-state")).to_have_text("已合并")
        await expect(page.get_by_role("link", name=first["id"])).to_be_visible()
    async with console(f"/complaints/{third['id']}", agent) as page:
        await page.get_by_test_id("complaint-actions").get_by_role("button", name="不予受理").click()
        await page.get_by_test_id("reason").fill("属于司法途径解决的事项")
        await page.get_by_test_id("reason-go").click()
        await expect(page.get_by_test_id("complaint-state")).to_have_text("不予受理")
        await axe(page, CONSOLE)


async def test_a_department_without_complaints_is_told_so(city: TestCity, console: OpenConsole) -> None:
    officer = await new_officer(city, "approver", centre=None, department="没有诉求的部门")
    async with console("/complaints", officer) as page:
        await expect(page.get_by_text("没有待办的诉求")).to_be_visible()
        await axe(page, CONSOLE)
        await picture(page, CONSOLE, "complaints-empty")
