"""Applying for somebody else with their authorisation, and changing answers that a notice asks about."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest
from playwright.async_api import expect

from tests.cases import ITEM, LEASE, id_number, officer, publish
from tests.city import TestCity
from tests.front.support import MODES, Phone
from tests.front.test_pages import inspect
from tests.front.test_story_case import PLACE, add_file, agree_and_submit, answer, fill_in, known_person

MakePhone = Callable[..., Awaitable[Phone]]


@pytest.fixture(autouse=True)
async def _offered(front_city: TestCity) -> None:
    await publish(front_city)


async def fill(phone: Phone, part: str, text: str) -> None:
    box = phone.at(f"principal-{part}").locator("input")
    await phone.write(box, text)
    await box.blur()


@pytest.mark.parametrize("mode", MODES)
async def test_a_child_applies_for_a_parent_with_their_authorisation(
    mode: str, new_phone: MakePhone, front_city: TestCity
) -> None:
    city, phone = front_city, await new_phone(mode)
    me = await known_person(phone, city)
    await phone.open(f"pages/case/apply?item={ITEM}")
    await expect(phone.at("known")).to_contain_text("来自您的实名信息")
    await phone.at("for-whom").get_by_test_id("chip-other").click()
    # What is known of the one who applies is nothing about the applicant.
    await expect(phone.at("known")).to_have_count(0)
    await answer(phone, "place", "威海市环翠区新威路 1 号")
    await answer(phone, "area", "120")
    await phone.at("q-food").get_by_test_id("chip-no").click()
    if await phone.at("agree").count():
        await phone.tap("agree")
    await phone.tap("submit")
    await phone.tap("stand-in-allow")
    await expect(phone.at("faults")).to_contain_text("请填写申请人姓名")
    parent = id_number()
    await fill(phone, "name", "王秀英")
    await fill(phone, "id_number", parent[:-1] + ("0" if parent[-1] != "0" else "1"))
    await fill(phone, "phone", "13900001111")
    await phone.at("for-whom").get_by_test_id("chip-子女").click()
    await expect(phone.at("for-whom").get_by_test_id("fault").first).to_contain_text("身份证号码不正确")
    await inspect(phone, "apply for somebody else", mode)
    await fill(phone, "id_number", parent)
    await expect(phone.at("sealed")).to_contain_text("已加密保存")
    for number in (1, 2, 3):
        await add_file(phone, f"material-{number}")
        await expect(phone.at(f"material-{number}").get_by_test_id("material-state")).to_have_text("已上传")
    await phone.tap("submit")
    await phone.tap("stand-in-allow")
    await expect(phone.at("faults")).to_contain_text("授权委托书")
    await add_file(phone, "authorisation")
    await phone.at("authorisation").get_by_test_id("file").wait_for()
    await inspect(phone, "apply with an authorisation", mode)
    await agree_and_submit(phone)
    (case,) = (await me.api.ok("GET", "/api/cases"))["cases"]
    window = await officer(city, "window_officer")
    seen = await window.ok("GET", f"/staff/cases/{case['id']}")
    assert seen["applicant"]["name"].startswith("王")
    assert seen["agent"]["relation"] == "子女"


async def test_back_to_oneself_the_draft_begins_anew(new_phone: MakePhone, front_city: TestCity) -> None:
    phone = await new_phone()
    await known_person(phone, front_city)
    await phone.open(f"pages/case/apply?item={ITEM}")
    await phone.at("for-whom").get_by_test_id("chip-other").click()
    for part, text in (("name", "王秀英"), ("id_number", id_number()), ("phone", "13900001111")):
        await fill(phone, part, text)
    await phone.at("for-whom").get_by_test_id("chip-配偶").click()
    await phone.at("sealed").wait_for()
    # It stays so when the page is opened again: the person is not told again, but known.
    await phone.open(f"pages/case/apply?item={ITEM}")
    await phone.at("sealed").wait_for()
    await phone.at("for-whom").get_by_test_id("chip-self").click()
    await phone.page.locator(".uni-modal__btn_primary:visible").click()
    await expect(phone.at("known")).to_contain_text("来自您的实名信息")
    await expect(phone.at("sealed")).to_have_count(0)


async def test_a_notice_about_an_answer_is_followed_in_the_form(new_phone: MakePhone, front_city: TestCity) -> None:
    city, phone = front_city, await new_phone()
    me = await known_person(phone, city)
    await fill_in(phone)
    await agree_and_submit(phone)
    (case,) = (await me.api.ok("GET", "/api/cases"))["cases"]
    window, one = await officer(city, "window_officer"), f"/staff/cases/{case['id']}"
    await window.ok("POST", f"{one}/accept")
    await window.ok("POST", f"{one}/notices", {"missing": ["面积应填建筑面积", LEASE], "message": "和租赁合同不一致"})
    await phone.open(f"pages/case/supplement?id={case['id']}")
    # Only what the notice names is asked; the rest is a tap away.
    await phone.at("q-area").wait_for()
    assert await phone.at("q-place").count() == 0
    await phone.tap("submit")
    await expect(phone.at("problem")).to_contain_text("请先上传")
    await phone.tap("other-answers")
    await expect(phone.at("q-place").locator("input, textarea").first).to_have_value(PLACE)
    await answer(phone, "area", "0")
    await inspect(phone, "supplement answers", "light")
    await add_file(phone, "supplement-0")
    await phone.at("supplement-0").get_by_test_id("file").wait_for()
    await phone.tap("submit")
    await expect(phone.at("q-area").get_by_test_id("fault")).to_be_visible()
    await answer(phone, "area", "96.5")
    await phone.tap("submit")
    await expect(phone.at("done")).to_contain_text("补充材料已提交")
    seen = await window.ok("GET", one)
    answers = seen["answers"]
    assert float(answers["area"]) == 96.5
    assert answers["place"] == PLACE, "what was not changed stays"
    await phone.tap("show-answers")
    await expect(phone.at("my-answers")).to_contain_text(PLACE)
    await expect(phone.at("my-answers")).to_contain_text("96.5")
    await inspect(phone, "case with its answers", "light")
