"""Writing the knowledge base and the canned answers."""

from __future__ import annotations

from collections.abc import Mapping

from kernel.clock import Clock
from kernel.errors import Code, Conflict, InvalidInput, NotAllowed, NotFound
from kernel.ids import Ids, Kind
from kernel.machine import Actor
from services.catalogue.queries import Catalogue
from services.knowledge.machine import BEGIN, MACHINE, PROPOSE
from services.knowledge.model import CannedAnswer, Content, KnowledgeEntry, Published, State, canned_faults
from services.knowledge.queries import Knowledge
from services.knowledge.store import CannedStore, KnowledgeStore
from services.store import Duplicate, RevisionStore, Step, to_document

TOPIC = "knowledge"


class KnowledgeActions:
    """Entries: proposed, written, published, withdrawn; every process then reads them anew."""

    def __init__(
        self,
        store: KnowledgeStore,
        revisions: RevisionStore,
        knowledge: Knowledge,
        catalogue: Catalogue,
        clock: Clock,
        ids: Ids,
    ) -> None:
        self._store = store
        self._revisions = revisions
        self._knowledge = knowledge
        self._catalogue = catalogue
        self._clock = clock
        self._ids = ids

    async def do_propose(self, question: str, by: str, origin: str | None = None) -> KnowledgeEntry:
        """Keeps an unanswered question for whoever edits the knowledge base; the same ``origin`` makes one entry."""
        entry = self._blank(Content(question=question.strip()), origin)
        try:
            return await self._store.create(entry, Step(PROPOSE, Actor.STAFF, by))
        except Duplicate:
            known = await self._store.of_origin(origin) if origin else None
            if known is None:
                raise
            return known

    async def do_write(self, content: Content, by: str) -> KnowledgeEntry:
        """A new draft. Raises InvalidInput, NotFound ITEM_NOT_FOUND."""
        self._check(content)
        return await self._store.create(self._blank(content, None), Step(BEGIN, Actor.STAFF, by))

    async def do_edit(self, id_: str, content: Content, seen: int, by: str) -> KnowledgeEntry:
        """Raises Conflict when the entry is no longer at the version ``seen``."""
        self._check(content)
        return await self._step(await self._require(id_), "edit", by, {"draft": to_document(content)}, seen)

    async def do_publish(self, id_: str, seen: int, by: str) -> KnowledgeEntry:
        """Makes the draft what suggestions and the bot answer. Raises InvalidInput when answer or item is missing."""
        entry = await self._require(id_)
        content = entry.draft or (entry.current.content if entry.current else None)
        if content is None or (entry.draft is None and entry.state == State.PUBLISHED):
            raise InvalidInput(field="draft", reason="没有待发布的草稿")
        if not content.answer.strip():
            raise InvalidInput(field="$.answer", reason="请先写好答复")
        if not content.item:
            raise InvalidInput(field="$.item", reason="答复须注明依据的事项")
        item = self._catalogue.get(content.item)
        version = Published(
            number=entry.last_number + 1, published_at=self._clock.now(), content=content,
            item_version=item.number, item_name=item.content.name,
        )  # fmt: skip
        changes = {"draft": None, "current": to_document(version), "last_number": version.number}
        written = await self._step(entry, "publish", by, changes, seen)
        await self._published()
        return written

    async def do_withdraw(self, id_: str, reason: str, by: str) -> KnowledgeEntry:
        written = await self._step(await self._require(id_), "withdraw", by, {}, note=reason)
        await self._published()
        return written

    async def do_reject(self, id_: str, reason: str, by: str) -> KnowledgeEntry:
        """A proposal that will not become knowledge."""
        return await self._step(await self._require(id_), "reject", by, {}, note=reason)

    async def refresh(self) -> None:
        """Reads all published entries into this process."""
        await self._knowledge.load([entry async for entry in self._store.published()])

    def _check(self, content: Content) -> None:
        if not content.question.strip():
            raise InvalidInput(field="$.question", reason="问题不能为空")
        if content.item:
            self._catalogue.get(content.item)

    def _blank(self, content: Content, origin: str | None) -> KnowledgeEntry:
        now = self._clock.now()
        return KnowledgeEntry(
            id=self._ids.new(Kind.KNOWLEDGE), state="", created_at=now, updated_at=now, draft=content, origin=origin
        )

    async def _require(self, id_: str) -> KnowledgeEntry:
        entry = await self._store.get(id_)
        if entry is None:
            raise NotFound(Code.KNOWLEDGE_NOT_FOUND)
        return entry

    async def _step(
        self,
        entry: KnowledgeEntry,
        action: str,
        by: str,
        changes: Mapping[str, object],
        seen: int | None = None,
        note: str = "",
    ) -> KnowledgeEntry:
        edge = MACHINE.step(entry.state, action, Actor.STAFF)
        if seen is not None and entry.version != seen:
            raise Conflict
        written = await self._store.step(entry, Step(edge, Actor.STAFF, by, note, changes, {"entry": entry.id}))
        if written is None:
            raise Conflict
        return written

    async def _published(self) -> None:
        await self._revisions.bump(TOPIC)
        await self.refresh()


class CannedAnswers:
    """Answers kept ready: the supervisor's are everybody's, others' are their own."""

    def __init__(self, store: CannedStore, clock: Clock, ids: Ids) -> None:
        self._store = store
        self._clock = clock
        self._ids = ids

    async def do_add(self, owner: str, shortcut: str, title: str, text: str, by: str) -> CannedAnswer:
        """Raises InvalidInput, Conflict SHORTCUT_TAKEN."""
        answer = self._made(self._ids.new(Kind.CANNED), owner, shortcut, title, text, by)
        try:
            await self._store.add(answer)
        except Duplicate:
            raise Conflict(Code.SHORTCUT_TAKEN, shortcut=shortcut) from None
        return answer

    async def do_change(
        self, id_: str, shortcut: str, title: str, text: str, by: str, *, everybodys: bool
    ) -> CannedAnswer:
        """``everybodys``: whether the caller may change what belongs to everybody."""
        seen = await self._owned(id_, by, everybodys)
        answer = self._made(id_, seen.owner, shortcut, title, text, by)
        try:
            if not await self._store.replace(answer, seen):
                raise Conflict
        except Duplicate:
            raise Conflict(Code.SHORTCUT_TAKEN, shortcut=shortcut) from None
        return answer

    async def do_remove(self, id_: str, by: str, *, everybodys: bool) -> None:
        await self._owned(id_, by, everybodys)
        await self._store.remove(id_)

    async def usable_by(self, officer: str) -> list[CannedAnswer]:
        """Everybody's and the officer's own."""
        return await self._store.usable_by(officer)

    async def _owned(self, id_: str, by: str, everybodys: bool) -> CannedAnswer:
        answer = await self._store.get(id_)
        if answer is None or answer.owner not in ("", by):
            raise NotFound(Code.CANNED_NOT_FOUND)
        if answer.owner == "" and not everybodys:
            raise NotAllowed(roles=["supervisor", "catalogue_editor"])
        return answer

    def _made(self, id_: str, owner: str, shortcut: str, title: str, text: str, by: str) -> CannedAnswer:
        if wrong := canned_faults(shortcut, text):
            raise InvalidInput(field=wrong[0][0], reason=wrong[0][1])
        return CannedAnswer(
            id=id_, owner=owner, shortcut=shortcut, title=title, text=text, updated_at=self._clock.now(), updated_by=by
        )
