"""The first page as a conversation: ask, book, move, cancel, look up, complain, in words and with buttons."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
from playwright.async_api import Locator, expect
from playwright.async_api import Route as Intercepted

from server.embedded import Embedded
from tests.cases import picture
from tests.city import Resident, TestCity, running_city
from tests.front.support import MODES, Phone
from tests.front.test_pages import inspect
from tests.story.test_payments import billed

MakePhone = Callable[..., Awaitable[Phone]]


@pytest.fixture(scope="module")
async def front_city(h5: str, database_server: Embedded, valkey_server: Embedded) -> AsyncIterator[TestCity]:
    """A city whose clock nobody else moves: "tomorrow" has to stay the same day."""
    async with running_city(database_server.port, valkey_server.port, "talk_city", h5_folder=h5) as city:
        yield city


async def owner(phone: Phone, city: TestCity) -> Resident:
    """The person whose phone it is, over HTTP."""
    await phone.open("pages/account/me")
    await phone.at("profile").wait_for()
    return Resident(city, await phone.kept("stand-in-openid"), await phone.kept("token"))


def last(phone: Phone) -> Locator:
    return phone.at("turn").last


async def say(phone: Phone, text: str) -> Locator:
    """Says it and waits for the answer."""
    before = await phone.at("turn").count()
    await phone.fill("ask-text", text)
    await phone.tap("ask-send")
    # A tap on a page that is just scrolling is none: whoever sees their words still in the field taps again.
    for _ in range(3):
        with contextlib.suppress(AssertionError):
            await expect(last(phone)).to_contain_text(text, timeout=3000)
            break
        await phone.tap("ask-send")
    await expect(phone.at("turn")).to_have_count(min(before + 1, 6))
    await expect(last(phone)).to_contain_text(text)
    return await answered(phone)


async def choose(phone: Phone, testid: str, words: str = "") -> Locator:
    """Taps a button of the newest answer and waits for what it leads to."""
    before = await last(phone).inner_text()
    option = last(phone).get_by_test_id(testid).filter(has_text=words).first
    for _ in range(3):
        await option.click()
        # As in ``say``: a tap that did nothing is repeated.
        with contextlib.suppress(AssertionError):
            await expect(last(phone)).not_to_have_text(before, use_inner_text=True, timeout=3000)
            break
    return await answered(phone)


async def answered(phone: Phone) -> Locator:
    await expect(phone.at("ask-send")).to_have_text("发送")
    return last(phone)


async def test_a_booking_is_made_moved_and_cancelled_in_words(new_phone: MakePhone, front_city: TestCity) -> None:
    phone = await new_phone()
    me = await owner(phone, front_city)
    await phone.open("pages/home/home")
    await expect(await say(phone, "明天下午想办身份证")).to_contain_text("都不是")
    await choose(phone, "option-item", "居民身份证丢失补领")
    await choose(phone, "option-centre", "威海市政务服务中心")
    card = await choose(phone, "option-start")
    await expect(card.get_by_test_id("confirm-card")).to_contain_text("居民身份证丢失补领")
    await expect(card.get_by_test_id("confirm-card")).to_contain_text("户口簿")
    assert (await me.ok("GET", "/api/bookings"))["bookings"] == [], "nothing before the yes"
    await phone.tap("option-yes")
    await expect(phone.at("problem")).to_contain_text("请先勾选")
    await phone.tap("agree")
    await phone.tap("option-yes")
    await phone.tap("stand-in-allow")
    await expect(last(phone)).to_contain_text("预约成功")
    (booking,) = (await me.ok("GET", "/api/bookings"))["bookings"]
    assert booking["state"] == "confirmed"
    assert 13 <= int(booking["start"][11:13]) < 18, "in the afternoon, as said"
    await expect(phone.at("next")).to_contain_text("居民身份证丢失补领")
    await front_city.work()
    assert len(list(await front_city.wechat.look("sent", openid=me.openid))) == 1, "the consent was used"

    await say(phone, "改到后天上午")
    await choose(phone, "option-start")
    await expect(last(phone)).to_contain_text("请确认改期")
    await choose(phone, "option-yes")
    await expect(last(phone)).to_contain_text("已改期")
    (moved,) = (await me.ok("GET", "/api/bookings"))["bookings"]
    assert (moved["id"], int(moved["start"][11:13]) < 12) == (booking["id"], True)

    await say(phone, "查进度")
    await last(phone).get_by_test_id("open-progress").first.click()
    await expect(phone.at("facts")).to_contain_text("排队号")
    await phone.page.go_back()
    # The conversation is still there, and still goes on.
    await expect(last(phone)).to_contain_text("查进度")
    await say(phone, "取消")
    await expect(last(phone)).to_contain_text("请确认取消")
    await choose(phone, "option-yes")
    await expect(last(phone)).to_contain_text("已取消")
    assert [one["state"] for one in (await me.ok("GET", "/api/bookings"))["bookings"]] == ["cancelled"]
    for _ in range(3):
        await phone.tap("talk-earlier")
        # As in ``say``: the page was perhaps still scrolling to the answer.
        with contextlib.suppress(AssertionError):
            await expect(phone.at("talk-earlier")).to_have_count(0, timeout=3000)
            break
    await expect(phone.at("turn").first).to_contain_text("明天下午想办身份证")
    assert await phone.at("option-start").count() == 0, "only the newest answer has buttons"


async def test_who_is_signed_out_asks_freely_and_signs_in_for_a_booking(
    new_phone: MakePhone, front_city: TestCity
) -> None:
    phone = await new_phone()
    me = await owner(phone, front_city)
    await phone.tap("sign-out")
    await phone.at("ask-text").wait_for()
    await expect(await say(phone, "身份证丢了怎么补办")).to_contain_text("由市公安局办理")
    assert await phone.page.evaluate("localStorage.getItem('token')") is None, "asking signs nobody in"
    await choose(phone, "option-book")
    await choose(phone, "option-centre")
    await choose(phone, "option-soonest")
    await choose(phone, "option-yes")
    await expect(last(phone)).to_contain_text("需要先登录")
    await phone.tap("sign-in")
    await expect(phone.at("problem")).to_contain_text("请先勾选")
    await phone.tap("agree")
    await phone.tap("sign-in")
    await expect(last(phone)).to_contain_text("预约成功")
    again = await owner(phone, front_city)
    assert again.openid == me.openid
    assert [one["state"] for one in (await again.ok("GET", "/api/bookings"))["bookings"]] == ["confirmed"]


async def test_a_turn_whose_answer_was_lost_is_sent_again_and_done_once(
    new_phone: MakePhone, front_city: TestCity
) -> None:
    phone = await new_phone()
    me = await owner(phone, front_city)
    await me.ok("PUT", "/api/me/privacy", {"version": "2026-12"})
    await phone.open("pages/home/home")
    await say(phone, "帮我约补办身份证，去文登，越快越好")
    keys: list[str] = []
    lost = 4

    async def lose(route: Intercepted) -> None:
        """The city hears it, the phone does not hear the city."""
        keys.append(route.request.headers["idempotency-key"])
        if len(keys) > lost:
            await route.continue_()
            return
        await route.fetch()
        await route.abort()

    await phone.context.route("**/api/dialogue", lose)
    await phone.tap("option-yes")
    await phone.tap("stand-in-allow")
    await expect(last(phone)).to_contain_text("网络连不上")
    # The page is closed and opened: what was not answered is still there.
    await phone.open("pages/home/home")
    await expect(last(phone)).to_contain_text("确认预约")
    await phone.tap("talk-retry")
    await expect(last(phone)).to_contain_text("预约成功")
    assert len(keys) > lost
    assert len(set(keys)) == 1
    assert len((await me.ok("GET", "/api/bookings"))["bookings"]) == 1


async def test_bills_nonsense_a_person_and_clearing(new_phone: MakePhone, front_city: TestCity) -> None:
    phone = await new_phone()
    me = await owner(phone, front_city)
    await phone.open("pages/home/home")
    await expect(await say(phone, "有什么账单")).to_contain_text("没有待缴的账单")
    bill = await billed(front_city, me)
    await say(phone, "有什么账单")
    await last(phone).get_by_test_id("open-bill").first.click()
    await expect(phone.at("bill-page")).to_contain_text(bill.title)
    await phone.page.go_back()
    await expect(await say(phone, "阿斯顿发生")).to_contain_text("我可以帮您")
    await say(phone, "人工")
    await phone.tap("to-person")
    # The officer sees what was asked before.
    await expect(phone.at("entries")).to_contain_text("阿斯顿发生")
    await expect(phone.at("place")).to_be_visible()
    await phone.page.go_back()
    await phone.tap("ask-clear")
    await expect(phone.at("turn")).to_have_count(0)
    await expect(phone.at("example-0")).to_be_visible()


async def test_a_complaint_with_a_photo_is_made_in_the_conversation(new_phone: MakePhone, front_city: TestCity) -> None:
    phone = await new_phone()
    me = await owner(phone, front_city)
    await phone.open("pages/home/home")
    await say(phone, "我要投诉")
    await say(phone, "小区门口的路灯坏了一个月没人修")
    await say(phone, "环翠区新威路")
    async with phone.page.expect_file_chooser() as choosing:
        await phone.at("talk-photos").get_by_test_id("add-album").click()
    await (await choosing.value).set_files({"name": "a.png", "mimeType": "image/png", "buffer": picture()})
    await phone.tap("send-photos")
    card = await answered(phone)
    await expect(card.get_by_test_id("confirm-card")).to_contain_text("1 张")
    await phone.tap("option-yes")
    await phone.tap("stand-in-refuse")
    await expect(last(phone)).to_contain_text("已提交，编号")
    (complaint,) = (await me.ok("GET", "/api/complaints"))["complaints"]
    assert len(complaint["photos"]) == 1
    await phone.tap("open-complaint")
    await expect(phone.page.get_by_text("新威路").first).to_be_visible()


@pytest.mark.parametrize("mode", MODES)
async def test_the_conversation_can_be_read_and_tapped_by_everybody(
    mode: str, new_phone: MakePhone, front_city: TestCity
) -> None:
    phone = await new_phone(mode)
    me = await owner(phone, front_city)
    await phone.open("pages/home/home")
    await say(phone, "办个证")
    await inspect(phone, "talk choices", mode)
    await say(phone, "身份证丢了怎么补办")
    await inspect(phone, "talk item", mode)
    await choose(phone, "option-book")
    await choose(phone, "option-centre")
    await inspect(phone, "talk days", mode)
    await choose(phone, "option-day")
    await inspect(phone, "talk times", mode)
    await choose(phone, "option-start")
    await phone.at("agree").wait_for()
    await inspect(phone, "talk confirm", mode)
    await phone.tap("agree")
    await phone.tap("option-yes")
    await phone.tap("stand-in-allow")
    await expect(last(phone)).to_contain_text("预约成功")
    await inspect(phone, "talk booked", mode)
    await billed(front_city, me)
    await say(phone, "查进度")
    await say(phone, "有什么账单")
    await say(phone, "人工")
    await inspect(phone, "talk bill and person", mode)
