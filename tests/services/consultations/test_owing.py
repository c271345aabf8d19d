"""Who owes an answer is written down when it has lasted a moment, and the messages have the last word."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from services.consultations.model import Conversation
from tests.services.consultations.conftest import MINUTE, Office, Process, caller, come

WHO, OFFICER = "PR-1", "ST-A"


async def served(office: Office, process: Process) -> Conversation:
    """With an officer who has answered once."""
    await come(process, OFFICER)
    waiting = await office.queued(process, WHO)
    await process.desk.do_assign_waiting()
    office.clock.advance(timedelta(seconds=5))
    await process.talk.do_say_as(caller(OFFICER), waiting.id, "first", "您好")
    return await process.queries.of_person(WHO, waiting.id)


async def owed(process: Process, conversation: Conversation) -> bool:
    return (await process.queries.of_person(WHO, conversation.id)).waiting_since is not None


async def test_a_brisk_exchange_writes_nothing_but_its_messages(office: Office) -> None:
    process = office.process()
    chat = await served(office, process)
    for number in range(3):
        said = await process.talk.do_say(WHO, chat.id, f"r{number}", "还有呢")
        office.clock.advance(timedelta(seconds=1))
        answer = await process.talk.do_say_as(caller(OFFICER), chat.id, f"s{number}", "没有了")
        assert answer.seq == said.seq + 1
    await process.talk.settled()
    stored = await process.queries.of_person(WHO, chat.id)
    assert (stored.waiting_since, stored.wake_at, stored.version) == (None, chat.wake_at, chat.version)


async def test_what_is_still_owed_after_a_moment_is_written_down(office: Office) -> None:
    process = office.process()
    process.talk._owing._seconds = 0.05
    chat = await served(office, process)
    said = await process.talk.do_say(WHO, chat.id, "r", "还在吗")
    await process.talk.do_say(WHO, chat.id, "r2", "在吗")
    async with asyncio.timeout(10):
        while not await owed(process, chat):
            await asyncio.sleep(0.02)
    stored = await process.queries.of_person(WHO, chat.id)
    assert stored.waiting_since == said.at
    await process.talk.do_say_as(caller(OFFICER), chat.id, "s", "在")
    assert not await owed(process, chat)


async def test_a_message_sent_again_pays_nothing(office: Office) -> None:
    process = office.process()
    chat = await served(office, process)
    await process.talk.do_say(WHO, chat.id, "r", "还在吗")
    await process.talk.do_say_as(caller(OFFICER), chat.id, "first", "您好")
    await process.talk.settled()
    assert await owed(process, chat)


async def test_an_answer_given_in_another_process_is_found_before_a_debt_is_noted(office: Office) -> None:
    here, there = office.process(), office.process()
    chat = await served(office, here)
    await here.talk.do_say(WHO, chat.id, "r", "还在吗")
    office.clock.advance(timedelta(seconds=1))
    await there.talk.do_say_as(caller(OFFICER), chat.id, "s", "在")
    await here.talk.settled()
    assert not await owed(here, chat)


async def test_an_answer_heard_from_another_process_pays_and_a_recall_does_not(office: Office) -> None:
    here, there = office.process(), office.process()
    chat = await served(office, here)
    said = await here.talk.do_say(WHO, chat.id, "r", "还在吗")
    recalled = await there.talk.do_recall(chat, OFFICER, said.seq - 1)
    here.talk.heard(recalled)
    assert chat.id in here.talk._owing._debts
    here.talk.heard(await there.talk.do_say_as(caller(OFFICER), chat.id, "s", "在"))
    assert not here.talk._owing._debts
    # The next number is known here too.
    assert here.entries._last[chat.id] + 1 == (await here.talk.do_say(WHO, chat.id, "r2", "好的")).seq


async def test_what_is_said_after_an_unheard_answer_is_owed(office: Office) -> None:
    here, there = office.process(), office.process()
    chat = await served(office, here)
    await here.talk.do_say(WHO, chat.id, "r", "还在吗")
    office.clock.advance(timedelta(seconds=1))
    await there.talk.do_say_as(caller(OFFICER), chat.id, "s", "在")
    office.clock.advance(timedelta(seconds=1))
    again = await here.talk.do_say(WHO, chat.id, "r2", "要带什么")
    await here.talk.settled()
    assert (await here.queries.of_person(WHO, chat.id)).waiting_since == again.at


@pytest.mark.parametrize("noted", [True, False])
async def test_a_recall_of_the_officers_is_no_answer(office: Office, noted: bool) -> None:
    process = office.process()
    chat = await served(office, process)
    asked = await process.talk.do_say(WHO, chat.id, "r", "还在吗")
    if noted:
        await process.talk.settled()
    office.clock.advance(timedelta(seconds=1))
    await process.talk.do_recall(chat, OFFICER, asked.seq - 1)
    await process.talk.settled()
    office.clock.advance(MINUTE)
    await process.timers.do_wake_due()
    assert (await process.queries.of_person(WHO, chat.id)).waiting_since == asked.at


async def test_a_recall_of_the_residents_asks_for_nothing(office: Office) -> None:
    process = office.process()
    chat = await served(office, process)
    asked = await process.talk.do_say(WHO, chat.id, "r", "还在吗")
    await process.talk.do_say_as(caller(OFFICER), chat.id, "s", "在")
    await process.talk.do_recall(chat, WHO, asked.seq)
    office.clock.advance(31 * MINUTE)
    await process.officers.do_beat(OFFICER)
    while await process.timers.do_wake_due():
        pass
    stored = await process.queries.of_person(WHO, chat.id)
    assert (stored.state, stored.waiting_since) == ("closed", None)  # nobody has said anything for long


async def test_an_officer_who_answered_is_not_silent_whatever_was_noted(office: Office) -> None:
    """The note of one process and the answer of another crossed."""
    process = office.process()
    chat = await served(office, process)
    said = await process.talk.do_say(WHO, chat.id, "r", "还在吗")
    office.clock.advance(timedelta(seconds=1))
    await process.talk.do_say_as(caller(OFFICER), chat.id, "s", "在")
    await process.store.owe(chat, said.at, office.clock.now() + MINUTE)
    office.clock.advance(10 * MINUTE)
    await process.officers.do_beat(OFFICER)
    await process.timers.do_wake_due()
    stored = await process.queries.of_person(WHO, chat.id)
    assert (stored.owner, stored.state, stored.waiting_since) == (OFFICER, "with_staff", None)


@pytest.mark.parametrize("noted", [True, False])
async def test_a_silent_officer_loses_the_conversation_whether_or_not_it_was_noted(office: Office, noted: bool) -> None:
    process = office.process()
    chat = await served(office, process)
    await process.talk.do_say(WHO, chat.id, "r", "还在吗")
    if noted:
        await process.talk.settled()
    office.clock.advance(31 * MINUTE)
    while await office.process().timers.do_wake_due():
        pass
    assert (await process.queries.of_person(WHO, chat.id)).owner is None
