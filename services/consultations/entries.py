"""Numbering entries without a gap: a new one is inserted as the last known number plus one, and only one can be.

The unique index makes it right; a turn for each conversation and the last number remembered in this process make it
one command: without them every writer would read the last number first, and writers to one conversation would race.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from weakref import WeakValueDictionary

from kernel.clock import Clock
from kernel.errors import Unavailable
from services.consultations.model import Check, Draft, Entry, Kind, Side
from services.consultations.store import EntryStore
from services.store import Duplicate

# Each loss means that somebody else has written to the same conversation.
ATTEMPTS = 50
PATIENCE_SECONDS = 2.0
# Conversations whose last number is remembered; for another it is read once.
REMEMBERED = 20_000


class Turns:
    """One caller of this process at a time for each name, or any after a while: a turn spares work, no more."""

    def __init__(self) -> None:
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    @asynccontextmanager
    async def turn(self, name: str) -> AsyncIterator[None]:
        lock = self._locks.setdefault(name, asyncio.Lock())
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                await lock.acquire()
        except TimeoutError:
            yield
            return
        try:
            yield
        finally:
            lock.release()


class Entries:
    """Appends entries."""

    def __init__(self, store: EntryStore, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._turns = Turns()
        self._last: OrderedDict[str, int] = OrderedDict()

    async def append(self, conversation: str, drafts: Sequence[Draft]) -> list[tuple[Entry, bool]]:
        """Each draft as an entry, in order; False beside one that had been sent before and is there already.

        One database command for the first time of a draft, whatever their number, when nobody interferes.
        Raises Unavailable when others were always faster.
        """
        done: list[tuple[Entry, bool]] = []
        async with self._turns.turn(conversation):
            for _ in range(ATTEMPTS):
                left = list(drafts[len(done) :])
                if not left:
                    return done
                last = self._last.get(conversation)
                if last is None:
                    last = await self._store.last_seq(conversation)
                entries = [self._entry(conversation, last + n, draft) for n, draft in enumerate(left, 1)]
                written = await self._add(entries)
                done += [(entry, True) for entry in entries[:written]]
                self._remember(conversation, last + written)
                if written < len(entries):
                    if (old := await self._sent_before(entries[written])) is not None:
                        done.append((old, False))
                    # Unless more has been heard meanwhile, the last number has to be read.
                    if self._last.get(conversation) == last + written:
                        del self._last[conversation]
        raise Unavailable

    def heard(self, entry: Entry) -> None:
        """Another process has written this: the next number follows it, and nobody has to lose a race to learn that."""
        self._remember(entry.conversation, entry.seq)

    async def answered_after(self, conversation: str, seq: int) -> bool:
        """Whether a member of staff has said something after a number."""
        return await self._store.answered_after(conversation, seq)

    async def _add(self, entries: list[Entry]) -> int:
        try:
            return await self._store.add(entries)
        except Duplicate:
            return 0

    async def _sent_before(self, entry: Entry) -> Entry | None:
        return await self._store.of_sending(entry.conversation, entry.sender, entry.client_msg_id)

    def _remember(self, conversation: str, seq: int) -> None:
        self._last[conversation] = max(seq, self._last.get(conversation, 0))
        self._last.move_to_end(conversation)
        if len(self._last) > REMEMBERED:
            self._last.popitem(last=False)

    def _entry(self, conversation: str, seq: int, draft: Draft) -> Entry:
        now = self._clock.now()
        checked = draft.side is Side.RESIDENT and draft.kind is Kind.TEXT
        return Entry(
            id=f"{conversation}/{seq}",
            conversation=conversation,
            seq=seq,
            at=now,
            side=draft.side,
            sender=draft.sender,
            client_msg_id=draft.client_msg_id,
            kind=draft.kind,
            text=draft.text,
            data=draft.data,
            check=Check.PENDING if checked else None,
            check_at=now if checked else None,
        )


def page_before(before: int, limit: int) -> tuple[int, int]:
    """The (after, limit) of the page that ends before an entry."""
    after = max(0, before - 1 - limit)
    return after, before - 1 - after
