"""Who owes an answer, noted on the conversation once it has lasted a moment.

In a brisk exchange every message would be followed by a write of its own, that an answer is owed or no longer owed,
which nobody looks at in between: clocks and silent officers go by minutes. So a debt is written down when it is still
there after ``NOTE_AFTER``. One that this process takes with it when it dies is found by the conversation's timer, as
the messages tell.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass

from services.consultations.model import Conversation, Entry
from services.consultations.store import ConversationStore, EntryStore
from services.consultations.timing import Timing

log = logging.getLogger("banshi.consultations")

NOTE_AFTER_SECONDS = 2.0


@dataclass(frozen=True)
class _Debt:
    conversation: Conversation
    entries: list[Entry]
    timer: asyncio.TimerHandle


class Owing:
    """The debts of this process's conversations that are not written down yet."""

    def __init__(
        self, store: ConversationStore, entry_store: EntryStore, timing: Timing, seconds: float = NOTE_AFTER_SECONDS
    ) -> None:
        self._store = store
        self._entry_store = entry_store
        self._timing = timing
        self._seconds = seconds
        self._debts: dict[str, _Debt] = {}
        self._writing: set[asyncio.Task[None]] = set()

    def owe(self, conversation: Conversation, entry: Entry) -> None:
        """The resident has said this and the owner owes an answer, since the first that is not answered."""
        if (debt := self._debts.get(conversation.id)) is not None:
            debt.entries.append(entry)
            return
        timer = asyncio.get_running_loop().call_later(self._seconds, self._note, conversation.id)
        self._debts[conversation.id] = _Debt(conversation, [entry], timer)

    def pay(self, answer: Entry) -> None:
        """The owner has said this; an earlier message that was only sent again pays nothing."""
        debt = self._debts.get(answer.conversation)
        if debt is None:
            return
        debt.entries[:] = [entry for entry in debt.entries if entry.seq > answer.seq]
        if not debt.entries:
            debt.timer.cancel()
            del self._debts[answer.conversation]

    async def settled(self) -> None:
        """Writes all down now: for a process that ends."""
        for conversation in list(self._debts):
            self._note(conversation)
        await asyncio.gather(*self._writing)

    def _note(self, conversation: str) -> None:
        debt = self._debts.pop(conversation)
        debt.timer.cancel()
        task = asyncio.create_task(self._write(debt))
        self._writing.add(task)
        task.add_done_callback(self._writing.discard)

    async def _write(self, debt: _Debt) -> None:
        """Another process may take the answer: it is looked for before, and after for who answered meanwhile."""
        id_ = debt.conversation.id
        try:
            for entry in debt.entries:
                if await self._entry_store.answered_after(id_, entry.seq):
                    continue
                wake_at = self._timing.owed_wake(debt.conversation, entry.at, entry.at)
                await self._store.owe(debt.conversation, entry.at, wake_at)
                if await self._entry_store.answered_after(id_, entry.seq):
                    await self._store.not_owed(id_, entry.at)
                return
        except Exception:
            # The conversation's timer finds it.
            log.warning("an answer owed could not be noted", exc_info=True)
