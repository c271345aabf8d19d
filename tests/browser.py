"""A real browser for tests of the front ends: Chromium by Playwright, nothing leaves 127.0.0.1, axe, cached builds."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from playwright.async_api import Browser, Page, Route, async_playwright

ROOT = Path(__file__).resolve().parent.parent
DESKTOP = (1280, 800)
PHONE = (390, 844)
# What a build reads beside these folders; everything else in them is its output or its tests.
_NOT_SOURCES = {"node_modules", "dist", "tests", "unpackage", "artefacts", ".screenshots", "coverage"}
_LOCAL = {"127.0.0.1", ""}
# The browser's own: its viewer of PDF is a part of it.
_NO_NETWORK = {"data", "blob", "chrome", "chrome-extension"}
WCAG_AA = ("wcag2a", "wcag2aa", "wcag21a", "wcag21aa")


def chromium() -> str:
    """The path of the installed browser. Fails with a sentence that says what to install."""
    found = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if found is None:
        raise AssertionError("browser tests need Chromium: apt-get install chromium fonts-wqy-microhei")
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
    foreign: list[str] = []
    errors: list[str] = []

    async def guard(route: Route) -> None:
        parts = urlsplit(route.request.url)
        if parts.scheme in _NO_NETWORK or (parts.hostname or "") in _LOCAL:
            await route.continue_()
        else:
            foreign.append(route.request.url)
            await route.abort()

    await opened.route("**/*", guard)
    page = await opened.new_page()
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
    try:
        yield page
    finally:
        await opened.close()
    assert not foreign, f"requests left the machine: {foreign}"
    loud = [error for error in errors if not any(word in error for word in quiet)]
    assert not loud, f"errors in the page: {loud}"


async def axe(page: Page, folder: Path, *, exclude: tuple[str, ...] = ()) -> None:
    """No violation of WCAG 2.1 A and AA that axe-core (of ``folder``'s node_modules) finds on what the page shows now.

    Run through the debugger, not as a script tag, so that the page's own content security policy stays as it is.
    """
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


def build(folder: Path, script: str = "build", output: str = "dist", environment: dict[str, str] | None = None) -> Path:
    """``npm run <script>`` in ``folder`` unless it was run on just these sources; returns the folder it fills.

    Packages come by ``npm ci`` from the lock file when the lock file has changed. One build at a time on a machine.
    """
    made, notes = folder / output, ROOT / ".build"
    notes.mkdir(exist_ok=True)
    with (notes / f"{folder.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        packages, built = notes / f"{folder.name}.packages", notes / f"{folder.name}.{script.replace(':', '-')}"
        locked = hashlib.sha256((folder / "package-lock.json").read_bytes()).hexdigest()
        if _noted(packages) != locked or not (folder / "node_modules").exists():
            _npm(folder, "ci", "--ignore-scripts", "--no-audit", "--no-fund")
            packages.write_text(locked)
        wanted = _hash_of_sources(folder)
        if _noted(built) != wanted or not made.exists():
            _npm(folder, "run", script, environment=environment)
            built.write_text(wanted)
    return made


def _noted(path: Path) -> str:
    return path.read_text() if path.exists() else ""


def _hash_of_sources(folder: Path) -> str:
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        inside = path.relative_to(folder)
        if path.is_file() and not _NOT_SOURCES & set(inside.parts):
            digest.update(f"{inside}\0".encode() + path.read_bytes())
    return digest.hexdigest()


def _npm(folder: Path, *arguments: str, environment: dict[str, str] | None = None) -> None:
    npm = shutil.which("npm")
    assert npm is not None, "browser tests need Node 20 with npm"
    done = subprocess.run(
        [npm, *arguments], cwd=folder, capture_output=True, text=True, timeout=600, env=os.environ | (environment or {})
    )
    assert done.returncode == 0, f"npm {' '.join(arguments)} failed:\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
