"""The published catalogue as every process keeps it in memory: by code, searched by field, department, place, event."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from kernel.errors import Code, NotFound
from services.catalogue.model import (
    EditorFilter,
    EditorLine,
    Field,
    ItemContent,
    ItemRecord,
    ItemVersion,
    LifeEvent,
)
from services.catalogue.store import ItemStore, ItemVersionStore


@dataclass(frozen=True)
class Filter:
    """Which items to list; None means any. ``words`` all have to stand in the name, an alias or a keyword."""

    field: str | None = None
    department: str | None = None
    life_event: str | None = None
    audience: str | None = None
    level: str | None = None
    counter: str | None = None
    words: str | None = None


class Catalogue:
    """All published items; replaced as a whole when a newer edition is published, so that a reader never sees half."""

    def __init__(self, versions: ItemVersionStore) -> None:
        self._versions = versions
        self._items: Mapping[str, ItemVersion] = {}
        # Grows with every load: caches and the matcher's index compare it to know that they are old.
        self.edition = 0
        # What readers make of items and would make again, as finished answers; gone with the edition.
        self.derived: dict[Hashable, Any] = {}

    def load(self, items: Iterable[ItemVersion]) -> None:
        ordered = sorted(items, key=lambda item: item.content.code)
        self._items = {item.content.code: item for item in ordered}
        self.edition += 1
        self.derived = {}

    def __len__(self) -> int:
        return len(self._items)

    def all(self) -> list[ItemVersion]:
        return list(self._items.values())

    def get(self, code: str) -> ItemVersion:
        """The published version. Raises NotFound ITEM_NOT_FOUND."""
        item = self._items.get(code)
        if item is None:
            raise NotFound(Code.ITEM_NOT_FOUND, item=code)
        return item

    async def version(self, code: str, number: int) -> ItemVersion:
        """Any version ever published, for whoever keeps (code, number). Raises NotFound ITEM_NOT_FOUND."""
        current = self._items.get(code)
        if current is not None and current.number == number:
            return current
        found = await self._versions.get(code, number)
        if found is None:
            raise NotFound(Code.ITEM_NOT_FOUND, item=code, version=number)
        return found

    def search(self, wanted: Filter) -> list[ItemVersion]:
        """Items that pass every given filter, in order of their codes."""
        words = wanted.words.casefold().split() if wanted.words else []
        return [item for item in self._items.values() if _passes(item.content, wanted, words)]

    def fields(self) -> dict[Field, int]:
        """How many items each field has."""
        return dict(Counter(item.content.field for item in self._items.values()))

    def departments(self) -> dict[str, int]:
        return dict(Counter(item.content.department for item in self._items.values()))

    def life_events(self) -> dict[LifeEvent, int]:
        return dict(Counter(event for item in self._items.values() for event in item.content.life_events))


class Editorial:
    """The catalogue as editors see it: drafts, withdrawn items, history. Read from the database, not from memory."""

    def __init__(self, store: ItemStore) -> None:
        self._store = store

    async def page(self, wanted: EditorFilter, after: str, limit: int) -> list[EditorLine]:
        """Items in order of their codes, from behind ``after``."""
        return await self._store.page(wanted, after, limit)

    async def item(self, code: str) -> ItemRecord:
        """Raises NotFound ITEM_NOT_FOUND."""
        record = await self._store.get(code)
        if record is None:
            raise NotFound(Code.ITEM_NOT_FOUND, item=code)
        return record


def _passes(content: ItemContent, wanted: Filter, words: list[str]) -> bool:
    if wanted.field is not None and content.field != wanted.field:
        return False
    if wanted.department is not None and content.department != wanted.department:
        return False
    if wanted.life_event is not None and wanted.life_event not in content.life_events:
        return False
    if wanted.audience is not None and wanted.audience not in content.audience:
        return False
    if wanted.level is not None and wanted.level not in content.levels:
        return False
    if wanted.counter is not None and content.counter != wanted.counter:
        return False
    if not words:
        return True
    text = "\n".join((content.name, *content.aliases, *content.keywords)).casefold()
    return all(word in text for word in words)
