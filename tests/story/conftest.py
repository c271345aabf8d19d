"""What the stories share."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest

import server.app
from server import embedded
from server.app import serving
from tests.city import running_city
from tests.story.two_processes import Town
from tests.talk import hang_up


@pytest.fixture(autouse=True)
async def lines_hung_up() -> AsyncIterator[None]:
    """Sockets that a failing test leaves open would fail the next one as well."""
    yield
    await hang_up()


@pytest.fixture(scope="module")
async def town(database_server: embedded.Embedded, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Town]:
    folder, port = tmp_path_factory.mktemp("own-valkey"), embedded.free_port()
    valkey = embedded.start_valkey(folder, port)
    async with AsyncExitStack() as stack:
        city = await stack.enter_async_context(running_city(database_server.port, port, "talking_city"))
        settings = city.api.house.settings
        with pytest.MonkeyPatch.context() as patched:
            # Only the second process asks so often whether its clients are there.
            patched.setattr(server.app, "PING_SECONDS", 1.0)
            second = await stack.enter_async_context(serving(settings, port=0, clock=city.clock))
        town = Town(city, second, folder, port, valkey)
        yield town
    town.valkey.stop()
