"""Taking back one's consent, and closing one's account: what is open is named first, then nobody is known here."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest
from playwright.async_api import expect

from tests.city import CENTRE, ID_CARD_LOST, TestCity, first_free
from tests.front.support import MODES, Phone
from tests.front.test_pages import inspect
from tests.front.test_story_case import known_person

MakePhone = Callable[..., Awaitable[Phone]]


@pytest.mark.parametrize("mode", MODES)
async def test_an_account_is_closed_after_what_is_open_is_done(
    mode: str, new_phone: MakePhone, front_city: TestCity
) -> None:
    phone = await new_phone(mode)
    me = await known_person(phone, front_city)
    times = {"item": ID_CARD_LOST, "centre": CENTRE, "start": await first_free(me.api, days=6)}
    booking = (await me.api.ok("POST", "/api/bookings", times))["id"]
    person = (await me.api.ok("GET", "/api/me"))["person_id"]
    await phone.open("pages/account/me")
    await phone.tap("to-close")
    await phone.tap("close-account")
    await expect(phone.at("close-problem")).to_contain_text("请先勾选")
    await phone.tap("understood")
    await phone.tap("close-account")
    await expect(phone.at("close-problem")).to_contain_text("暂时不能注销")
    await expect(phone.at("open-bookings")).to_contain_text("1 项")
    await inspect(phone, "close refused", mode)
    await me.api.ok("POST", f"/api/bookings/{booking}/cancel", {})
    await phone.tap("close-account")
    await phone.at("ask-text").wait_for()
    assert (await me.api.call("GET", "/api/me")).status_code == 401
    # Reading how data is treated makes nobody of them anew.
    for page, shown in (("pages/account/privacy", "agree-privacy"), ("pages/complaint/new", "new-complaint")):
        await phone.open(page)
        await phone.at(shown).wait_for()
        await phone.page.wait_for_load_state("networkidle")
        assert not await phone.kept("token")
    assert await front_city.api.house.database["persons"].count_documents({"_id": person, "state": "deleted"}) == 1
    phone.check()


async def test_consent_is_taken_back_where_it_was_given(new_phone: MakePhone, front_city: TestCity) -> None:
    phone = await new_phone("light")
    me = await known_person(phone, front_city)
    await phone.open("pages/account/privacy")
    await phone.tap("agree-privacy")
    await expect(phone.at("agreed")).to_be_visible()
    await phone.tap("withdraw")
    await expect(phone.at("withdraw-note")).to_contain_text("以前办的事不受影响")
    await inspect(phone, "withdraw consent", "light")
    await phone.tap("withdraw-go")
    await expect(phone.at("withdrawn")).to_be_visible()
    await expect(phone.at("agree-privacy")).to_be_visible()
    assert (await me.api.ok("GET", "/api/me")).get("consent_version") is None
    phone.check()
