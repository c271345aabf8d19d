"""Numbered migrations: each changes stored data once, in order; ``server init`` runs those that are missing.

A migration is idempotent: a process that dies in the middle runs it again. Indexes are no migrations: they are declared
in the stores and made by ``init`` every time.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from services.store import Database


@dataclass(frozen=True)
class Migration:
    """``number`` grows by one; a released migration never changes."""

    number: int
    title: str
    apply: Callable[[Database], Awaitable[None]]


async def _revisions_exist(database: Database) -> None:
    """Processes compare these counts; a deployment begins with both, so that a missing one means a fault."""
    for topic in ("catalogue", "centres"):
        await database["revisions"].update_one({"_id": topic}, {"$setOnInsert": {"number": 0}}, upsert=True)


MIGRATIONS: Sequence[Migration] = (Migration(1, "revision counts of catalogue and centres exist", _revisions_exist),)


async def migrate(database: Database, migrations: Sequence[Migration] = MIGRATIONS) -> list[int]:
    """Applies what is missing; returns the numbers applied. Raises ValueError when the numbers have a gap."""
    if [m.number for m in migrations] != list(range(1, len(migrations) + 1)):
        raise ValueError("migrations are numbered 1, 2, 3 … without a gap")
    done = {document["_id"] async for document in database["migrations"].find({}, {"_id": 1})}
    applied = []
    for migration in migrations:
        if migration.number in done:
            continue
        await migration.apply(database)
        record = {"title": migration.title, "at": datetime.now(UTC)}
        await database["migrations"].update_one({"_id": migration.number}, {"$set": record}, upsert=True)
        applied.append(migration.number)
    return applied
