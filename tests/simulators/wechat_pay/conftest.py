"""One simulator for each test, with our client in front of it."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.simulators.wechat_pay.support import Pay, running_pay


@pytest.fixture
async def pay() -> AsyncIterator[Pay]:
    async with running_pay() as running:
        yield running
