"""Preparing a database: indexes, migrations, encryption keys, and the city's own data."""

from __future__ import annotations

import logging
from pathlib import Path

from server.migrations import migrate
from server.wiring import STORES, House
from services.cases.encryption import CASE_KEYS
from services.identity.encryption import DATA_KEYS
from services.imports import Rejection
from services.payments.accounts.encryption import PAYMENT_KEYS

log = logging.getLogger("banshi.setup")


async def initialise(house: House) -> None:
    """Indexes, migrations, keys. Safe to repeat and to run twice at once."""
    for store in STORES:
        if indexes := store.all_indexes():
            await house.database[store.collection_name].create_indexes([index.model() for index in indexes])
    applied = await migrate(house.database)
    await house.cipher.create_keys(DATA_KEYS + CASE_KEYS + PAYMENT_KEYS)
    log.info("database prepared", extra={"migrations": applied})


async def load_data(house: House, folder: Path) -> list[str]:
    """Imports templates, centres and items of a data folder; returns one line for each file, faults included."""
    report: list[str] = []
    templates = await house.city.notifications.do_import_templates((folder / "templates.json").read_bytes())
    report.append(f"templates.json: {templates.added} new, {templates.unchanged} unchanged")
    centres = await house.city.centre_actions.do_import((folder / "centres.jsonl").read_bytes())
    report += _lines("centres.jsonl", f"{len(centres.records)} centres", centres.rejections)
    for file in sorted((folder / "items").glob("*.jsonl")):
        parsed, published = await house.city.catalogue_actions.do_import(file.read_bytes(), by="load")
        report += _lines(f"items/{file.name}", f"{len(parsed.records)} items, {published} published", parsed.rejections)
    return report


def _lines(name: str, summary: str, rejections: list[Rejection]) -> list[str]:
    if not rejections:
        return [f"{name}: {summary}"]
    return [f"{name}: NOTHING imported, {len(rejections)} faults", *(f"  {r}" for r in rejections)]
