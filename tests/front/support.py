"""A phone with the residents' pages in it: a Chromium page at the size of a phone that can reach this machine only."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

from playwright.async_api import BrowserContext, Locator, Page, Route

from tests.city import TestCity

ROOT = Path(__file__).resolve().parents[2]
MINIPROGRAM = ROOT / "miniprogram"
SCREENSHOTS = ROOT / ".screenshots"
PHONE = {"width": 390, "height": 844}
MODES = ("light", "dark", "elder")


# The city of the tests lives in another year. Not Playwright's own clock: it stops or replaces the page's timers.
SHIFTED_CLOCK = """(() => {
  const Real = Date
  window.Date = class extends Real {
    constructor(...given) { if (given.length) super(...given); else super(Real.now() + (SHIFT)) }
    static now() { return Real.now() + (SHIFT) }
  }
})()"""


@dataclass
class Phone:
    """``escaped``: requests that wanted to leave this machine; ``faults``: what the browser complained of."""

    page: Page
    context: BrowserContext
    url: str
    escaped: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)

    async def open(self, path: str) -> None:
        await self.page.goto("about:blank")
        await self.page.goto(f"{self.url}/#/{path}")

    def at(self, testid: str) -> Locator:
        """What is on the page now: uni-app keeps the pages before it in the document, hidden."""
        return self.page.locator(f'[data-testid="{testid}"]:visible')

    async def tap(self, testid: str) -> None:
        await self.at(testid).first.click()

    async def fill(self, testid: str, text: str) -> None:
        await self.at(testid).locator("input").fill(text)

    def check(self) -> None:
        assert not self.escaped, self.escaped
        assert not self.faults, self.faults


def settings_of(mode: str) -> str:
    """A script that sets the display before the page's own scripts run, as the switches page would have kept it."""
    kept = {"elder": mode == "elder", "theme": "on" if mode == "dark" else "off"}
    value = json.dumps(json.dumps({"type": "object", "data": kept}))
    unset = "location.protocol === 'http:' && !localStorage.getItem('settings')"
    return f"if ({unset}) localStorage.setItem('settings', {value})"


async def prepare(phone: Phone, now: datetime) -> None:
    """No request leaves the machine, complaints are kept, and the clock is the city's."""

    async def guard(route: Route) -> None:
        if urlsplit(route.request.url).hostname == "127.0.0.1":
            await route.continue_()
            return
        phone.escaped.append(route.request.url)
        await route.abort()

    await phone.context.route("**/*", guard)
    phone.page.on("pageerror", lambda error: phone.faults.append(str(error)))
    phone.page.on("console", lambda m: phone.faults.append(m.text) if _is_complaint(m.type, m.text) else None)
    shift = int((now - datetime.now(UTC)).total_seconds() * 1000)
    await phone.context.add_init_script(SHIFTED_CLOCK.replace("SHIFT", str(shift)))


def _is_complaint(kind: str, text: str) -> bool:
    """A refused or failed request is part of some stories; everything else the browser calls an error is a fault."""
    return kind == "error" and not text.startswith("Failed to load resource")


def served(city: TestCity) -> str:
    return city.api.url
