"""What several tests use: instants, and indexes for a test's database."""

from __future__ import annotations

from datetime import date, time

from kernel.clock import local_instant
from services.store import Database, Store

MONDAY_MORNING = local_instant(date(2026, 11, 23), time(9))


async def create_indexes(database: Database, *stores: type[Store]) -> None:
    """The indexes that ``server init`` would create."""
    for store in stores:
        if indexes := store.all_indexes():
            await database[store.collection_name].create_indexes([index.model() for index in indexes])
