"""The matcher of one process: built apart from the catalogue in memory, swapped when a newer edition is there."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path

from nlp import apart
from nlp.answer import Answer
from nlp.departments import Departments
from nlp.matcher import Entry, Matcher
from services.catalogue.model import ItemContent, ItemVersion
from services.catalogue.queries import Catalogue

log = logging.getLogger("banshi.ask")


class Ask:
    """Answers texts. Before the first build it answers as an empty catalogue does."""

    def __init__(self, catalogue: Catalogue, models: Path | None = None) -> None:
        """``models``: the folder of the city's own models (``python -m nlp train hotline``), None where it has none."""
        self._catalogue = catalogue
        self._models = models
        self._matcher: Matcher | None = None
        self._departments: Departments | None = None
        self._edition = -1

    @property
    def items(self) -> int:
        """How many items the matcher knows."""
        return len(self._matcher) if self._matcher else 0

    async def rebuild(self) -> None:
        """Builds a matcher of the catalogue's present edition unless there is one. Questions go on meanwhile."""
        edition = self._catalogue.edition
        if edition == self._edition:
            return
        entries = [entry(item) for item in self._catalogue.all()]
        matcher = await asyncio.to_thread(apart.build, entries)
        # A model that was trained anew is read here too: at the start, and with the next edition of the catalogue.
        self._departments = await asyncio.to_thread(Departments.load, matcher, self._models)
        self._matcher = matcher
        self._edition = edition
        log.info("matcher built", extra={"items": len(entries), "edition": edition})

    def ask(self, text: str) -> Answer:
        """Any text, also empty or nonsense; a millisecond or less for a few hundred items."""
        if self._matcher is None:
            self._matcher = Matcher.build([])
        return self._matcher.ask(text)

    def departments(self, text: str) -> list[str]:
        """Whom a message may be for: at most three departments of the catalogue, the likeliest first."""
        return self._departments.of_the_catalogue(text) if self._departments else []


def entry(item: ItemVersion) -> Entry:
    """What the matcher needs of an item."""
    content = item.content
    return Entry(
        code=content.code,
        version=item.number,
        name=content.name,
        aliases=tuple(content.aliases),
        questions=tuple(content.questions),
        keywords=tuple(content.keywords),
        department=content.department,
        conditions=tuple(content.conditions),
        body=_body(content),
    )


def _body(content: ItemContent) -> str:
    materials = [material.name for material in content.materials]
    steps = [step.name + step.detail for step in content.steps]
    return "\n".join([*materials, *steps, content.result_name, content.notes])
