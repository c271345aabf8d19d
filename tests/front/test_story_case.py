"""As a resident would do it: apply -> supplement -> progress -> pay -> receipt; offline and back; look up; complain."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import pytest
from playwright.async_api import Route, expect

from tests.cases import FIRE, ITEM, LEADING, PLANNING, id_number, officer, picture, publish
from tests.city import CENTRE, Resident, TestCity
from tests.front.support import Phone
from tests.front.test_pages import inspect
from tests.story.test_payments import billed

MakePhone = Callable[..., Awaitable[Phone]]
OPINION = {"approve": True, "opinion": "符合条件"}
LEASE_NUMBER, PHOTO_NUMBER = 2, 3


@dataclass
class Applicant:
    """A phone whose owner has bound a number and given the real name; ``api`` is the same person over HTTP."""

    phone: Phone
    api: Resident
    id_number: str


async def known_person(phone: Phone, city: TestCity) -> Applicant:
    await phone.open("pages/account/me")
    await phone.at("profile").wait_for()
    token, openid = await phone.kept("token"), await phone.kept("stand-in-openid")
    api, number = Resident(city, openid, token), id_number()
    code = (await city.wechat.control("phone", openid=openid, phone=f"139{secrets.randbelow(10**8):08}"))["code"]
    await api.ok("PUT", "/api/me/phone", {"code": code})
    await api.ok("PUT", "/api/me/identity", {"name": "王小明", "id_number": number})
    return Applicant(phone, api, number)


async def add_file(phone: Phone, place: str, name: str = "photo.png", data: bytes | None = None) -> None:
    async with phone.page.expect_file_chooser() as choosing:
        await phone.at(place).get_by_test_id("add-album").click()
    await (await choosing.value).set_files({"name": name, "mimeType": "image/png", "buffer": data or picture()})


PLACE = "威海市环翠区新威路 1 号"


async def answer(phone: Phone, field: str, text: str) -> None:
    box = phone.at(f"q-{field}").locator("input")
    await phone.write(box, text)
    await box.blur()


async def fill_in(phone: Phone) -> None:
    await phone.open(f"pages/case/apply?item={ITEM}")
    await expect(phone.at("known")).to_contain_text("来自您的实名信息")
    await answer(phone, "place", PLACE)
    await answer(phone, "area", "120")
    await phone.at("q-food").get_by_test_id("chip-no").click()
    for number in (1, LEASE_NUMBER, PHOTO_NUMBER):
        await add_file(phone, f"material-{number}")
        await expect(phone.at(f"material-{number}").get_by_test_id("material-state")).to_have_text("已上传")
    await expect(phone.at("saving").first).to_contain_text("已自动保存")


async def agree_and_submit(phone: Phone) -> str:
    """The case number."""
    if await phone.at("agree").count():
        await phone.tap("agree")
    await phone.tap("submit")
    await phone.tap("stand-in-allow")
    await expect(phone.at("done")).to_contain_text("申请已提交")
    return await phone.at("number").inner_text()


@pytest.mark.usefixtures("offered")
async def test_a_form_outlives_the_session_it_was_begun_in(new_phone: MakePhone, front_city: TestCity) -> None:
    phone = await new_phone()
    me = await known_person(phone, front_city)
    await fill_in(phone)
    await me.api.ok("DELETE", "/api/session")
    await answer(phone, "area", "150")
    await expect(phone.at("saving").first).to_contain_text("已自动保存")
    await expect(phone.at("material-1").get_by_test_id("material-state")).to_have_text("已上传")
    await expect(phone.at("known")).to_contain_text("来自您的实名信息")
    phone.faults.clear()  # the browser tells of the request that was refused: that was the story


@pytest.fixture
async def offered(front_city: TestCity) -> None:
    await publish(front_city)


@pytest.mark.usefixtures("offered")
@pytest.mark.parametrize("mode", ["light", "dark", "elder"])
async def test_apply_supplement_progress_pay_and_receipt(mode: str, new_phone: MakePhone, front_city: TestCity) -> None:
    city, phone = front_city, await new_phone(mode)
    me = await known_person(phone, city)
    await phone.open(f"pages/item/guide?item={ITEM}")
    await phone.tap("guide-apply")
    await fill_in(phone)
    await inspect(phone, "apply", mode)
    number = await agree_and_submit(phone)
    await inspect(phone, "receipt", mode)
    query_code = await phone.at("query-code").inner_text()
    (shown,) = (await me.api.ok("GET", "/api/cases"))["cases"]
    window, case = await officer(city, "window_officer"), f"/staff/cases/{shown['id']}"

    # The window says at once what is missing; the first page and the case say it to the resident.
    await window.ok("POST", f"{case}/accept")
    await window.ok("POST", f"{case}/notices", {"missing": ["经营场所照片", "照片应含门头"], "message": "请一次补齐"})
    await phone.open("pages/home/home")
    await expect(phone.at("next")).to_contain_text("请补充材料")
    await inspect(phone, "home with a supplement", mode)
    await phone.open(f"pages/case/detail?id={shown['id']}")
    await expect(phone.at("notice")).to_contain_text("照片应含门头")
    await expect(phone.at("clock")).to_contain_text("暂停计时")
    await inspect(phone, "case with a notice", mode)
    await phone.tap("supplement")
    await phone.tap("submit")
    await expect(phone.at("problem")).to_contain_text("请先上传")
    await add_file(phone, "supplement-0")
    await phone.at("supplement-0").get_by_test_id("file").wait_for()
    await inspect(phone, "supplement", mode)
    # Interrupted, it is all there again.
    await phone.open(f"pages/case/supplement?id={shown['id']}")
    await phone.at("supplement-0").get_by_test_id("file").wait_for()
    await phone.tap("submit")
    await expect(phone.at("done")).to_contain_text("补充材料已提交")
    await expect(phone.at("clock")).to_contain_text("时间充裕")

    # Granted, and a fee stands open: the case leads to the bill, the bill to WeChat's dialog.
    for department, task in ((FIRE, "fire"), (PLANNING, "plan"), (LEADING, "final")):
        approver = await officer(city, "approver", centre=None, department=department)
        await approver.ok("POST", f"{case}/tasks/{task}/decision", OPINION)
    await approver.ok("POST", f"{case}/decision", {"grant": True, "opinion": "准予许可"})
    result = await city.api.house.city.files.do_store(approver.openid, "result.png", picture())
    await approver.ok("POST", f"{case}/result", {"name": "联合许可决定书", "file": result.id})
    await window.ok("POST", f"{case}/charge", {"quantities": {"证书工本费": 2}})
    await phone.open(f"pages/case/detail?id={shown['id']}")
    await inspect(phone, "case with a bill", mode)
    await phone.tap("pay")
    await expect(phone.at("amount")).to_have_text("20.00 元")
    await inspect(phone, "bill", mode)
    await phone.tap("pay")
    await phone.tap("stand-in-refuse")
    await expect(phone.at("said")).to_contain_text("没有扣款")
    await phone.tap("pay")
    await phone.tap("stand-in-allow")
    await expect(phone.at("done")).to_contain_text("缴费成功")
    await inspect(phone, "bill paid", mode)
    async with phone.page.expect_download() as saving:
        await phone.tap("receipt")
    assert (await saving.value).suggested_filename.endswith(".pdf")

    await window.ok("POST", f"{case}/issue", {})
    await phone.open(f"pages/case/detail?id={shown['id']}")
    async with phone.page.expect_download() as saving:
        await phone.tap("download")
    assert (await saving.value).suggested_filename == "联合许可决定书.png"
    await phone.tap("receive")
    await expect(phone.at("done")).to_contain_text("已办结")
    await inspect(phone, "case over", mode)

    # Without a login, by what stands on the receipt; a wrong part does not say which.
    await phone.open("pages/case/lookup")
    await phone.fill("number", number)
    await phone.fill("code", query_code)
    await phone.fill("last", "0000")
    await phone.tap("look")
    await phone.at("problem").wait_for()
    await inspect(phone, "lookup", mode)
    await phone.fill("last", me.id_number[-4:])
    await phone.tap("look")
    await expect(phone.at("found")).to_contain_text("已办结")
    for name, address, there in (("cases", "pages/case/list", "cases"), ("bills", "pages/payment/list", "bills")):
        await phone.open(address)
        await phone.at(there).wait_for()
        await inspect(phone, name, mode)


@pytest.mark.usefixtures("offered")
async def test_every_fault_stands_at_its_field(new_phone: MakePhone, front_city: TestCity) -> None:
    phone = await new_phone()
    await known_person(phone, front_city)
    await phone.open(f"pages/case/apply?item={ITEM}")
    await answer(phone, "area", "0")
    await expect(phone.at("q-area").get_by_test_id("fault")).to_contain_text("不能小于")
    await answer(phone, "area", "12")
    await phone.at("q-food").get_by_test_id("chip-yes").click()
    await expect(phone.page.get_by_text("食品安全制度").first).to_be_visible()
    await phone.tap("agree")
    await phone.tap("submit")
    await phone.tap("stand-in-refuse")
    await expect(phone.at("q-place").get_by_test_id("fault")).to_contain_text("请填写")
    await expect(phone.at(f"material-{PHOTO_NUMBER}").get_by_test_id("fault")).to_contain_text("请上传")
    await expect(phone.at("faults")).to_contain_text("处需要填写或修改")


@pytest.mark.usefixtures("offered")
async def test_what_is_filled_in_without_a_network_is_not_lost(new_phone: MakePhone, front_city: TestCity) -> None:
    phone = await new_phone()
    me = await known_person(phone, front_city)
    await phone.open(f"pages/case/apply?item={ITEM}")
    await phone.at("q-place").wait_for()
    await phone.context.set_offline(True)
    await answer(phone, "place", "威海市高区世昌大道 9 号")
    await expect(phone.at("saving").first).to_contain_text("先存在这部手机里")
    # The app is closed and opened again: what was typed comes back from the phone and goes to the API.
    await phone.context.set_offline(False)
    await phone.open(f"pages/case/apply?item={ITEM}")
    await expect(phone.at("q-place").locator("input")).to_have_value("威海市高区世昌大道 9 号")
    await expect(phone.at("saving").first).to_contain_text("已自动保存")
    shown = await me.api.ok("GET", f"/api/items/{ITEM}/application")
    assert shown["draft"]["answers"]["place"] == "威海市高区世昌大道 9 号"
    assert await phone.page.evaluate("localStorage.getItem('drafts')") in (None, '{"type":"object","data":{}}')
    phone.faults.clear()  # the browser complains of the requests it could not make: that was the story


@pytest.mark.usefixtures("offered")
async def test_a_result_is_picked_up_at_the_hall_that_was_chosen(new_phone: MakePhone, front_city: TestCity) -> None:
    phone = await new_phone()
    me = await known_person(phone, front_city)
    await phone.open(f"pages/case/apply?item={ITEM}")
    halls = phone.at("halls").locator('[data-testid^="chip-"]')
    await halls.last.click()
    await expect(halls.last).to_have_attribute("aria-checked", "true")
    chosen = str(await halls.last.get_attribute("data-testid")).removeprefix("chip-")
    await answer(phone, "place", PLACE)
    await expect(phone.at("saving").first).to_contain_text("已自动保存")
    shown = await me.api.ok("GET", f"/api/items/{ITEM}/application")
    assert (shown["draft"]["delivery"], shown["draft"]["centre"]) == ("window", chosen)
    assert await halls.count() > 1
    await phone.open(f"pages/case/apply?item={ITEM}")
    await expect(halls.last).to_have_attribute("aria-checked", "true")
    await inspect(phone, "apply with halls", "light")


LOOK_AWAY = """there => {
  Object.defineProperty(document, 'visibilityState', { configurable: true, value: there ? 'visible' : 'hidden' })
  document.dispatchEvent(new Event('visibilitychange'))
}"""


@pytest.mark.usefixtures("offered")
async def test_who_looks_away_during_an_upload_finds_the_form_and_the_file(
    new_phone: MakePhone, front_city: TestCity
) -> None:
    phone = await new_phone()
    await known_person(phone, front_city)
    await fill_in(phone)
    slow = asyncio.Event()

    async def hold(route: Route) -> None:
        await slow.wait()
        await route.continue_()

    await phone.page.route("**/api/files", hold)
    place = phone.at(f"material-{LEASE_NUMBER}")
    await add_file(phone, f"material-{LEASE_NUMBER}", "second.png", picture())
    await expect(place.get_by_test_id("sending")).to_have_count(1)
    await phone.tap("agree")
    await phone.tap("submit")
    await expect(phone.at("problem")).to_contain_text("正在上传")
    await phone.page.evaluate(LOOK_AWAY, False)
    async with phone.page.expect_response(f"**/api/items/{ITEM}/application"):
        await phone.page.evaluate(LOOK_AWAY, True)
    await expect(place.get_by_test_id("sending")).to_have_count(1)
    await expect(phone.at("q-place").locator("input")).to_have_value(PLACE)
    slow.set()
    await expect(place.get_by_test_id("sending")).to_have_count(0)
    await expect(place.get_by_test_id("file")).to_have_count(2)
    await phone.tap("submit")
    await phone.tap("stand-in-allow")
    await expect(phone.at("done")).to_contain_text("申请已提交")


@pytest.mark.usefixtures("offered")
async def test_a_draft_waits_in_the_list_and_can_be_thrown_away(new_phone: MakePhone, front_city: TestCity) -> None:
    phone = await new_phone()
    me = await known_person(phone, front_city)
    await me.api.ok("PUT", f"/api/items/{ITEM}/draft", {"answers": {"area": 5}, "centre": CENTRE})
    await phone.open("pages/case/list")
    await phone.tap("case")
    await expect(phone.at("q-area").locator("input")).to_have_value("5")
    await phone.tap("discard")
    await phone.page.locator(".uni-modal__btn_primary:visible").click()
    await expect(phone.at("cases")).to_contain_text("还没有申请过")


@pytest.mark.usefixtures("offered")
async def test_a_payment_that_fails_says_so_and_can_be_tried_again(new_phone: MakePhone, front_city: TestCity) -> None:
    city, phone = front_city, await new_phone()
    me = await known_person(phone, city)
    bill = await owed(city, me.api)
    await phone.open(f"pages/payment/bill?id={bill}")
    order = (await me.api.ok("POST", f"/api/bills/{bill}/pay", {}))["order"]
    await city.pay.control("pay_outcome", out_trade_no=order, outcome="refuse")
    await phone.tap("pay")
    await phone.tap("stand-in-allow")
    await expect(phone.at("said")).to_contain_text("没有付成功")
    await city.pay.control("pay_outcome", out_trade_no=order, outcome="success")
    await phone.tap("pay")
    await phone.tap("stand-in-allow")
    await expect(phone.at("done")).to_contain_text("缴费成功")


async def owed(city: TestCity, resident: Resident) -> str:
    """A bill of an application at a window."""
    return (await billed(city, resident)).id


@pytest.mark.parametrize("mode", ["light", "dark", "elder"])
async def test_a_complaint_is_filed_answered_and_closed(mode: str, new_phone: MakePhone, front_city: TestCity) -> None:
    city, phone = front_city, await new_phone(mode)
    me = await known_person(phone, city)
    await phone.open("pages/home/home")
    await phone.tap("shortcut-complain")
    await phone.tap("start")
    await phone.tap("submit")
    await expect(phone.at("problem")).to_contain_text("请先写")
    await phone.write(phone.at("matter").locator("textarea"), "小区门口的路灯坏了一个星期，晚上很黑。")
    await phone.fill("place", "新威路 1 号")
    await add_file(phone, "photos")
    await phone.at("photos").get_by_test_id("file").wait_for()
    await inspect(phone, "complaint new", mode)
    await phone.tap("submit")
    await phone.tap("stand-in-allow")
    await expect(phone.at("done")).to_contain_text("已提交")
    (shown,) = (await me.api.ok("GET", "/api/complaints"))["complaints"]
    await expect(phone.at("complaint-page")).to_contain_text(shown["id"])
    await expect(phone.at("complaint-page")).to_contain_text("15 个工作日内")
    await answer_complaint(city, shown["id"])
    await phone.open(f"pages/complaint/detail?id={shown['id']}")
    await expect(phone.at("answer")).to_contain_text("已修好")
    await expect(phone.at("closes")).to_contain_text("自动办结")
    await inspect(phone, "complaint answered", mode)
    # Not content: once more, and then it is done.
    await phone.tap("object")
    await phone.tap("objection-send")
    await expect(phone.at("problem")).to_contain_text("请先写")
    await phone.write(phone.at("objection-reason").locator("textarea"), "修好两天又灭了")
    await inspect(phone, "complaint objected", mode)
    await phone.tap("objection-send")
    await expect(phone.at("done")).to_contain_text("会再次答复")
    await expect(phone.at("objection")).to_contain_text("修好两天又灭了")
    await expect(phone.at("answer")).to_have_count(0)
    await answer_again(city, shown["id"])
    await phone.open(f"pages/complaint/detail?id={shown['id']}")
    await expect(phone.at("answer")).to_contain_text("已换线路")
    await expect(phone.at("object")).to_have_count(0)
    await phone.tap("close")
    await phone.page.locator(".uni-modal__btn_primary:visible").click()
    await expect(phone.at("done")).to_contain_text("已办结")
    await phone.open("pages/complaint/list")
    await phone.at("complaint").wait_for()
    await inspect(phone, "complaints", mode)


async def answer_again(city: TestCity, complaint: str) -> None:
    desk: Any = await city.staff("supervisor")
    await desk.ok("POST", f"/staff/complaints/{complaint}/answer", {"answer": "已换线路，不会再灭。"})


async def answer_complaint(city: TestCity, complaint: str) -> None:
    desk: Any = await city.staff("supervisor")
    await desk.ok("POST", f"/staff/complaints/{complaint}/accept", {})
    await desk.ok("POST", f"/staff/complaints/{complaint}/answer", {"answer": "路灯已修好，谢谢您的反映。"})
