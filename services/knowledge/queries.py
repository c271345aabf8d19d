"""The published knowledge as every process keeps it in memory, found by a resident's words."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Mapping

from kernel.errors import Code, NotFound
from nlp import apart
from nlp.answer import Candidate
from nlp.matcher import Entry, Matcher
from services.catalogue.queries import Catalogue
from services.knowledge.model import KnowledgeEntry, Published, Suggestion
from services.knowledge.store import KnowledgeStore

log = logging.getLogger("banshi.knowledge")

# Below this an entry is no help to the officer who reads the suggestions.
LEAST_PROBABILITY = 0.2


class Knowledge:
    """All published entries and a matcher over them; replaced together, so that a reader never sees half."""

    def __init__(self, store: KnowledgeStore, catalogue: Catalogue) -> None:
        self._store = store
        self._catalogue = catalogue
        self._loaded: tuple[Mapping[str, Published], Matcher | None] = ({}, None)

    async def load(self, entries: Iterable[KnowledgeEntry]) -> None:
        """Builds the matcher in a thread, then swaps."""
        published = {entry.id: entry.current for entry in entries if entry.current is not None}
        matcher = await asyncio.to_thread(apart.build, [_entry(i, p) for i, p in sorted(published.items())])
        self._loaded = (published, matcher)
        log.info("knowledge loaded", extra={"entries": len(published)})

    def __len__(self) -> int:
        return len(self._loaded[0])

    def suggest(self, text: str, limit: int = 3) -> list[Suggestion]:
        """The entries that answer a text best, the likeliest first."""
        published, matcher = self._loaded
        if matcher is None or not published:
            return []
        found = matcher.explain(text)
        pairs = list(zip(found.answer.candidates, found.features, strict=True))[:limit]
        return [self._suggestion(published[c.code], c, f["likeness"]) for c, f in pairs
                if c.probability >= LEAST_PROBABILITY]  # fmt: skip

    def _suggestion(self, published: Published, found: Candidate, likeness: float) -> Suggestion:
        return Suggestion(
            id=found.code,
            question=published.content.question,
            answer=published.content.answer,
            item=published.content.item,
            item_name=published.item_name,
            item_version=published.item_version,
            probability=found.probability,
            stale=self.stale(published),
            matched=found.matched,
            likeness=round(likeness, 3),
        )

    def stale(self, published: Published) -> bool:
        """Whether the cited item has changed since, or is no longer offered."""
        try:
            return self._catalogue.get(published.content.item).number != published.item_version
        except NotFound:
            return True

    async def page(self, state: str, after: str, limit: int) -> list[KnowledgeEntry]:
        return await self._store.page(state, after, limit)

    async def one(self, id_: str) -> KnowledgeEntry:
        """Raises NotFound KNOWLEDGE_NOT_FOUND."""
        entry = await self._store.get(id_)
        if entry is None:
            raise NotFound(Code.KNOWLEDGE_NOT_FOUND)
        return entry


def _entry(id_: str, published: Published) -> Entry:
    content = published.content
    return Entry(
        code=id_,
        version=published.number,
        name=content.question,
        questions=tuple(content.phrasings),
        keywords=(published.item_name,),
        body=content.answer,
    )
