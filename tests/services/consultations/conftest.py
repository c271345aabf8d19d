"""Conversations on a database of the test's own, as two processes see them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from kernel.clock import ManualClock
from kernel.ids import Ids
from server.encryption import FieldCipher
from server.wiring import read_workdays
from services.ask.queries import Ask
from services.catalogue.queries import Catalogue
from services.catalogue.store import ItemVersionStore
from services.consultations.access import StaffCaller
from services.consultations.actions import Consultations
from services.consultations.bot import AskBot
from services.consultations.clocks import ConversationClocks
from services.consultations.data import ConsultationData, read_data
from services.consultations.desk import Desk
from services.consultations.entries import Entries
from services.consultations.model import Conversation, Limits, Presence
from services.consultations.ports import Bot
from services.consultations.presence import Officers
from services.consultations.queries import ConsultationQueries
from services.consultations.ratings import Ratings
from services.consultations.store import ConversationStore, EntryStore, OfficerStore, RatingStore, UnansweredStore
from services.consultations.talk import Talk
from services.consultations.timers import Timers
from services.identity.encryption import DATA_KEYS
from services.store import Database
from tests.helpers import create_indexes


@dataclass
class Told:
    """Live events, as they were told."""

    events: list[tuple[str, Mapping[str, Any]]] = field(default_factory=list)

    async def tell(self, topic: str, event: Mapping[str, Any]) -> None:
        self.events.append((topic, event))


class NoImages:
    """These tests send none."""

    async def use(self, file_id: str, owner: str, use: str) -> None:
        raise AssertionError(file_id)

    async def release(self, file_id: str, use: str) -> None:
        raise AssertionError(file_id)


@dataclass
class Process:
    """The capability in one process."""

    store: ConversationStore
    entry_store: EntryStore
    entries: Entries
    consultations: Consultations
    talk: Talk
    desk: Desk
    officers: Officers
    ratings: Ratings
    queries: ConsultationQueries
    timers: Timers
    told: Told
    data: ConsultationData
    clocks: ConversationClocks


@dataclass
class Office:
    database: Database
    clock: ManualClock
    data_folder: Path
    cipher: FieldCipher
    limits: Limits = field(default_factory=Limits)

    def process(self, bot: Bot | None = None) -> Process:
        database, clock, ids, limits, told = self.database, self.clock, Ids(), self.limits, Told()
        workdays = read_workdays(self.data_folder)
        data = read_data((self.data_folder / "consultation.json").read_bytes(), workdays)
        work_time = data.work_time(workdays)
        clocks = ConversationClocks(data.clocks, work_time)
        store, entry_store = ConversationStore(database, clock, ids), EntryStore(database)
        officer_store, rating_store = OfficerStore(database), RatingStore(database, clock, ids)
        unanswered, entries = UnansweredStore(database), Entries(entry_store, clock)
        consultations = Consultations(store, entries, told, self.cipher, data, work_time, clocks, clock, ids, limits)
        catalogue = Catalogue(ItemVersionStore(database))
        officers = Officers(officer_store, data, clock, limits)
        return Process(
            store=store, entry_store=entry_store, entries=entries, consultations=consultations,
            talk=Talk(
                store, entry_store, unanswered, entries, consultations, bot or AskBot(Ask(catalogue), catalogue),
                NoImages(), told, data, clocks, clock, limits,
            ),
            desk=Desk(store, officer_store, officers, consultations, clocks, clock, limits),
            officers=officers, ratings=Ratings(rating_store, store, data, work_time, clock),
            queries=ConsultationQueries(store, entry_store, rating_store, unanswered, clocks, data, clock),
            timers=Timers(store, entry_store, rating_store, consultations, clock, limits), told=told, data=data,
            clocks=clocks,
        )  # fmt: skip

    async def queued(self, process: Process, person: str) -> Conversation:
        """Somebody who waits."""
        started = await process.consultations.do_start(person)
        return await process.consultations.do_hand_over(person, started.id)


def caller(staff_id: str, *, supervisor: bool = False) -> StaffCaller:
    return StaffCaller(staff_id, supervisor, "127.0.0.1")


async def come(process: Process, *staff_ids: str) -> None:
    for staff_id in staff_ids:
        await process.officers.do_beat(staff_id, Presence.ONLINE)


@pytest.fixture
async def office(database: Database, clock: ManualClock, data_folder: Path) -> AsyncIterator[Office]:
    await create_indexes(database, ConversationStore, EntryStore, OfficerStore, RatingStore, UnansweredStore)
    cipher = FieldCipher(database, b"k" * 96)
    await cipher.create_keys(DATA_KEYS)
    yield Office(database, clock, data_folder, cipher)
    await cipher.close()


MINUTE = timedelta(minutes=1)
