"""Every screen of the navigation, empty and when the API fails: no violation of WCAG 2.1 AA, nothing beside the edge of
the smallest and a usual screen, and every stop of the Tab key is seen."""

from __future__ import annotations

import re
from typing import Any

import pytest
from playwright.async_api import Page, Route, expect

from tests.browser import axe, picture
from tests.city import TestCity
from tests.console.conftest import CONSOLE, OpenConsole, new_officer

SIZES = ((1280, 800), (1440, 900))
# Who walks which screens: the roles that one account may have together.
DESK = ("agent", "window_officer", "approver", "supervisor", "catalogue_editor")
WALKS: dict[str, tuple[str, ...]] = {
    "inbox": DESK, "today": DESK, "cases": DESK, "cases/apply": DESK, "complaints": DESK, "catalogue": DESK,
    "catalogue/new": DESK, "knowledge": DESK, "knowledge/new": DESK, "canned-answers": DESK, "learning": DESK,
    "statistics": DESK, "follow-ups": DESK, "officers": DESK, "supervision": DESK, "payments": DESK,
    "troubles": DESK, "residents": DESK,
    "staff": ("administrator",), "audit": ("auditor",), "account": ("agent",), "nowhere-at-all": ("agent",),
}  # fmt: skip
# What they show is there without a question to the API.
NEEDS_NOTHING = {"inbox", "knowledge/new", "catalogue/new", "account", "nowhere-at-all", "payments", "cases/apply", "residents"}
# More than any screen has, with the rows that other tests have made: the walk ends where the focus leaves the page.
STOPS = 600

# What has the focus, and whether that is seen: an outline, or the ring of the field around it.
FOCUSED = """() => {
  const at = document.activeElement
  if (!at || at === document.body) return null
  const field = at.closest('.el-input__wrapper, .el-select__wrapper')
  const around = new Set([at, field, ...(at.parentElement?.children ?? [])])
  const rings = [...around].filter(one => {
    if (!one) return false
    const style = getComputedStyle(one)
    return style.opacity !== '0' && style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) > 0
  })
  at.dataset.walked = '1'
  return {rings: rings.length, what: at.outerHTML.slice(0, 160)}
}"""
# What can be used with a pointer and was not reached: radio buttons are one stop for their group.
MISSED = """() => ['a[href]', 'button', 'input', 'textarea', '[role=button]']
  .flatMap(kind => [...document.querySelectorAll('main ' + kind)])
  .filter(one => one.checkVisibility({visibilityProperty: true}) && !one.disabled && !one.dataset.walked)
  .filter(one => one.type !== 'radio' && one.tabIndex >= 0 && !one.closest('[inert]'))
  .map(one => one.outerHTML.slice(0, 160))"""
WIDER = """() => [document.documentElement, document.querySelector('main')]
  .filter(one => one && one.scrollWidth > one.clientWidth + 1).map(one => one.tagName)"""


async def _tab_through(page: Page) -> None:
    await page.evaluate("() => document.activeElement?.blur()")
    for _ in range(STOPS):
        await page.keyboard.press("Tab")
        found: Any = await page.evaluate(FOCUSED)
        if found is None:
            break
        assert found["rings"] == 1, f"{page.url}: {found['rings']} rings around {found['what']}"
    missed = await page.evaluate(MISSED)
    assert not missed, f"{page.url}: not reached with Tab: {missed}"


def test_no_screen_of_the_navigation_is_left_out() -> None:
    paths = re.findall(r"path: '/([^':]+)'", (CONSOLE / "src" / "navigation.ts").read_text(encoding="utf-8"))
    assert {path for path in paths if not path.endswith("/")} <= set(WALKS)


@pytest.mark.parametrize("path", sorted(WALKS))
async def test_a_screen_is_whole_when_it_is_empty(city: TestCity, console: OpenConsole, path: str) -> None:
    officer = await new_officer(city, *WALKS[path], name="欧阳明月", department="市行政审批服务局")
    async with console(f"/{path}", officer) as page:
        await expect(page.locator("main h1")).to_be_visible()
        await expect(page.get_by_text("正在加载")).to_have_count(0)
        for width, height in SIZES:
            await page.set_viewport_size({"width": width, "height": height})
            assert await page.evaluate(WIDER) == [], f"{path} is wider than {width}"
            await picture(page, CONSOLE, f"walk-{path.replace('/', '-')}-{width}")
        await axe(page, CONSOLE)
        await _tab_through(page)


@pytest.mark.parametrize("path", sorted(set(WALKS) - NEEDS_NOTHING))
async def test_a_screen_whose_question_fails_says_so_and_asks_again(
    city: TestCity, console: OpenConsole, path: str
) -> None:
    officer = await new_officer(city, *WALKS[path])
    failing = True

    async def fail(route: Route) -> None:
        mine = route.request.url.endswith(("/staff/me", "/staff/presence"))
        if failing and route.request.method == "GET" and not mine and "/console/" not in route.request.url:
            told = {"code": "INTERNAL", "message": "系统出现问题，请稍后重试。", "fields": {}, "request_id": "r1"}
            await route.fulfill(status=500, json={"error": told})
        else:
            await route.fallback()

    async with console("/account", officer) as page:
        await page.context.route("**/*", fail)
        await page.goto(f"{city.api.url}/console/{path}")
        again = page.locator("main").get_by_role("button", name="重试")
        await expect(again.first).to_be_visible()
        await axe(page, CONSOLE)
        await picture(page, CONSOLE, f"walk-{path.replace('/', '-')}-failed")
        failing = False
        await again.first.click()
        await expect(again).to_have_count(0)
