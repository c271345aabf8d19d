"""The built console in Chromium, served by a running city that asks staff for a second factor."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, Protocol

import pytest
from playwright.async_api import Browser, Page

from server import embedded
from services.identity.staff import second_factor
from tests.browser import ROOT, build, open_page
from tests.city import CENTRE, TestCity, running_city

CONSOLE = ROOT / "console"
PASSWORD = "correct horse battery"


@dataclass
class Officer:
    """Somebody with a second factor enrolled and one session."""

    city: TestCity
    staff_id: str
    username: str
    secret: bytes
    token: str
    recovery_codes: list[str]

    def code(self) -> str:
        """The next code of the authenticator app: waits, by the city's clock, until there is a new one."""
        self.city.clock.advance(timedelta(seconds=second_factor.STEP_SECONDS))
        return second_factor.code_at(self.secret, second_factor.step_at(self.city.clock.now()))


async def new_account(
    city: TestCity, *roles: str, name: str = "王芳", centre: str | None = CENTRE, department: str | None = None
) -> tuple[str, str]:
    """(staff id, username) of an account that has yet to enrol."""
    username = f"officer{secrets.token_hex(4)}"
    wanted: Any = roles
    made = await city.api.house.city.staff.do_create_staff(
        username, PASSWORD, wanted, by="test", name=name, centre=centre, department=department
    )
    return made.staff_id, username


async def new_officer(
    city: TestCity, *roles: str, name: str = "王芳", centre: str | None = CENTRE, department: str | None = None
) -> Officer:
    staff_id, username = await new_account(city, *roles, name=name, centre=centre, department=department)
    staff = city.api.house.city.staff
    token, _ = await staff.do_sign_in(username, PASSWORD, "127.0.0.1")
    made = await staff.do_begin_enrolment(staff_id, PASSWORD, None, "127.0.0.1")
    secret = second_factor.from_text(made.secret)
    code = second_factor.code_at(secret, second_factor.step_at(city.clock.now()))
    codes = await staff.do_confirm_enrolment(staff_id, code, token, "127.0.0.1")
    return Officer(city, staff_id, username, secret, token, codes)


class OpenConsole(Protocol):
    def __call__(
        self, path: str = "/", officer: Officer | None = None, **options: Any
    ) -> AbstractAsyncContextManager[Page]: ...


@pytest.fixture(scope="session")
def built() -> Path:
    """The console as ``make console`` builds it; built only when its sources have changed."""
    return build(CONSOLE)


@pytest.fixture(scope="session")
async def city(
    built: Path, database_server: embedded.Embedded, valkey_server: embedded.Embedded
) -> AsyncIterator[TestCity]:
    folder = {"console_folder": str(built), "staff_second_factor": "required"}
    async with running_city(database_server.port, valkey_server.port, "console_city", **folder) as city:
        yield city


@pytest.fixture
def console(city: TestCity, browser: Browser) -> OpenConsole:
    """Opens a screen of the console, signed in as ``officer`` or not at all."""

    @asynccontextmanager
    async def opened(path: str = "/", officer: Officer | None = None, **options: Any) -> AsyncIterator[Page]:
        # A refusal that the screen shows in words is also noted by the browser, as a failed resource.
        async with open_page(browser, quiet=("Failed to load resource",), **options) as page:
            if officer is not None:
                # Once: a reload keeps what the tab has made of it since.
                script = "t => { if (!sessionStorage.getItem('seen')) { sessionStorage.setItem('seen', '1'); "
                script += "sessionStorage.setItem('banshi.token', t) } }"
                await page.goto(f"{city.api.url}/console/sign-in")
                await page.evaluate(script, officer.token)
            await page.goto(f"{city.api.url}/console{path}")
            yield page

    return opened
