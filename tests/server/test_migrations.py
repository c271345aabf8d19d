"""Numbered migrations run once, in order, and again after a crash."""

from __future__ import annotations

import pytest

from server.migrations import Migration, migrate
from services.store import Database


async def test_missing_migrations_run_in_order_and_only_once(database: Database) -> None:
    ran: list[int] = []

    def step(number: int) -> Migration:
        async def apply(_: Database) -> None:
            ran.append(number)

        return Migration(number, f"step {number}", apply)

    assert await migrate(database, [step(1)]) == [1]
    assert await migrate(database, [step(1), step(2), step(3)]) == [2, 3]
    assert await migrate(database, [step(1), step(2), step(3)]) == []
    assert ran == [1, 2, 3]


async def test_a_migration_that_died_runs_again(database: Database) -> None:
    async def dies(_: Database) -> None:
        raise RuntimeError("killed")

    async def works(_: Database) -> None: ...

    with pytest.raises(RuntimeError):
        await migrate(database, [Migration(1, "x", dies)])
    assert await migrate(database, [Migration(1, "x", works)]) == [1]


async def test_a_gap_in_the_numbers_is_refused(database: Database) -> None:
    async def works(_: Database) -> None: ...

    with pytest.raises(ValueError, match="without a gap"):
        await migrate(database, [Migration(2, "x", works)])


async def test_the_first_release_begins_with_both_revision_counts(database: Database) -> None:
    await migrate(database)
    assert {d["_id"] async for d in database["revisions"].find({})} == {"catalogue", "centres"}
