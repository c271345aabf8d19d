"""Changing the catalogue: drafts, publication, withdrawal, import of a whole file."""

from __future__ import annotations

from datetime import datetime

import msgspec

from kernel.clock import Clock
from kernel.errors import Code, Conflict, InvalidInput, NotFound
from kernel.machine import Actor
from services.catalogue.faults import faults
from services.catalogue.machine import BEGIN, MACHINE
from services.catalogue.model import ItemContent, ItemRecord, ItemVersion
from services.catalogue.queries import Catalogue
from services.catalogue.store import ItemStore, ItemVersionStore
from services.imports import Parsed, parse
from services.store import Duplicate, RevisionStore, Step, Transaction, to_document

TOPIC = "catalogue"


class CatalogueActions:
    """Writes items and tells every process to read them anew."""

    def __init__(
        self, store: ItemStore, versions: ItemVersionStore, revisions: RevisionStore, catalogue: Catalogue, clock: Clock
    ) -> None:
        self._store = store
        self._versions = versions
        self._revisions = revisions
        self._catalogue = catalogue
        self._clock = clock

    async def do_edit(
        self, content: ItemContent, by: str, actor: Actor = Actor.STAFF, *, seen: int | None = None, note: str = ""
    ) -> ItemRecord:
        """Keeps a draft of the next version. ``seen``: the record's version that the editor began from, 0 for a new
        item; None takes whatever is there. ``note`` is kept in the history.

        Raises InvalidInput (names the first field, and all in ``faults``), Conflict (somebody was faster).
        """
        if wrong := faults(content):
            every = [{"field": field, "reason": reason} for field, reason in wrong]
            raise InvalidInput(field=wrong[0][0], reason=wrong[0][1], faults=every)
        record = await self._store.get(content.code)
        if seen is not None and seen != (0 if record is None else record.version):
            raise Conflict(item=content.code)
        changes = {"draft": to_document(content)}
        if record is None:
            fresh = self._blank(content, self._clock.now())
            try:
                return await self._store.create(fresh, Step(BEGIN, actor, by, note, data={"code": content.code}))
            except Duplicate:
                raise Conflict from None
        action = "edit" if record.state == "draft" else f"edit_{record.state}"
        edge = MACHINE.step(record.state, action, actor)
        return _written(await self._store.step(record, Step(edge, actor, by, note, changes, {"code": record.id})))

    async def do_publish(
        self, code: str, by: str, actor: Actor = Actor.STAFF, *, seen: int | None = None, note: str = ""
    ) -> ItemRecord:
        """Makes the draft the current version, or puts a withdrawn item's last version back when there is no draft.

        ``seen``: the record's version that was looked at; Conflict when it is another by now. None takes any.
        """
        record = await self._require(code)
        if seen is not None and seen != record.version:
            raise Conflict(item=code)
        edge = MACHINE.step(record.state, "publish", actor)
        content = record.draft or (record.current.content if record.current and record.state == "withdrawn" else None)
        if content is None:
            raise InvalidInput(field="draft", reason="没有待发布的草稿")
        version = ItemVersion(number=record.last_number + 1, published_at=self._clock.now(), content=content)
        # The version first: nobody can see it until the record names it, and a second attempt writes the same number.
        await self._versions.add([version])
        changes = {"draft": None, "current": to_document(version), "last_number": version.number}
        data = {"code": code, "number": version.number}
        written = _written(await self._store.step(record, Step(edge, actor, by, note, changes, data)))
        await self._published()
        return written

    async def do_withdraw(self, code: str, by: str, reason: str, actor: Actor = Actor.STAFF) -> ItemRecord:
        """Takes an item off: it can no longer be found, asked for or booked; its versions stay readable."""
        record = await self._require(code)
        edge = MACHINE.step(record.state, "withdraw", actor)
        step = Step(edge, actor, by, note=reason, data={"code": code, "number": record.last_number})
        written = _written(await self._store.step(record, step))
        await self._published()
        return written

    async def do_import(self, text: bytes, by: str, *, as_csv: bool = False) -> tuple[Parsed[ItemContent], int]:
        """Publishes every item of a file whose content is new, in one transaction; (report, number published).

        One rejected line and nothing is written.
        """
        parsed = parse(text, ItemContent, faults, lambda content: content.code, as_csv=as_csv)
        if not parsed.sound:
            return parsed, 0
        known = await self._store.many([content.code for content in parsed.records])
        changed = [content for content in parsed.records if not _same(known.get(content.code), content)]

        async def write(session: Transaction) -> None:
            await self._publish_all(changed, known, by, session)
            await self._revisions.bump(TOPIC, session)

        if changed:
            await self._store.in_transaction(write)
            await self.refresh()
        return parsed, len(changed)

    async def refresh(self) -> None:
        """Reads all published items into this process."""
        self._catalogue.load([item async for item in self._store.published()])

    async def _publish_all(
        self, contents: list[ItemContent], known: dict[str, ItemRecord], by: str, session: Transaction
    ) -> None:
        now = self._clock.now()
        for content in contents:
            record = known.get(content.code)
            number = record.last_number + 1 if record else 1
            version = ItemVersion(number=number, published_at=now, content=content)
            await self._versions.add([version], session)
            data = {"code": content.code, "number": number}
            if record is None:
                edge = MACHINE.step("draft", "publish", Actor.SYSTEM)
                fresh = msgspec.structs.replace(
                    self._blank(content, now), draft=None, current=version, last_number=number
                )
                await self._store.create(fresh, Step(edge, Actor.SYSTEM, by, "import", data=data), session)
                continue
            edge = MACHINE.step(record.state, "publish", Actor.SYSTEM)
            changes = {"draft": None, "current": to_document(version), "last_number": number}
            _written(await self._store.step(record, Step(edge, Actor.SYSTEM, by, "import", changes, data), session))

    async def _require(self, code: str) -> ItemRecord:
        record = await self._store.get(code)
        if record is None:
            raise NotFound(Code.ITEM_NOT_FOUND, item=code)
        return record

    async def _published(self) -> None:
        await self._revisions.bump(TOPIC)
        await self.refresh()

    @staticmethod
    def _blank(content: ItemContent, now: datetime) -> ItemRecord:
        return ItemRecord(id=content.code, state="draft", created_at=now, updated_at=now, draft=content)


def _same(record: ItemRecord | None, content: ItemContent) -> bool:
    return (
        record is not None
        and record.state == "published"
        and record.current is not None
        and record.current.content == content
    )


def _written(record: ItemRecord | None) -> ItemRecord:
    if record is None:
        raise Conflict
    return record
