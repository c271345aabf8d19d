"""Fixtures: one embedded database and Valkey for the whole run, a fresh database and key space for each test."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from pymongo import AsyncMongoClient
from redis.asyncio import Redis

from kernel.clock import ManualClock
from kernel.ids import Ids
from server import embedded
from services.store import Database, Document
from tests.city import TestCity, running_city
from tests.helpers import MONDAY_MORNING

_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def database_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[embedded.Embedded]:
    server = embedded.start_database(tmp_path_factory.mktemp("database"), embedded.free_port())
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
async def shared_city(database_server: embedded.Embedded, valkey_server: embedded.Embedded) -> AsyncIterator[TestCity]:
    """One running city for all tests that do not disturb others: each uses residents of its own."""
    async with running_city(database_server.port, valkey_server.port, "shared_city") as city:
        yield city
