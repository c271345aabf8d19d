"""Bills of bound accounts; what the pages say when WeChat's dialogs are refused, fail, or tell less than happened."""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable

import pytest
from playwright.async_api import expect

from tests.city import CENTRE, ID_CARD_LOST, TestCity
from tests.front.support import MODES, Phone
from tests.front.test_pages import inspect
from tests.front.test_story_talk import owner
from tests.services.payments.test_accounts import file, line
from tests.story.test_payments import billed

MakePhone = Callable[..., Awaitable[Phone]]


@pytest.mark.parametrize("mode", MODES)
async def test_a_water_account_is_bound_its_bill_paid_and_unbound(
    mode: str, new_phone: MakePhone, front_city: TestCity
) -> None:
    phone, number = await new_phone(mode), f"88{secrets.randbelow(10**8):08}"
    month = f"W-{number}"
    report = await front_city.api.house.city.bill_imports.do_import(file(line(number, reference=month)), "ST1")
    assert report.made == 1
    await phone.open("pages/payment/list")
    await phone.tap("accounts")
    await expect(phone.at("accounts-page")).to_contain_text("还没有绑定户号")
    await phone.tap("bind")
    await expect(phone.at("problem")).to_contain_text("请选好缴什么费")
    await phone.at("chip-water").click()
    await phone.fill("account-number", number)
    await phone.fill("account-holder", "李小明")
    await phone.tap("bind")
    # Whoever does not know the holder's name learns nothing.
    await expect(phone.at("problem")).to_be_visible()
    await inspect(phone, "account refused", mode)
    await phone.fill("account-holder", "王小明")
    await phone.tap("bind")
    await expect(phone.at("done")).to_contain_text("已绑定")
    await expect(phone.at("account")).to_contain_text("威海市水务集团")
    await inspect(phone, "account bound", mode)
    await phone.page.go_back()
    await expect(phone.at("bill").first).to_contain_text("水费")
    await phone.at("bill").first.click()
    await expect(phone.at("amount")).to_have_text("35.60 元")
    await phone.tap("pay")
    await phone.tap("stand-in-allow")
    await expect(phone.at("done")).to_contain_text("缴费成功")
    await phone.open("pages/payment/accounts")
    await phone.tap("unbind")
    await phone.page.locator(".uni-modal__btn_primary:visible").click()
    await expect(phone.at("account")).to_have_count(0)
    await phone.open("pages/payment/list")
    await expect(phone.at("settled").first).to_contain_text("水费")


async def test_a_payment_is_cancelled_fails_is_lost_on_its_way_and_is_paid_once(
    new_phone: MakePhone, front_city: TestCity
) -> None:
    phone = await new_phone()
    me = await owner(phone, front_city)
    bill = await billed(front_city, me)
    await phone.open(f"pages/payment/bill?id={bill.id}")
    await phone.tap("pay")
    await phone.tap("stand-in-refuse")
    await expect(phone.at("said")).to_contain_text("您取消了支付，没有扣款")
    await phone.tap("pay")
    await phone.tap("stand-in-fail")
    await expect(phone.at("said")).to_contain_text("没有付成功，没有扣款")
    await inspect(phone, "payment failed", "light")
    # The phone is told of a failure, the money is there: WeChat Pay knows, and the page asks it.
    other = await billed(front_city, me)
    await phone.open(f"pages/payment/bill?id={other.id}")
    await phone.tap("pay")
    await phone.tap("stand-in-lost")
    await expect(phone.at("done")).to_contain_text("缴费成功")
    await expect(phone.at("pay")).to_have_count(0)


async def test_a_try_that_did_not_begin_says_nothing_of_the_one_before(
    new_phone: MakePhone, front_city: TestCity
) -> None:
    phone = await new_phone()
    me = await owner(phone, front_city)
    bill = await billed(front_city, me)
    await phone.open(f"pages/payment/bill?id={bill.id}")
    await phone.tap("pay")
    await phone.tap("stand-in-refuse")
    await expect(phone.at("said")).to_contain_text("您取消了支付，没有扣款")
    await phone.context.set_offline(True)
    await phone.tap("pay")
    await phone.at("problem").wait_for()
    await expect(phone.at("said")).to_have_count(0)
    await phone.context.set_offline(False)
    await phone.tap("pay")
    await phone.tap("stand-in-allow")
    await expect(phone.at("done")).to_contain_text("缴费成功")
    phone.faults.clear()  # the browser complains of the request it could not make: that was the story


async def test_reminders_refused_and_a_dialog_that_does_not_open_are_told_apart(new_phone: MakePhone) -> None:
    phone = await new_phone()
    await phone.open("pages/account/switches")
    for way, words in (("refuse", "您没有允许"), ("fail", "没有弹出提醒窗口"), ("allow", "已打开")):
        await phone.at("subscription").first.get_by_role("button").click()
        await phone.tap(f"stand-in-{way}")
        await expect(phone.page.get_by_text(words).first).to_be_visible()


async def test_a_booking_is_made_although_no_dialog_opened(new_phone: MakePhone) -> None:
    phone = await new_phone()
    await phone.open(f"pages/booking/time?item={ID_CARD_LOST}&centre={CENTRE}")
    await phone.page.locator('[data-testid^="time-"]:visible').first.click()
    await phone.tap("agree")
    await phone.tap("confirm")
    await phone.tap("stand-in-fail")
    await expect(phone.at("done")).to_contain_text("您没有打开微信提醒")


async def test_who_keeps_their_number_to_themselves_stays_without(new_phone: MakePhone) -> None:
    phone = await new_phone()
    await phone.open("pages/account/me")
    await phone.tap("bind-phone")
    await phone.tap("stand-in-refuse")
    await expect(phone.at("profile")).to_contain_text("未绑定")
