"""Lists of 1,000 rows stay light: at most 60 are in the page at a time, and every one can be reached."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from playwright.async_api import Route as Intercepted
from playwright.async_api import expect

from tests.city import CENTRE, ID_CARD_LOST, TestCity
from tests.front.support import Phone
from tests.front.test_story_talk import owner
from tests.story.test_payments import billed

MakePhone = Callable[..., Awaitable[Phone]]
ROWS, MOST, OURS = 1000, 60, 40
# Path of the answer, its list, the page, the rows' name.
LISTS = {
    "bookings": ("/api/bookings", "bookings", "pages/booking/mine", "booking"),
    "cases": ("/api/cases", "cases", "pages/case/list", "case"),
    "bills": ("/api/bills", "bills", "pages/payment/list", "bill"),
    "complaints": ("/api/complaints", "complaints", "pages/complaint/list", "complaint"),
}


async def one_of_each(phone: Phone, city: TestCity) -> None:
    """A row of each list as the API writes it, to be multiplied."""
    me = await owner(phone, city)
    days = (await me.ok("GET", f"/api/calendar?item={ID_CARD_LOST}&centre={CENTRE}"))["days"]
    free = next(time for day in days for time in day["times"] if time["free"])
    held = await me.ok("POST", "/api/bookings", {"item": ID_CARD_LOST, "centre": CENTRE, "start": free["start"]})
    await me.ok("POST", f"/api/bookings/{held['id']}/confirm")
    await me.ok("PUT", f"/api/items/{ID_CARD_LOST}/draft", {"answers": {}})
    await me.ok("POST", "/api/complaints", {"kind": "complaint", "matter": "路灯坏了"})
    await billed(city, me)
    await city.work()


async def many(phone: Phone, path: str, name: str, **changes: Any) -> None:
    """The API's own answer, with its first row a thousand times."""

    async def answer(route: Intercepted) -> None:
        given = await route.fetch()
        body = await given.json()
        row = body[name][0]
        body[name] = [row | {"id": f"{row.get('id')}-{index}"} | changes for index in range(ROWS)]
        await route.fulfill(response=given, body=json.dumps(body))

    await phone.context.route(f"**{path}", answer)


async def count_all(phone: Phone, testid: str) -> int:
    """Turns every page. Fails when one holds more than may be rendered."""
    seen = 0
    while True:
        await phone.at(testid).first.wait_for()
        shown = await phone.page.locator(f'[data-testid="{testid}"]').count()
        assert 0 < shown <= MOST, f"{shown} rows in the page"
        seen += shown
        if await phone.at("next-page").count() == 0:
            return seen
        words = await phone.at("page-turner").inner_text()
        await phone.tap("next-page")
        await expect(phone.at("page-turner")).not_to_have_text(words)


@pytest.mark.parametrize("name", LISTS)
async def test_of_a_thousand_rows_sixty_at_most_are_rendered(
    name: str, new_phone: MakePhone, front_city: TestCity
) -> None:
    phone = await new_phone()
    await one_of_each(phone, front_city)
    path, key, page, row = LISTS[name]
    # Of cases one under way: a draft leads back to its form.
    await many(phone, path, key, **({"state": "accepted"} if name == "cases" else {}))
    await phone.open(page)
    assert await count_all(phone, row) == ROWS


async def test_of_a_thousand_messages_sixty_at_most_are_rendered(new_phone: MakePhone, front_city: TestCity) -> None:
    phone = await new_phone()
    await one_of_each(phone, front_city)
    at_once = 20

    async def answer(route: Intercepted) -> None:
        """Pages of the API's size, each from one message of its own."""
        given = await route.fetch(url=route.request.url.split("?")[0])
        body = await given.json()
        row = body["messages"][0] | {"read": True}
        start = int(route.request.url.partition("after=")[2] or 0)
        body["messages"] = [row | {"id": f"M{index}"} for index in range(start, start + at_once)]
        body["next"] = str(start + at_once) if start + at_once < ROWS else None
        await route.fulfill(response=given, body=json.dumps(body))

    await phone.context.route("**/api/messages*", answer)
    await phone.open("pages/account/messages")
    await phone.at("message").first.wait_for()
    # The way back grows as the API gives more: two of its pages for one of ours.
    for page in range(1, ROWS // OURS + 1):
        if page > 1:
            await expect(phone.at("page-turner")).to_contain_text(f"第 {page} 页")
        assert await phone.page.locator('[data-testid="message"]').count() <= MOST
        for _ in range(OURS // at_once if page == 1 else 1):
            if page < ROWS // OURS:
                await expect(phone.at("older")).to_be_visible()
                await phone.tap("older")
                await phone.page.wait_for_timeout(100)
    await expect(phone.at("page-turner")).to_contain_text(f"第 {ROWS // OURS} 页，共 {ROWS // OURS} 页")
    await expect(phone.at("older")).to_have_count(0)


async def test_of_a_thousand_headings_and_items_sixty_at_most_are_rendered(new_phone: MakePhone) -> None:
    phone = await new_phone()

    async def headings(route: Intercepted) -> None:
        given = await route.fetch()
        body = await given.json()
        row = body["departments"][0]
        body["departments"] = [row | {"key": f"{row['key']}{index}"} for index in range(ROWS)]
        await route.fulfill(response=given, body=json.dumps(body))

    await phone.context.route("**/api/directory", headings)
    await phone.open("pages/item/directory")
    await phone.at("chip-department").click()
    assert await count_all(phone, "heading") == ROWS
    await phone.open("pages/item/list?by=words&key=&title=x")
    await phone.at("item").first.wait_for()
    assert await phone.page.locator('[data-testid="item"]').count() <= MOST
