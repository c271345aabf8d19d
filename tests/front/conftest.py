"""The H5 pages, built once, in Chromium, against a running city."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack

import pytest
from playwright.async_api import Browser, async_playwright

from server import embedded
from tests.browser import build
from tests.city import TestCity, running_city
from tests.front.support import MINIPROGRAM, PHONE, Phone, prepare, served, settings_of


@pytest.fixture(scope="session")
def h5() -> str:
    """The folder of the build; built anew only when a source has changed."""
    return str(build(MINIPROGRAM, "build:h5", "dist/build/h5"))


@pytest.fixture(scope="session")
async def front_city(
    h5: str, database_server: embedded.Embedded, valkey_server: embedded.Embedded
) -> AsyncIterator[TestCity]:
    async with running_city(database_server.port, valkey_server.port, "front_city", h5_folder=h5) as city:
        yield city


@pytest.fixture(scope="session")
async def browser() -> AsyncIterator[Browser]:
    program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    assert program, "no Chromium here: `make browser` installs it (apt-get, as root or through sudo)"
    async with async_playwright() as playwright:
        running = await playwright.chromium.launch(executable_path=program)
        yield running
        await running.close()


@pytest.fixture
async def new_phone(browser: Browser, front_city: TestCity) -> AsyncIterator[Callable[..., Awaitable[Phone]]]:
    """Makes phones: ``await new_phone("elder")``. At the end no request may have left the machine."""
    async with AsyncExitStack() as stack:
        phones: list[Phone] = []

        async def make(mode: str = "light", **changes: object) -> Phone:
            given: dict[str, object] = {
                "viewport": PHONE, "locale": "zh-CN", "timezone_id": "Asia/Shanghai", "has_touch": True,
                "device_scale_factor": 2,
            }  # fmt: skip
            context = await browser.new_context(**(given | changes))  # type: ignore[arg-type]
            stack.push_async_callback(context.close)
            await context.add_init_script(settings_of(mode))
            phone = Phone(await context.new_page(), context, served(front_city))
            phone.page.set_default_timeout(10_000)
            await prepare(phone, front_city.clock.now())
            phones.append(phone)
            return phone

        yield make
        for phone in phones:
            phone.check()
