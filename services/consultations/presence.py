"""Who is there to answer, and what they know.

In MongoDB and not in Valkey: some hundred officers beat every twenty seconds, which is nothing, and who is there must
not be forgotten when Valkey restarts.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from msgspec import structs

from kernel.clock import Clock
from kernel.errors import InvalidInput
from services.consultations.data import ConsultationData
from services.consultations.model import Limits, Officer, Presence
from services.consultations.store import OfficerStore

DEFAULT_CAPACITY = 5
MOST_CAPACITY = 50
# Officers not seen for longer are not listed.
LISTED = timedelta(days=90)


class Officers:
    def __init__(self, store: OfficerStore, data: ConsultationData, clock: Clock, limits: Limits) -> None:
        self._store = store
        self._data = data
        self._clock = clock
        self._limits = limits

    async def do_beat(self, staff_id: str, status: Presence | None = None) -> None:
        """A sign of life; ``status`` where it changes."""
        changes = {} if status is None else {"status": status}
        await self._write(staff_id, changes)

    async def do_set_skills(
        self, staff_id: str, departments: list[str], topics: list[str], languages: list[str], capacity: int
    ) -> Officer:
        """What an officer knows and how many conversations they have at once. Raises InvalidInput."""
        if unknown := set(languages) - set(self._data.languages):
            raise InvalidInput(field="$.languages", reason=f"unknown: {sorted(unknown)}")
        if unknown := set(topics) - {one.topic for one in self._data.sensitive}:
            raise InvalidInput(field="$.topics", reason=f"unknown: {sorted(unknown)}")
        known = await self._store.get(staff_id)
        changes = {"departments": departments, "topics": topics, "languages": languages, "capacity": capacity}
        # No sign of life of theirs: it is the supervisor who writes.
        seen_at = known.seen_at if known is not None else self._clock.now() - self._limits.present
        await self._write(staff_id, {**changes, "seen_at": seen_at})
        return structs.replace(known or self.unknown(staff_id), **changes)

    @property
    def languages(self) -> dict[str, str]:
        """Code -> word."""
        return self._data.languages

    @property
    def topics(self) -> dict[str, str]:
        """Sensitive matters that not everybody answers: code -> word."""
        return {one.topic: one.name for one in self._data.sensitive}

    async def capacity(self, staff_id: str) -> int:
        officer = await self._store.get(staff_id)
        return DEFAULT_CAPACITY if officer is None else officer.capacity

    async def one(self, staff_id: str) -> Officer:
        return await self._store.get(staff_id) or self.unknown(staff_id)

    async def all(self) -> list[Officer]:
        """Everybody of the last months; who shows no sign of life is offline whatever they said."""
        now = self._clock.now()
        found = await self._store.seen(now - LISTED)
        for officer in found:
            if officer.seen_at <= now - self._limits.present:
                officer.status = Presence.OFFLINE
        return sorted(found, key=lambda one: one.id)

    def unknown(self, staff_id: str) -> Officer:
        now = self._clock.now()
        return Officer(id=staff_id, seen_at=now, busy_at=now, capacity=DEFAULT_CAPACITY)

    async def _write(self, staff_id: str, changes: Mapping[str, Any]) -> None:
        now = self._clock.now()
        new = {
            "status": Presence.OFFLINE, "busy_at": now, "departments": [], "topics": [], "languages": ["zh"],
            "capacity": DEFAULT_CAPACITY,
        }  # fmt: skip
        await self._store.beat(staff_id, now, changes, {k: v for k, v in new.items() if k not in changes})
