"""The H5 pages, built once, in Chromium, against a running city."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack

import pytest
from playwright.async_api import Browser

from server import embedded
from tests.browser import build, watched
from tests.city import TestCity, running_city
from tests.front.support import MINIPROGRAM, PHONE, Phone, clock_of, served, settings_of


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
            await context.add_init_script(clock_of(front_city.clock.now()))
            page, watch = await watched(context)
            phone = Phone(page, context, served(front_city), watch)
            phones.append(phone)
            return phone

        yield make
        for phone in phones:
            phone.check()
