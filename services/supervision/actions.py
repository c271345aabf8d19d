"""All changes of supervision entries."""

from __future__ import annotations

import contextlib
from typing import Any

from kernel.clock import Clock
from kernel.errors import ActionNotAllowed, Code, Conflict, NotFound
from kernel.ids import Ids, Kind
from kernel.machine import Actor
from services.store import Duplicate, Event, Step
from services.supervision.machine import MACHINE, OPEN
from services.supervision.model import SETTLING, TASK_DECIDED, WARNINGS, SupervisionEntry, kind_of
from services.supervision.store import ONE_EVENT, SupervisionStore

STEP_ATTEMPTS = 4


class Supervision:
    """An event makes an entry; supervisors acknowledge it (somebody is on it) and close it with what came of it. A
    warning is settled by the decision that it warned of."""

    def __init__(self, store: SupervisionStore, clock: Clock, ids: Ids) -> None:
        self._store = store
        self._clock = clock
        self._ids = ids

    async def do_open(self, event: Event) -> None:
        """The relay's turn: one entry for the event. Idempotent: the second time it is there already."""
        now, data = self._clock.now(), event.data
        entry = SupervisionEntry(
            id=self._ids.new(Kind.SUPERVISION), state=OPEN.target, created_at=now, updated_at=now, event=event.id,
            kind=kind_of(event), subject=event.aggregate, number=_text(data, "number"),
            title=_text(data, "item_name") or _text(data, "title"),
            department=_text(data, "department"), centre=_text(data, "centre"),
            officer=_text(data, "owner"), clock=_text(data, "clock"),
        )  # fmt: skip
        told = {"kind": entry.kind.value, "subject": entry.subject}
        try:
            await self._store.create(entry, Step(OPEN, Actor.SYSTEM, data=told))
        except Duplicate as duplicate:
            if duplicate.index != ONE_EVENT:
                raise

    async def do_settle(self, event: Event) -> None:
        """The relay's turn: warnings that the event ends, with what ended them. Idempotent: settled ones are settled.

        Red entries and second notices stay: they are looked into whatever was decided.
        """
        words = SETTLING[event.name]
        clock = f"task:{event.data.get('task')}" if event.name == TASK_DECIDED else None
        for entry in await self._store.of_subject(event.aggregate):
            if entry.kind in WARNINGS and clock in (None, entry.clock):
                with contextlib.suppress(ActionNotAllowed):
                    await self._step("", entry.id, "settle", words, Actor.SYSTEM)

    async def do_acknowledge(self, supervisor: str, entry_id: str, note: str = "") -> SupervisionEntry:
        """Raises NotFound SUPERVISION_NOT_FOUND, ActionNotAllowed, Conflict."""
        return await self._step(supervisor, entry_id, "acknowledge", note)

    async def do_close(self, supervisor: str, entry_id: str, note: str) -> SupervisionEntry:
        """With what was found and done. Raises as do_acknowledge."""
        return await self._step(supervisor, entry_id, "close", note)

    async def _step(
        self, by: str, entry_id: str, action: str, note: str, actor: Actor = Actor.STAFF
    ) -> SupervisionEntry:
        for _ in range(STEP_ATTEMPTS):
            entry = await self._store.get(entry_id)
            if entry is None:
                raise NotFound(Code.SUPERVISION_NOT_FOUND, entry=entry_id)
            edge = MACHINE.step(entry.state, action, actor)
            changes = {"note": note or entry.note}
            told = {"kind": entry.kind.value, "subject": entry.subject}
            written = await self._store.step(entry, Step(edge, actor, by, note, changes, told))
            if written is not None:
                return written
        raise Conflict


def _text(data: dict[str, Any], key: str) -> str:
    return str(data.get(key) or "")
