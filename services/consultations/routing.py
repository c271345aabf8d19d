"""Who gets a conversation: the last officer for a day, else whoever fits, has a free hand and has been idle longest."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from services.consultations.model import Conversation, Needs, Officer


class Loads:
    """The slots that each officer's conversations take."""

    def __init__(self, conversations: Iterable[Conversation]) -> None:
        self._taken: defaultdict[str, set[int]] = defaultdict(set)
        for one in conversations:
            if one.owner is not None and one.slot is not None:
                self._taken[one.owner].add(one.slot)

    def free_slot(self, officer: str, capacity: int | None) -> int | None:
        """The lowest free slot; None when all of ``capacity`` are taken (None: no bound, for who takes over)."""
        taken = self._taken[officer]
        slots = range(capacity if capacity is not None else len(taken) + 1)
        return next((slot for slot in slots if slot not in taken), None)

    def take(self, officer: str, slot: int) -> None:
        self._taken[officer].add(slot)


def fits(officer: Officer, needs: Needs) -> bool:
    """Whether the officer knows the department, the topic and the language."""
    knows_department = not needs.department or not officer.departments or needs.department in officer.departments
    knows_topic = not needs.topic or not officer.topics or needs.topic in officer.topics
    return knows_department and knows_topic and needs.language in officer.languages


def candidates(
    conversation: Conversation, officers: Sequence[Officer], loads: Loads, now: datetime, widen: timedelta
) -> list[tuple[Officer, int]]:
    """Officers with a free slot that may get it, the first choice first.

    After ``widen`` of waiting anybody may: a generalist's answer is better than none. Who has let it lie comes last
    then, and not at all before.
    """
    waited = now - (conversation.seeking_since or now)
    wide = waited >= widen
    found = []
    for officer in officers:
        avoided = officer.id in conversation.avoid
        slot = loads.free_slot(officer.id, officer.capacity)
        if slot is None or (avoided and not wide) or not (wide or fits(officer, conversation.needs)):
            continue
        sticky = officer.id == conversation.sticky
        order = (avoided, not sticky, not fits(officer, conversation.needs), officer.busy_at, officer.id)
        found.append((order, officer, slot))
    return [(officer, slot) for _, officer, slot in sorted(found, key=lambda one: one[0])]
