"""One running city with the item of tests/cases.py for all stories of cases."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from server import embedded
from tests.cases import publish
from tests.city import START, TestCity, running_city

# Officers who stay signed in for the weeks that a case takes.
LONG_SESSIONS = {"staff_session_hours": 10_000, "staff_idle_minutes": 600_000}


@pytest.fixture(scope="package")
async def city(database_server: embedded.Embedded, valkey_server: embedded.Embedded) -> AsyncIterator[TestCity]:
    async with running_city(database_server.port, valkey_server.port, "case_city", **LONG_SESSIONS) as running:
        await publish(running)
        yield running


@pytest.fixture(autouse=True)
def morning(city: TestCity) -> None:
    """Every test starts on the same Tuesday, 2090-11-21; what earlier tests left over is theirs."""
    city.clock.set(START)
