"""A phone with the residents' pages in it: a Chromium page at the size of a phone that can reach this machine only."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from playwright.async_api import BrowserContext, Locator, Page

from tests.browser import Watch
from tests.city import TestCity

ROOT = Path(__file__).resolve().parents[2]
MINIPROGRAM = ROOT / "miniprogram"
SCREENSHOTS = ROOT / ".screenshots"
PHONE = {"width": 390, "height": 844}
MODES = ("light", "dark", "elder")
# uni-app's fields in H5 tell their page at most so often (ms). Nobody types and taps within that; a test would.
FIELD_TELLS = 110


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
    """``faults``: what the browser complained of."""

    page: Page
    context: BrowserContext
    url: str
    watch: Watch

    @property
    def faults(self) -> list[str]:
        return self.watch.errors

    async def open(self, path: str) -> None:
        await self.page.goto("about:blank")
        await self.page.goto(f"{self.url}/#/{path}")

    def at(self, testid: str) -> Locator:
        """What is on the page now: uni-app keeps the pages before it in the document, hidden."""
        return self.page.locator(f'[data-testid="{testid}"]:visible')

    async def tap(self, testid: str) -> None:
        await self.at(testid).first.click()

    async def fill(self, testid: str, text: str) -> None:
        await self.write(self.at(testid).locator("input"), text)

    async def kept(self, name: str) -> str:
        """What uni-app keeps on this phone under a name; "" where nothing."""
        read = "name => { const kept = localStorage[name]; try { return JSON.parse(kept).data } catch { return kept } }"
        return str(await self.page.evaluate(read, name) or "")

    async def write(self, field: Locator, text: str) -> None:
        await field.fill(text)
        await self.page.wait_for_timeout(FIELD_TELLS)

    def check(self) -> None:
        # A refused or failed request is part of some stories; everything else the browser calls an error is a fault.
        self.watch.check(quiet=("Failed to load resource",))


def settings_of(mode: str) -> str:
    """A script that sets the display before the page's own scripts run, as the switches page would have kept it."""
    kept = {"elder": mode == "elder", "theme": "on" if mode == "dark" else "off"}
    value = json.dumps(json.dumps({"type": "object", "data": kept}))
    unset = "location.protocol === 'http:' && !localStorage.getItem('settings')"
    return f"if ({unset}) localStorage.setItem('settings', {value})"


def clock_of(now: datetime) -> str:
    """A script that gives the page the city's clock."""
    shift = int((now - datetime.now(UTC)).total_seconds() * 1000)
    return SHIFTED_CLOCK.replace("SHIFT", str(shift))


def served(city: TestCity) -> str:
    return city.api.url
