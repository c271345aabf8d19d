"""What the stories share."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.talk import hang_up


@pytest.fixture(autouse=True)
async def lines_hung_up() -> AsyncIterator[None]:
    """Sockets that a failing test leaves open would fail the next one as well."""
    yield
    await hang_up()
