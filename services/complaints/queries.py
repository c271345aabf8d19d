"""Read views of complaints: a person's own, and what staff may see."""

from __future__ import annotations

from collections.abc import Sequence

from kernel.errors import Code, NotFound
from services.complaints.model import Complaint, State
from services.complaints.store import ComplaintStore

# What staff have to do: an answered one waits for nobody but the resident, who may never say that they are content.
OPEN = (State.FILED, State.ACCEPTED, State.DISPATCHED)
PAGE = 100


class ComplaintQueries:
    """One database command each."""

    def __init__(self, store: ComplaintStore) -> None:
        self._store = store

    async def mine(self, person: str) -> list[Complaint]:
        """A person's complaints, latest first."""
        return await self._store.of_person(person)

    async def one(self, person: str, complaint_id: str) -> Complaint:
        """Raises NotFound COMPLAINT_NOT_FOUND also for somebody else's."""
        complaint = await self._store.get(complaint_id)
        if complaint is None or complaint.person != person:
            raise NotFound(Code.COMPLAINT_NOT_FOUND, complaint=complaint_id)
        return complaint

    async def queue(self, department: str | None, states: Sequence[str] = OPEN) -> list[Complaint]:
        """The hundred soonest due; for staff of a department only what was dispatched to it."""
        return await self._store.in_states(states, department, PAGE)

    async def any(self, complaint_id: str, department: str | None) -> Complaint:
        """For staff; a department's staff find only what was dispatched to it. Raises NotFound."""
        complaint = await self._store.get(complaint_id)
        if complaint is None or (department is not None and complaint.department != department):
            raise NotFound(Code.COMPLAINT_NOT_FOUND, complaint=complaint_id)
        return complaint
