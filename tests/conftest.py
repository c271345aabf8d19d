"""Fixtures: one embedded database and Valkey for the whole run, a fresh database and key space for each test."""

from __future__ import annotations

import itertools
import shutil
import signal
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from pymongo import AsyncMongoClient
from redis.asyncio import Redis

from kernel.clock import ManualClock
from kernel.ids import Ids
from server import embedded
from services.store import Database, Document
from tests.city import TestCity, running_city
from tests.helpers import MONDAY_MORNING

if TYPE_CHECKING:
    from playwright.async_api import Browser

_numbers = itertools.count(1)


def pytest_configure() -> None:
    """A run that is told to stop, by a time limit around it for instance, takes its servers with it."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.default_int_handler)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files with slow tests first: in the end no worker is left with one alone while the others have nothing to do."""
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: item.path not in slow)


# Where the machine has one: every write waits for the disk, which is most of what writing costs here. Nothing that
# these tests are about outlives the machine; those that kill the database keep theirs on the disk.
MEMORY_DISK = Path("/dev/shm")
MEMORY_DISK_FREE = 4 * 1024**3


@pytest.fixture(scope="session")
def database_server() -> Iterator[embedded.Embedded]:
    in_memory = MEMORY_DISK.is_dir() and shutil.disk_usage(MEMORY_DISK).free > MEMORY_DISK_FREE
    with tempfile.TemporaryDirectory(prefix="banshi-tests-", dir=MEMORY_DISK if in_memory else None) as folder:
        server = embedded.start_database(Path(folder), embedded.free_port())
        yield server
        server.stop()


@pytest.fixture(scope="session")
def valkey_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[embedded.Embedded]:
    server = embedded.start_valkey(tmp_path_factory.mktemp("valkey"), embedded.free_port())
    yield server
    server.stop()


@pytest.fixture(scope="session")
async def mongo(database_server: embedded.Embedded) -> AsyncIterator[AsyncMongoClient[Document]]:
    client: AsyncMongoClient[Document] = AsyncMongoClient(embedded.database_uri(database_server.port), tz_aware=True)
    yield client
    await client.close()


@pytest.fixture
async def database(mongo: AsyncMongoClient[Document]) -> AsyncIterator[Database]:
    """A database of the test's own, without indexes: tests that need them call ``helpers.create_indexes``."""
    name = f"test{next(_numbers)}"
    yield mongo[name]
    await mongo.drop_database(name)


@pytest.fixture
async def valkey(valkey_server: embedded.Embedded) -> AsyncIterator[Redis]:
    client = Redis.from_url(embedded.valkey_uri(valkey_server.port), decode_responses=True)
    await client.flushdb()
    yield client
    await client.aclose()


@pytest.fixture
def clock() -> ManualClock:
    """Monday 2026-11-23, 09:00 in Weihai."""
    return ManualClock(MONDAY_MORNING)


@pytest.fixture
def ids() -> Ids:
    return Ids()


@pytest.fixture(scope="session")
def data_folder() -> Path:
    return Path(__file__).resolve().parent.parent / "data"


@pytest.fixture(scope="session")
async def browser() -> AsyncIterator[Browser]:
    # Playwright is read only where a browser is needed.
    from tests.browser import running_browser

    async with running_browser() as running:
        yield running


@pytest.fixture(scope="session")
async def shared_city(database_server: embedded.Embedded, valkey_server: embedded.Embedded) -> AsyncIterator[TestCity]:
    """One running city for all tests that do not disturb others: each uses residents of its own."""
    async with running_city(database_server.port, valkey_server.port, "shared_city") as city:
        yield city
