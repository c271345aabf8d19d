"""As a resident would do it: ask, book, consent, a message arrives, cancel; offline and back; elder and dark."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

from playwright.async_api import expect

from tests.city import CENTRE, ID_CARD_LOST, Resident, TestCity
from tests.front.support import Phone

MakePhone = Callable[..., Awaitable[Phone]]


async def book(phone: Phone, *, allow: bool = True) -> None:
    """From the first page to a confirmed booking."""
    await phone.open("pages/home/home")
    await phone.fill("ask-text", "身份证丢了怎么补办")
    await phone.tap("ask-send")
    await expect(phone.at("answer-item")).to_contain_text("居民身份证丢失补领")
    await phone.tap("answer-guide")
    await phone.tap("guide-book")
    await phone.tap(f"centre-{CENTRE}")
    await phone.page.locator('[data-testid^="day-"]:visible').nth(2).click()
    await phone.page.locator('[data-testid^="time-"]:visible').first.click()
    await expect(phone.at("countdown")).to_contain_text("内确认")
    await phone.tap("confirm")
    await expect(phone.at("problem")).to_contain_text("请先勾选")
    await phone.tap("agree")
    await phone.tap("confirm")
    await phone.tap("stand-in-allow" if allow else "stand-in-refuse")
    await expect(phone.at("done")).to_contain_text("预约成功")


async def sent_to_wechat(city: TestCity, openid: str) -> list[Any]:
    sent = await city.wechat.look("sent", openid=openid)
    return list(sent)


async def openid_of(phone: Phone) -> str:
    kept = await phone.page.evaluate("localStorage.getItem('stand-in-openid')")
    return str(kept)


async def test_ask_book_consent_confirm_and_cancel(new_phone: MakePhone, front_city: TestCity) -> None:
    phone = await new_phone()
    await book(phone)
    await expect(phone.at("code")).to_be_visible()
    await expect(phone.at("facts")).to_contain_text("排队号")
    await front_city.work()
    assert len(await sent_to_wechat(front_city, await openid_of(phone))) == 1

    await phone.tap("home")
    await expect(phone.at("next")).to_contain_text("居民身份证丢失补领")
    # The message has arrived while the page was open: the number is there without reloading it.
    await expect(phone.at("messages")).to_contain_text("1")
    await phone.tap("messages")
    await expect(phone.at("message").first).to_contain_text("预约成功")
    await phone.at("why").first.click()
    await expect(phone.at("because").first).to_contain_text("您在本小程序预约了这个事项")

    await phone.open("pages/booking/mine")
    await phone.at("bookings").get_by_role("button").filter(has_text="居民身份证丢失补领").click()
    await phone.tap("cancel")
    await phone.page.locator(".uni-modal__btn_primary:visible").click()
    await expect(phone.at("done")).to_contain_text("已取消")
    await front_city.work()
    await phone.open("pages/account/messages")
    await expect(phone.at("message")).to_have_count(2)


async def test_whoever_refuses_reminders_is_booked_all_the_same(new_phone: MakePhone, front_city: TestCity) -> None:
    phone = await new_phone()
    await book(phone, allow=False)
    await expect(phone.at("done")).to_contain_text("您没有打开微信提醒")
    await front_city.work()
    assert await sent_to_wechat(front_city, await openid_of(phone)) == []


async def test_a_booking_is_moved(new_phone: MakePhone) -> None:
    phone = await new_phone()
    await book(phone)
    before = await phone.at("facts").inner_text()
    await phone.tap("move")
    await phone.page.locator('[data-testid^="day-"]:visible').nth(4).click()
    await phone.page.locator('[data-testid^="time-"]:visible').last.click()
    await expect(phone.at("done")).to_contain_text("已改期")
    assert await phone.at("facts").inner_text() != before


async def test_a_booking_is_moved_to_another_hall(new_phone: MakePhone) -> None:
    phone = await new_phone()
    await book(phone)
    place = await phone.at("facts").inner_text()
    address = phone.page.url
    await phone.tap("move")
    await phone.tap("other-hall")
    await phone.at("centres").wait_for()
    await phone.page.locator(f'[data-testid^="centre-"]:visible:not([data-testid="centre-{CENTRE}"])').first.click()
    await phone.page.locator('[data-testid^="time-"]:visible').first.click()
    await expect(phone.at("done")).to_contain_text("已改期")
    # The same booking, elsewhere.
    assert address.split("id=")[1].split("&")[0] in phone.page.url
    assert await phone.at("facts").inner_text() != place


async def test_a_full_time_is_waited_for(new_phone: MakePhone, front_city: TestCity) -> None:
    """Everybody else has taken the places of one time; the page offers the waiting list."""
    somebody = await front_city.resident()
    calendar = await somebody.ok("GET", f"/api/calendar?item={ID_CARD_LOST}&centre={CENTRE}")
    day = calendar["days"][6]
    time = day["times"][0]
    for _ in range(time["free"]):
        other = await front_city.resident()
        body = {"item": ID_CARD_LOST, "centre": CENTRE, "start": time["start"]}
        booking = await other.ok("POST", "/api/bookings", body)
    phone = await new_phone()
    await phone.open(f"pages/booking/time?item={ID_CARD_LOST}&centre={CENTRE}")
    await phone.tap(f"day-{day['day']}")
    await expect(phone.at(f"time-{time['start'][11:16]}")).to_contain_text("排队候补")
    await phone.tap(f"time-{time['start'][11:16]}")
    await phone.page.locator(".uni-modal__btn_primary:visible").click()
    await phone.tap("stand-in-allow")
    await expect(phone.at("done")).to_contain_text("已进入候补")
    # Who waits has allowed to be told: the place that becomes free is a message of WeChat.
    await other.ok("POST", f"/api/bookings/{booking['id']}/cancel", {})
    for _ in range(3):
        await front_city.work()
    sent = await sent_to_wechat(front_city, await openid_of(phone))
    assert [one["template_id"] for one in sent] == ["WH-place-offered"]


async def choose_time(phone: Phone, which: int = 0) -> None:
    """On the page of times: the place is kept for a while."""
    await phone.page.locator('[data-testid^="time-"]:visible').nth(which).click()
    await phone.at("countdown").wait_for()


async def held(phone: Phone, city: TestCity) -> list[Any]:
    bookings = (await (await resident_of(phone, city)).ok("GET", "/api/bookings"))["bookings"]
    return [one["start"] for one in bookings if one["state"] == "held"]


async def resident_of(phone: Phone, city: TestCity) -> Resident:
    return Resident(city, "", await phone.kept("token"))


LATER = "(() => { const now = Date.now; Date.now = () => now.call(Date) + 600_000 })()"


async def test_a_hold_that_ran_out_says_so_and_another_time_is_chosen(
    new_phone: MakePhone, front_city: TestCity
) -> None:
    phone = await new_phone()
    await phone.open(f"pages/booking/time?item={ID_CARD_LOST}&centre={CENTRE}")
    await choose_time(phone)
    front_city.clock.advance(timedelta(minutes=6))
    await front_city.work()
    await phone.page.evaluate(LATER)
    await expect(phone.page.get_by_text("保留时间已过，请重新选时间。").first).to_be_visible()
    await phone.tap("again")
    await phone.at("calendar").wait_for()
    await phone.page.locator('[data-testid^="time-"]:visible').nth(1).click()
    await phone.at("confirm-page").wait_for()


async def test_a_phone_whose_clock_is_wrong_books_all_the_same(new_phone: MakePhone) -> None:
    phone = await new_phone()
    await phone.open(f"pages/booking/time?item={ID_CARD_LOST}&centre={CENTRE}")
    await choose_time(phone)
    await phone.page.evaluate(LATER)
    await expect(phone.at("countdown")).to_have_count(0)
    await phone.tap("agree")
    await phone.tap("confirm")
    await phone.tap("stand-in-allow")
    await expect(phone.at("done")).to_contain_text("预约成功")


async def test_whoever_goes_back_chooses_another_time(new_phone: MakePhone, front_city: TestCity) -> None:
    phone = await new_phone()
    await phone.open(f"pages/booking/time?item={ID_CARD_LOST}&centre={CENTRE}")
    await choose_time(phone)
    first = await held(phone, front_city)
    await phone.page.go_back()
    await choose_time(phone, 1)
    second = await held(phone, front_city)
    assert len(first) == len(second) == 1
    assert first != second


async def test_what_is_booked_already_is_shown_where_it_stands_in_the_way(new_phone: MakePhone) -> None:
    phone = await new_phone()
    await book(phone)
    booking = phone.page.url.split("id=")[1].split("&")[0]
    await phone.open(f"pages/booking/time?item={ID_CARD_LOST}&centre={CENTRE}")
    await phone.page.locator('[data-testid^="time-"]:visible').first.click()
    await expect(phone.at("said")).to_contain_text("已预约过这个事项")
    await phone.tap("already")
    await expect(phone.at("state")).to_contain_text("预约成功")
    assert booking in phone.page.url


async def test_an_open_page_follows_what_the_hall_does(new_phone: MakePhone, front_city: TestCity) -> None:
    phone = await new_phone()
    await book(phone)
    booking = phone.page.url.split("id=")[1].split("&")[0]
    for done in ("&done=confirmed", ""):  # just booked; and opened cold from a message
        await phone.open(f"pages/booking/detail?id={booking}{done}")
        await phone.at("code").wait_for()
    await (await resident_of(phone, front_city)).ok("POST", f"/api/bookings/{booking}/cancel", {})
    await front_city.work()
    await expect(phone.at("state")).to_contain_text("已取消")
    await expect(phone.at("code")).to_have_count(0)


async def test_a_booking_is_not_moved_to_a_full_time(new_phone: MakePhone, front_city: TestCity) -> None:
    somebody = await front_city.resident()
    calendar = await somebody.ok("GET", f"/api/calendar?item={ID_CARD_LOST}&centre={CENTRE}")
    day = calendar["days"][7]
    time = day["times"][0]
    for _ in range(time["free"]):
        body = {"item": ID_CARD_LOST, "centre": CENTRE, "start": time["start"]}
        await (await front_city.resident()).ok("POST", "/api/bookings", body)
    phone = await new_phone()
    await book(phone)
    await phone.tap("move")
    await phone.tap(f"day-{day['day']}")
    full = phone.at(f"time-{time['start'][11:16]}")
    await expect(full).to_contain_text("约满")
    await expect(phone.page.get_by_text("约满的时间可以排队候补")).to_have_count(0)
    await full.click()
    await expect(phone.at("said")).to_have_count(0)
    await phone.at("calendar").wait_for()


async def test_without_a_network_it_is_said_and_everything_comes_back(new_phone: MakePhone) -> None:
    phone = await new_phone()
    await phone.open("pages/home/home")
    await phone.at("ask-text").wait_for()
    await phone.context.set_offline(True)
    await phone.fill("ask-text", "身份证丢了怎么补办")
    await phone.tap("ask-send")
    await expect(phone.at("offline")).to_be_visible()
    await expect(phone.at("turn")).to_contain_text("网络连不上")
    await phone.context.set_offline(False)
    # The question is still there: nobody has to type it again.
    await phone.tap("talk-retry")
    await expect(phone.at("answer-item")).to_contain_text("居民身份证丢失补领")
    await expect(phone.at("offline")).to_have_count(0)
    phone.faults.clear()  # the browser complains of the socket it could not open: that was the story


async def test_elder_mode_is_one_tap_away_and_stays(new_phone: MakePhone) -> None:
    phone = await new_phone()
    await phone.open("pages/home/home")
    before = await phone.at("ask-send").evaluate("e => parseFloat(getComputedStyle(e).fontSize)")
    await phone.tap("elder")
    await expect(phone.page.locator(".screen.elder")).to_be_visible()
    after = await phone.at("ask-send").evaluate("e => parseFloat(getComputedStyle(e).fontSize)")
    assert after >= 24 > before
    await phone.open("pages/account/me")
    await expect(phone.page.locator(".screen.elder")).to_be_visible()


async def test_dark_mode_follows_the_phone_or_the_switch(new_phone: MakePhone) -> None:
    phone = await new_phone()
    await phone.open("pages/account/switches")
    await phone.tap("chip-on")
    await expect(phone.page.locator(".screen.dark")).to_be_visible()
    await phone.tap("chip-system")
    await phone.page.emulate_media(color_scheme="dark")
    await phone.open("pages/account/me")
    await expect(phone.page.locator(".screen.dark")).to_be_visible()
    await phone.page.emulate_media(color_scheme="light")
    await expect(phone.page.locator(".screen.dark")).to_have_count(0)


async def test_who_refuses_to_be_located_chooses_by_district(new_phone: MakePhone) -> None:
    phone = await new_phone()
    await phone.open(f"pages/booking/centre?item={ID_CARD_LOST}")
    await phone.tap("near")
    await expect(phone.at("centres")).to_contain_text("请按区市挑选大厅")
    await phone.at("chip-荣成市").click()
    await expect(phone.page.locator('[data-testid^="centre-"]:visible').first).to_contain_text("荣成")


async def test_who_says_where_they_are_sees_the_nearest_first(new_phone: MakePhone) -> None:
    phone = await new_phone(geolocation={"longitude": 122.42, "latitude": 37.17}, permissions=["geolocation"])
    await phone.open(f"pages/booking/centre?item={ID_CARD_LOST}")
    await phone.tap("near")
    await expect(phone.at("centres")).to_contain_text("已按距离从近到远排列")
    await expect(phone.page.locator('[data-testid^="centre-"]:visible').first).to_contain_text("荣成")


async def test_real_name_is_given_once(new_phone: MakePhone) -> None:
    phone = await new_phone()
    await phone.open("pages/account/me")
    await phone.tap("bind-phone")
    await phone.tap("stand-in-allow")
    await expect(phone.at("profile")).to_contain_text("138****1234")
    await phone.tap("to-identity")
    await phone.fill("name", "王秀英")
    await phone.fill("id-number", "37100219560302123")
    await phone.tap("submit")
    await expect(phone.at("problem")).to_contain_text("18 位")
    await phone.fill("id-number", "371002195603021239")
    await phone.tap("submit")
    await expect(phone.at("problem")).to_contain_text("身份证号码不正确")
    await phone.fill("id-number", ID_NUMBER)
    await phone.tap("submit")
    await expect(phone.at("verified")).to_contain_text("王")


def _with_check_digit(seventeen: str) -> str:
    """GB 11643, ISO 7064 MOD 11-2."""
    weights = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
    rest = sum(int(digit) * weight for digit, weight in zip(seventeen, weights, strict=True)) % 11
    return seventeen + "10X98765432"[rest]


ID_NUMBER = _with_check_digit("37100219560302124")
