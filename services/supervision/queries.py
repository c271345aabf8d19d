"""Read views of supervision."""

from __future__ import annotations

from services.supervision.model import State, SupervisionEntry
from services.supervision.store import SupervisionStore


class SupervisionQueries:
    """One database command each."""

    def __init__(self, store: SupervisionStore) -> None:
        self._store = store

    async def entries(self, state: State = State.OPEN) -> list[SupervisionEntry]:
        """The newest two hundred in one state."""
        return await self._store.in_state(state)
