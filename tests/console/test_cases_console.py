"""Cases in the browser: from the queue over a supplement and departments in parallel to the result in hand."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import msgspec
import segno
from playwright.async_api import Page, expect

from services.catalogue import application
from services.catalogue.model import ItemContent
from tests.browser import axe, picture
from tests.cases import (
    ANSWERS,
    FIRE,
    ITEM,
    LEADING,
    MATERIALS,
    PHOTO,
    PLANNING,
    applicant,
    id_number,
    papers,
    publish,
    submitted,
)
from tests.cases import (
    picture as image,
)
from tests.city import CENTRE, ID_CARD_LOST, Resident, TestCity
from tests.console.conftest import CONSOLE, Officer, OpenConsole, new_officer


async def department(city: TestCity, name: str) -> Officer:
    return await new_officer(city, "approver", name=f"{name}审批员", centre=None, department=name)


async def act(page: Page, name: str) -> None:
    """One of the open actions of a case."""
    await page.get_by_test_id("case-actions").get_by_role("button", name=name, exact=True).click()


async def state(page: Page, words: str) -> None:
    await expect(page.get_by_test_id("case-state")).to_have_text(words)


async def stored(city: TestCity, case_id: str) -> Any:
    case = await city.api.house.city.case_store.get(case_id)
    assert case is not None
    return case


async def upload_pdf(resident: Resident) -> str:
    """A one-page PDF of the resident's own."""
    out = io.BytesIO()
    segno.make("场所平面图").save(out, kind="pdf", scale=6)
    form = {"file": ("plan.pdf", out.getvalue(), "application/pdf")}
    headers = {"Authorization": f"Bearer {resident.token}"}
    answer = await resident.city.http.post(f"{resident.city.api.url}/api/files", files=form, headers=headers)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


async def opinion(console: OpenConsole, officer: Officer, case_id: str, task: str, words: str) -> None:
    """A department takes its task and agrees."""
    async with console("/cases", officer) as page:
        await page.get_by_test_id(f"queue-{case_id}").get_by_role("button", name="打开").click()
        box = page.get_by_test_id(f"task-{task}")
        await box.get_by_role("button", name="领取").click()
        await expect(box).to_contain_text("审批中")
        if task == "plan":
            await box.get_by_role("button", name="退回环节").click()
            await page.get_by_test_id("reason").fill("领错了")
            await page.get_by_test_id("reason-go").click()
            await expect(box).to_contain_text("待领取")
            await expect(page.get_by_test_id("history")).to_contain_text("退回审批环节")
            await box.get_by_role("button", name="领取").click()
            await expect(box).to_contain_text("审批中")
        await box.get_by_role("button", name="填写意见").click()
        await page.get_by_test_id("opinion").fill(words)
        if task == "fire":
            await page.wait_for_timeout(400)
            await page.reload()
            await page.get_by_test_id("task-fire").get_by_role("button", name="填写意见").click()
            await expect(page.get_by_test_id("opinion")).to_have_value(words)
            await axe(page, CONSOLE)
            await picture(page, CONSOLE, "case-opinion")
        await page.get_by_test_id("opinion-go").click()
        await expect(box).to_contain_text("同意")
        await expect(box).to_contain_text(words)


async def test_a_case_goes_from_the_queue_to_the_result_in_hand(city: TestCity, console: OpenConsole) -> None:
    await publish(city)
    resident = await applicant(city)
    case_id = (await submitted(resident, delivery="post", address="威海市环翠区新威路 2 号"))["case_id"]
    window = await new_officer(city, "window_officer", name="李明")
    async with console("/cases", window) as page:
        row = page.get_by_test_id(f"queue-{case_id}")
        await expect(row).to_contain_text("待受理")
        await axe(page, CONSOLE)
        await picture(page, CONSOLE, "case-queue")
        await row.get_by_role("button", name="领取").click()
        await state(page, "待受理")
        await expect(page.get_by_test_id("owner")).to_have_text("我")
        await axe(page, CONSOLE)
        await picture(page, CONSOLE, "case-submitted")

        number = page.get_by_test_id("party").locator("dd").nth(1)
        await expect(number).to_contain_text("*")
        await page.get_by_test_id("unmask").click()
        for reason, told in (("", "请填写原因"), ("看看", "4 到 100 字")):
            await page.get_by_test_id("reason").fill(reason)
            await page.get_by_test_id("reason-go").click()
            await expect(page.get_by_role("dialog").get_by_role("alert")).to_contain_text(told)
        await page.get_by_test_id("reason").fill("电话核对申请人身份")
        await page.get_by_test_id("reason-go").click()
        await expect(page.get_by_text("本次查看已记入审计")).to_be_visible()
        await expect(number).not_to_contain_text("*")
        await axe(page, CONSOLE)
        await page.get_by_role("button", name="重新隐藏").click()
        await expect(number).to_contain_text("*")
        await expect(page.get_by_test_id("case-file").first).to_contain_text("PNG 1 KB")
        await page.get_by_test_id("materials").get_by_role("button", name=f"{PHOTO} · 文件 1").click()
        await expect(page.get_by_test_id("shown-file")).to_be_visible()
        await axe(page, CONSOLE)
        await picture(page, CONSOLE, "case-file")
        await page.keyboard.press("Escape")

        # What is ticked and written survives a reload.
        await act(page, "告知补正")
        await page.get_by_test_id("missing").get_by_text(PHOTO).click()
        await page.get_by_test_id("missing-other").fill("场所平面图")
        await page.wait_for_timeout(400)
        await page.reload()
        await act(page, "告知补正")
        await expect(page.get_by_test_id("missing-other")).to_have_value("场所平面图")
        await axe(page, CONSOLE)
        await picture(page, CONSOLE, "case-notice")
        await page.get_by_test_id("notice-go").click()
        await state(page, "待补正（受理前）")

    supplement = {"materials": {PHOTO: [await upload_pdf(resident)]}}
    await resident.ok("POST", f"/api/cases/{case_id}/supplement", supplement)
    async with console(f"/cases/{case_id}", window) as page:
        await page.get_by_test_id("materials").get_by_role("button", name=f"{PHOTO} · 文件 1").click()
        await expect(page.frame_locator("iframe").locator("embed, body").first).to_be_attached()
        await picture(page, CONSOLE, "case-pdf")
        await page.get_by_role("dialog").get_by_role("button", name="关闭").click()
        await act(page, "告知补正")
        await page.get_by_test_id("missing").get_by_text(PHOTO).click()
        await page.get_by_test_id("notice-go").click()
        await expect(page.get_by_role("dialog").get_by_text("请填写原因")).to_be_visible()
        await picture(page, CONSOLE, "case-second-notice")
        await page.get_by_role("dialog").get_by_role("button", name="取消").click()
        await act(page, "受理")
        await page.get_by_test_id("reason-go").click()
        await state(page, "审批中")
        await act(page, "暂停计时")
        await page.get_by_test_id("reason").fill("现场勘验")
        await page.get_by_test_id("reason-go").click()
        await state(page, "已暂停")
        await expect(page.get_by_test_id("clock").first).to_contain_text("已暂停")
        await act(page, "恢复计时")
        await state(page, "审批中")
        await expect(page.get_by_text("2 个环节并联办理")).to_be_visible()

    fire, planning, leading = [await department(city, name) for name in (FIRE, PLANNING, LEADING)]
    await opinion(console, fire, case_id, "fire", "现场检查合格")
    await opinion(console, planning, case_id, "plan", "符合规划")
    await opinion(console, leading, case_id, "final", "材料齐全")
    async with console(f"/cases/{case_id}", leading) as page:
        await act(page, "作出决定")
        await page.get_by_test_id("opinion").fill("准予开业")
        await page.get_by_test_id("opinion-go").click()
        await state(page, "已准予，待制证")
        await act(page, "登记结果")
        await expect(page.get_by_test_id("result-name")).to_have_value("联合许可决定书")
        await page.get_by_test_id("result-number").fill("威审许〔2090〕1号")
        scan = {"name": "licence.png", "mimeType": "image/png", "buffer": image()}
        await page.get_by_role("dialog").locator("input[type=file]").set_input_files(scan)  # type: ignore[arg-type]
        await expect(page.get_by_role("dialog").get_by_text("licence.png")).to_be_visible()
        await axe(page, CONSOLE)
        await picture(page, CONSOLE, "case-result")
        await page.get_by_test_id("result-go").click()
        await state(page, "待发放")
        await axe(page, CONSOLE)
        await picture(page, CONSOLE, "case-ready")
        # A number was mistyped; the file stays.
        await act(page, "更正结果")
        await page.get_by_test_id("result-number").fill("威审许〔2090〕2号")
        await page.get_by_test_id("result-go").click()
        await expect(page.get_by_role("dialog").get_by_role("alert")).to_contain_text("请填写")
        await page.get_by_test_id("correct-note").fill("文号有误")
        await axe(page, CONSOLE)
        await picture(page, CONSOLE, "case-correction")
        await page.get_by_test_id("result-go").click()
        await expect(page.get_by_test_id("history")).to_contain_text("更正办理结果")
        await page.get_by_test_id("result-file").click()
        await expect(page.get_by_test_id("shown-file")).to_be_visible()

    async with console(f"/cases/{case_id}", window) as page:
        await act(page, "发放结果")
        await page.get_by_test_id("issue-go").click()
        await expect(page.get_by_role("dialog").get_by_text("请填写运单号")).to_be_visible()
        await page.get_by_test_id("tracking").fill("SF1234567890")
        await axe(page, CONSOLE)
        await page.get_by_test_id("issue-go").click()
        await state(page, "已发放")
        await expect(page.get_by_test_id("history")).to_contain_text(f"{FIRE}审批员")
        await picture(page, CONSOLE, "case-issued")
    case = await stored(city, case_id)
    assert case.state == "issued"
    assert case.handover.tracking == "SF1234567890"
    assert case.result.file
    assert case.result.number == "威审许〔2090〕2号"
    assert case.notices[0].missing == [PHOTO, "场所平面图"]


async def test_an_officer_finds_what_waits_for_its_applicant_and_goes_on_without_it(
    city: TestCity, console: OpenConsole
) -> None:
    await publish(city)
    case_id = (await submitted(await applicant(city)))["case_id"]
    window = await new_officer(city, "window_officer", name="李明")
    for step, body in (("accept", None), ("notices", {"missing": ["场所平面图"]})):
        await Resident(city, window.staff_id, window.token).ok("POST", f"/staff/cases/{case_id}/{step}", body)
    async with console("/cases", window) as page:
        await page.get_by_role("button", name="我负责的", exact=True).click()
        row = page.get_by_test_id(f"queue-{case_id}")
        await expect(row).to_contain_text("待补正（审批中）")
        await expect(row).to_contain_text("前补正")
        await row.get_by_role("button", name="打开").click()
        await expect(page.get_by_text("前补齐")).to_be_visible()
        await expect(page.get_by_test_id("proceed")).to_have_count(0)
        # The clock is everybody's: the day of the notice is put back.
        cases = city.api.house.database["cases"]
        await cases.update_one({"_id": case_id}, {"$set": {"notices.0.until": "2090-11-20"}})
        await page.get_by_role("link", name="返回队列").click()
        await expect(row).to_contain_text("补正期限 2090-11-20 已过")
        await axe(page, CONSOLE)
        await picture(page, CONSOLE, "case-queue-mine")
        await row.get_by_role("button", name="打开").click()
        await page.get_by_test_id("proceed").click()
        await page.get_by_test_id("reason").fill("已电话提醒，申请人表示无法补齐")
        await axe(page, CONSOLE)
        await picture(page, CONSOLE, "case-proceed")
        await page.get_by_test_id("reason-go").click()
        await state(page, "审批中")
        await expect(page.get_by_test_id("history")).to_contain_text("逾期未补正，继续办理")


async def test_an_officer_applies_for_a_resident_at_the_window(city: TestCity, console: OpenConsole) -> None:
    await publish(city)
    window = await new_officer(city, "window_officer", name="李明")
    other = await new_officer(city, "window_officer", name="赵雷")
    number = id_number()
    phone = (await papers(await applicant(city, number)))["phone"]
    async with console("/cases", window) as page:
        await page.get_by_test_id("apply").click()
        field = page.get_by_test_id("choose-item").locator("input")
        await field.fill("公众聚集场所")
        await page.get_by_role("option", name="公众聚集场所开业联合许可").click()
        await page.get_by_test_id("applicant-name").fill("王小明")
        await page.get_by_test_id("applicant-id").fill("371002198002290000")
        await page.get_by_test_id("applicant-phone").fill(phone)
        await page.get_by_test_id("answer-place").locator("input").fill(str(ANSWERS["place"]))
        await page.get_by_test_id("answer-area").locator("input").fill("120")
        await page.get_by_test_id("answer-food").get_by_text("否", exact=True).click()
        await page.get_by_test_id("seen").locator("label").filter(has_text=MATERIALS[0]).click()
        await page.wait_for_timeout(400)
        await page.reload()
        await expect(page.get_by_test_id("answer-place").locator("input")).to_have_value(str(ANSWERS["place"]))
        await axe(page, CONSOLE)
        await page.get_by_test_id("apply-go").click()
        await expect(page.get_by_test_id("apply-error")).to_be_visible()
        await picture(page, CONSOLE, "case-apply")
        await page.get_by_test_id("applicant-id").fill(number)
        await page.get_by_test_id("apply-go").click()
        await state(page, "待受理")
        case_id = page.url.rsplit("/", 1)[1].partition("?")[0]
        # What the applicant takes home; on paper nothing else of the page.
        facts = page.get_by_test_id("receipt-facts")
        receipt = await stored(city, case_id)
        await expect(facts).to_contain_text(str(receipt.number))
        await expect(facts).to_contain_text(receipt.query_code)
        await axe(page, CONSOLE)
        await picture(page, CONSOLE, "case-receipt")
        await page.emulate_media(media="print")
        await expect(page.get_by_test_id("receipt-print")).to_be_hidden()
        await expect(page.get_by_test_id("case-actions")).to_be_hidden()
        await expect(facts).to_be_visible()
        await page.emulate_media(media="screen")
        await page.get_by_role("button", name="关闭", exact=True).click()
        await act(page, "收费")
        await expect(page.get_by_test_id("charge-total")).to_have_text("10.00 元")
        await axe(page, CONSOLE)
        await picture(page, CONSOLE, "case-charge")
        await page.get_by_test_id("charge-go").click()
        await expect(page.get_by_text("已发出缴费单，并通知申请人")).to_be_visible()
        await expect(page.get_by_test_id("case-bill")).to_contain_text("10.00")
        await expect(page.get_by_test_id("case-bill")).to_contain_text("待缴费")
        await act(page, "移交")
        await page.get_by_test_id("hand-over-to").click()
        await page.get_by_role("option", name="赵雷").first.click()
        await page.get_by_test_id("hand-over-note").fill("材料已核对，待受理")
        await axe(page, CONSOLE)
        await page.get_by_test_id("hand-over-go").click()
        await expect(page.get_by_text("首问负责人是赵雷")).to_be_visible()
        assert await page.evaluate("sessionStorage.getItem('banshi.draft.apply')") is None
        assert await page.evaluate("Object.keys(localStorage).filter(k => k.includes('apply')).length") == 0
    case = await stored(city, case_id)
    assert (case.item, case.centre, case.channel) == (ITEM, CENTRE, "window")
    assert [m.state for m in case.materials if m.name == MATERIALS[0]] == ["original_seen"]
    assert case.owner != window.staff_id
    assert other.staff_id


async def test_an_empty_queue_and_an_unknown_number_say_what_to_do(city: TestCity, console: OpenConsole) -> None:
    empty = next(one.code for one in city.api.house.city.centres.all() if one.code != CENTRE)
    window = await new_officer(city, "window_officer", centre=empty)
    async with console("/cases", window) as page:
        await expect(page.get_by_text("窗口没有待办的办件")).to_be_visible()
        await page.keyboard.press("Alt+F")
        await page.keyboard.type("WH20901121-00000000")
        await page.keyboard.press("Enter")
        await expect(page.get_by_test_id("find-error")).to_be_visible()
        await axe(page, CONSOLE)
        await picture(page, CONSOLE, "case-queue-empty")
    supervisor = await new_officer(city, "supervisor", centre=None)
    async with console("/cases", supervisor) as page:
        await page.get_by_role("button", name="部门", exact=True).click()
        await expect(page.get_by_text("请选择要查看的服务大厅或部门")).to_be_visible()
        await axe(page, CONSOLE)


async def test_a_supervisor_acknowledges_and_closes_what_needs_looking_at(city: TestCity, console: OpenConsole) -> None:
    await publish(city)
    resident = await applicant(city)
    case_id = (await submitted(resident))["case_id"]
    window = await new_officer(city, "window_officer", name="李明")
    supervisor = await new_officer(city, "supervisor", name="孙主管", centre=None)
    async with console(f"/cases/{case_id}", window) as page:
        for reason in ("", "复印件看不清"):
            await act(page, "告知补正")
            await page.get_by_test_id("missing").get_by_text(PHOTO).click()
            if reason:
                await page.get_by_test_id("notice-reason").fill(reason)
            await page.get_by_test_id("notice-go").click()
            await state(page, "待补正（受理前）")
            if not reason:
                await act(page, "登记已补正")
                await page.get_by_role("dialog").get_by_text(PHOTO, exact=True).click()
                await picture(page, CONSOLE, "case-supplied")
                await page.get_by_test_id("ticks-go").click()
                await state(page, "待受理")
    await city.work()
    async with console("/supervision", supervisor) as page:
        row = page.get_by_test_id("supervision").get_by_role("row").filter(has_text="再次告知补正").first
        await expect(row).to_contain_text("李明")
        await axe(page, CONSOLE)
        await picture(page, CONSOLE, "supervision")
        await row.get_by_role("button", name="签收").click()
        await page.get_by_role("button", name="处理中").click()
        row = page.get_by_test_id("supervision").get_by_role("row").filter(has_text="再次告知补正").first
        await row.get_by_role("button", name="办结").click()
        await page.get_by_test_id("reason").fill("已提醒责任人一次性告知")
        await page.get_by_test_id("reason-go").click()
        await page.get_by_role("group", name="状态").get_by_role("button", name="已办结").click()
        await expect(page.get_by_test_id("supervision")).to_contain_text("已提醒责任人一次性告知")


def test_the_usual_form_is_the_apis() -> None:
    kept = json.loads((Path(CONSOLE) / "src/components/cases/usual-form.json").read_text())
    content = next(
        json.loads(line)
        for path in sorted((Path(CONSOLE).parent / "data/items").glob("*.jsonl"))
        for line in path.read_text().splitlines()
        if json.loads(line)["code"] == ID_CARD_LOST
    )
    for audience, name in (("person", "person"), ("organisation", "organisation")):
        plain = msgspec.convert(content | {"form": [], "audience": [audience]}, ItemContent)
        assert kept[name] + kept["everybody"] == [msgspec.to_builtins(one) for one in application.form_of(plain)]
