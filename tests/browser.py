"""A real browser for tests of the front ends: Chromium by Playwright, nothing leaves 127.0.0.1, axe, cached builds."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from playwright.async_api import Browser, BrowserContext, Page, Route, async_playwright, expect

ROOT = Path(__file__).resolve().parent.parent
DESKTOP = (1280, 800)
PHONE = (390, 844)
_LOCAL = {"127.0.0.1", ""}
# The browser's own: its viewer of PDF is a part of it.
_NO_NETWORK = {"data", "blob", "chrome", "chrome-extension"}
WCAG_AA = ("wcag2a", "wcag2aa", "wcag21a", "wcag21aa")
# How long a page may take on a machine that is busy with other things; a page that does what it should takes no longer.
PATIENCE_MS = 30_000
expect.set_options(timeout=PATIENCE_MS)


@dataclass
class Watch:
    """``foreign``: requests that wanted to leave this machine; ``errors``: what scripts threw or the console noted."""

    foreign: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    def check(self, quiet: tuple[str, ...] = ()) -> None:
        """Fails for whatever was seen, but for errors that contain one of ``quiet``."""
        assert not self.foreign, f"requests left the machine: {self.foreign}"
        loud = [error for error in self.errors if not any(word in error for word in quiet)]
        assert not loud, f"errors in the page: {loud}"


async def watched(context: BrowserContext) -> tuple[Page, Watch]:
    """A page of ``context`` that can reach this machine only."""
    watch = Watch()

    async def guard(route: Route) -> None:
        parts = urlsplit(route.request.url)
        if parts.scheme in _NO_NETWORK or (parts.hostname or "") in _LOCAL:
            await route.continue_()
        else:
            watch.foreign.append(route.request.url)
            await route.abort()

    await context.route("**/*", guard)
    page = await context.new_page()
    page.set_default_timeout(PATIENCE_MS)
    page.on("pageerror", lambda error: watch.errors.append(str(error)))
    page.on("console", lambda message: watch.errors.append(message.text) if message.type == "error" else None)
    return page, watch


def chromium() -> str:
    """The path of the installed browser. Fails with a sentence that says what to install."""
    found = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if found is None:
        raise AssertionError("no Chromium here: `make browser` installs it (apt-get, as root or through sudo)")
    return found


@asynccontextmanager
async def running_browser() -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=chromium())
        try:
            yield browser
        finally:
            await browser.close()


@asynccontextmanager
async def open_page(
    browser: Browser, viewport: tuple[int, int] = DESKTOP, *, quiet: tuple[str, ...] = (), **context: Any
) -> AsyncIterator[Page]:
    """A page in a context of its own. At the end it fails if a request wanted to leave the machine, if a script threw,
    or if the console holds an error that contains none of ``quiet``."""
    width, height = viewport
    options = {"locale": "zh-CN", "timezone_id": "Asia/Shanghai", "reduced_motion": "reduce"} | context
    opened = await browser.new_context(viewport={"width": width, "height": height}, **options)
    page, watch = await watched(opened)
    try:
        yield page
    finally:
        await opened.close()
    watch.check(quiet)


async def settled(page: Page) -> None:
    """Until no CSS transition runs: a colour that is still on its way is nobody's to read."""
    await page.evaluate(
        "Promise.allSettled(document.getAnimations().filter(a => a instanceof CSSTransition).map(a => a.finished))"
        ".then(() => null)"
    )


async def axe(page: Page, folder: Path, *, exclude: tuple[str, ...] = ()) -> None:
    """No violation of WCAG 2.1 A and AA that axe-core (of ``folder``'s node_modules) finds on what the page shows now.

    Run through the debugger, not as a script tag, so that the page's own content security policy stays as it is.
    """
    await settled(page)
    source = (folder / "node_modules" / "axe-core" / "axe.min.js").read_text()
    await page.evaluate(source)
    found = await page.evaluate(
        "([tags, exclude]) => axe.run({exclude}, {runOnly: {type: 'tag', values: tags}})",
        [list(WCAG_AA), [[selector] for selector in exclude]],
    )
    violations = [
        f"{v['id']} ({v['impact']}): {v['help']}\n    " + "\n    ".join(n["html"][:200] for n in v["nodes"][:5])
        for v in found["violations"]
    ]
    assert not violations, f"{page.url}\n" + "\n".join(violations)


async def picture(page: Page, folder: Path, name: str) -> None:
    """Keeps what the page shows under ``.screenshots/<folder>/<name>.png``: a build artefact, never committed."""
    path = ROOT / ".screenshots" / folder.name / f"{name}.png"
    path.parent.mkdir(parents=True, exist_ok=True)
    await page.screenshot(path=path, animations="disabled")


def build(folder: Path, script: str = "build", output: str = "dist") -> Path:
    """The folder that ``npm run <script>`` fills, its types made from this API; built only when something changed.

    One build at a time on a machine.
    """
    notes = ROOT / ".build"
    notes.mkdir(exist_ok=True)
    with (notes / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        words = ["node", str(ROOT / "scripts" / "build-once.mjs"), str(folder), script, output]
        done = subprocess.run(
            words, capture_output=True, text=True, timeout=600, check=False, env=os.environ | {"PYTHON": sys.executable}
        )
    assert done.returncode == 0, f"{folder.name} was not built (Node 20 with npm is needed):\n{done.stderr[-4000:]}"
    return folder / output
