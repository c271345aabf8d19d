"""Files, from settings."""

from __future__ import annotations

from datetime import timedelta

from server.settings import Settings
from server.wiring.parts import Parts
from services.files.actions import Files
from services.files.model import FileRules
from services.files.queries import FileQueries
from services.files.store import ChunkStore, FileStore, QuotaStore


def build(parts: Parts) -> tuple[Files, FileQueries]:
    database = parts.database
    store = FileStore(database)
    rules = file_rules(parts.settings)
    files = Files(store, ChunkStore(database), QuotaStore(database), parts.clock, parts.ids, rules)
    return files, FileQueries(store)


def file_rules(settings: Settings) -> FileRules:
    return FileRules(
        max_bytes=settings.file_limit_mb * 1024 * 1024,
        per_day=settings.files_per_day,
        orphan_for=timedelta(days=settings.orphan_file_days),
        per_day_officer=settings.staff_files_per_day,
    )
