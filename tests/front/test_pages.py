"""Every page in light, dark and elder mode: no fault that axe finds, sizes as promised, nothing too wide."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest

from tests.browser import settled
from tests.city import CENTRE, ID_CARD_LOST, TestCity
from tests.front.support import MINIPROGRAM, MODES, SCREENSHOTS, Phone

# Page -> (address, what is there when it has loaded).
OPEN_PAGES = {
    "home": ("pages/home/home", "ask-text"),
    "guide": (f"pages/item/guide?item={ID_CARD_LOST}", "guide"),
    "directory": ("pages/item/directory", "directory"),
    "list": ("pages/item/list?by=field&key=traffic&title=%E4%BA%A4%E9%80%9A", "items"),
    "centre": (f"pages/booking/centre?item={ID_CARD_LOST}", "centres"),
    "time": (f"pages/booking/time?item={ID_CARD_LOST}&centre={CENTRE}", "calendar"),
    "no bookings": ("pages/booking/mine", "bookings"),
    "me": ("pages/account/me", "profile"),
    "identity": ("pages/account/identity", "submit"),
    "no messages": ("pages/account/messages", "inbox"),
    "switches": ("pages/account/switches", "subscription"),
    "privacy": ("pages/account/privacy", "agree-privacy"),
    "close": ("pages/account/close", "close-account"),
    "no cases": ("pages/case/list", "cases"),
    "apply unverified": (f"pages/case/apply?item={ID_CARD_LOST}", "apply"),
    "no bills": ("pages/payment/list", "bills"),
    "accounts": ("pages/payment/accounts", "accounts-page"),
    "no complaints": ("pages/complaint/list", "complaints"),
    "consultation": ("pages/consultation/index", "chat"),
    "conversations": ("pages/consultation/list", "conversations"),
    "no such item": ("pages/item/guide?item=nothing", "retry"),
}

# What can be tapped and is smaller than it should be; what is written and smaller than it should be.
MEASURE = """([touch, text]) => {
  const seen = (e) => { const b = e.getBoundingClientRect(); return b.width > 0 && b.height > 0 && b }
  const bad = []
  const tapped = '[role=button],[role=radio],[role=checkbox],[role=link],button,uni-input'
  for (const e of document.querySelectorAll(tapped)) {
    const b = seen(e)
    if (b && (b.width < touch || b.height < touch)) bad.push(`${e.textContent.trim()} ${b.width}x${b.height}`)
  }
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT)
  while (walker.nextNode()) {
    const e = walker.currentNode.parentElement
    if (!walker.currentNode.data.trim() || !seen(e) || e.closest('script,style,noscript')) continue
    const size = parseFloat(getComputedStyle(e).fontSize)
    if (size < text) bad.push(`${walker.currentNode.data.trim().slice(0, 20)} ${size}px`)
  }
  const wide = document.documentElement.scrollWidth
  if (wide > innerWidth) bad.push(`the page is ${wide} wide`)
  return bad
}"""
LEAST = {"light": (44, 15), "dark": (44, 15), "elder": (60, 24)}

MakePhone = Callable[..., Awaitable[Phone]]


async def faults(phone: Phone) -> list[str]:
    """axe's violations, all its rules, as lines."""
    await phone.page.evaluate((MINIPROGRAM / "node_modules/axe-core/axe.min.js").read_text(encoding="utf-8"))
    found = await phone.page.evaluate("axe.run(document).then(r => r.violations)")
    return [f"{v['id']}: {n['html'][:120]} {n['failureSummary'][:200]}" for v in found for n in v["nodes"]]


async def inspect(phone: Phone, name: str, mode: str) -> None:
    await phone.page.wait_for_timeout(150)
    await settled(phone.page)
    SCREENSHOTS.mkdir(exist_ok=True)
    await phone.page.screenshot(path=SCREENSHOTS / f"{name.replace(' ', '-')}.{mode}.png", full_page=True)
    assert await phone.page.evaluate(MEASURE, list(LEAST[mode])) == []
    assert await faults(phone) == []


@pytest.mark.parametrize("mode", MODES)
async def test_every_page_can_be_read_and_tapped_by_everybody(mode: str, new_phone: MakePhone) -> None:
    phone = await new_phone(mode)
    wrong = []
    for name, (address, there) in OPEN_PAGES.items():
        await phone.open(address)
        await phone.at(there).first.wait_for()
        try:
            await inspect(phone, name, mode)
        except AssertionError as error:
            wrong.append(f"{name}: {error}")
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("mode", MODES)
async def test_the_pages_of_a_booking_are_as_good(mode: str, new_phone: MakePhone, front_city: TestCity) -> None:
    phone = await new_phone(mode)
    await phone.open("pages/home/home")
    await phone.fill("ask-text", "身份证丢了怎么补办")
    await phone.tap("ask-send")
    await phone.at("answer-item").wait_for()
    await phone.fill("ask-text", "办个证")
    await phone.tap("ask-send")
    await phone.at("turn").nth(1).wait_for()
    await inspect(phone, "answers", mode)
    await phone.open(f"pages/booking/time?item={ID_CARD_LOST}&centre={CENTRE}")
    await phone.page.locator('[data-testid^="time-"]:visible').first.click()
    await phone.at("agree").wait_for()
    await inspect(phone, "confirm", mode)
    await phone.tap("agree")
    await phone.tap("confirm")
    await phone.tap("stand-in-allow")
    await phone.at("code").wait_for()
    await inspect(phone, "booked", mode)
    await front_city.work()
    for name, address, there in (
        ("mine", "pages/booking/mine", "bookings"),
        ("messages", "pages/account/messages", "why"),
        ("home with a booking", "pages/home/home", "next"),
    ):
        await phone.open(address)
        await phone.at(there).first.wait_for()
        if name == "messages":
            await phone.tap("why")
        await inspect(phone, name, mode)
