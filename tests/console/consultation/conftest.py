"""A city of its own for conversations in the console: its clock stays inside the working hours."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from server import embedded
from tests.city import TestCity, running_city
from tests.console.consultation import talking


@pytest.fixture(scope="session")
async def city(
    built: Path, database_server: embedded.Embedded, valkey_server: embedded.Embedded
) -> AsyncIterator[TestCity]:
    folder = {"console_folder": str(built), "staff_second_factor": "required"}
    async with running_city(database_server.port, valkey_server.port, "console_consultation", **folder) as city:
        yield city


@pytest.fixture(autouse=True)
async def hung_up() -> AsyncIterator[None]:
    """Residents' lines end with the test."""
    yield
    while talking.screens:
        await talking.screens.pop().drop()
