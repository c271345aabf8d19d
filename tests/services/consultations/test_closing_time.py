"""Who is with an officer at closing time is answered, or asked for the form: nobody waits for the next day unasked."""

from __future__ import annotations

from datetime import timedelta

import pytest

from services.consultations.model import Conversation
from tests.services.consultations.conftest import MINUTE, Office, Process, caller, come

WHO, OFFICER = "PR-1", "ST-A"
FIVE_TO_FIVE = timedelta(hours=7, minutes=55)


async def woken(process: Process) -> None:
    while await process.timers.do_wake_due():
        pass


async def served_at_five_to_five(office: Office, process: Process) -> Conversation:
    office.clock.advance(FIVE_TO_FIVE)
    await come(process, OFFICER)
    waiting = await office.queued(process, WHO)
    await process.desk.do_assign_waiting()
    office.clock.advance(timedelta(seconds=5))
    await process.talk.do_say_as(caller(OFFICER), waiting.id, "first", "您好")
    return await process.queries.of_person(WHO, waiting.id)


@pytest.mark.parametrize("noted", [True, False])
async def test_an_answer_owed_when_the_day_is_over_becomes_a_form(office: Office, noted: bool) -> None:
    process = office.process()
    chat = await served_at_five_to_five(office, process)
    office.clock.advance(3 * MINUTE)  # 16:58
    await process.talk.do_say(WHO, chat.id, "r", "还要带什么")
    if noted:
        await process.talk.settled()
    # A debt that its process took with it is found when the timer comes for an idle conversation.
    office.clock.advance((6 if noted else 31) * MINUTE)
    await woken(office.process())
    stored = await process.queries.of_person(WHO, chat.id)
    assert (stored.state, stored.owner, stored.slot, stored.last_owner) == ("off_hours", None, None, OFFICER)
    assert (stored.waiting_since, stored.queued_at, stored.handed_at, stored.avoid) == (None, None, None, [])
    [last] = (await process.queries.entries_after(chat.id, 0))[-1:]
    assert last.text.startswith("现在不是人工服务时间")
    # The officer's hand is free, and the question is left like any other.
    assert await process.queries.mine(OFFICER) == []
    left = await process.consultations.do_leave_form(WHO, chat.id, "还要带什么", "")
    assert [(one.name, one.used) for one in process.queries.clocks(left)] == [("resolution", 0.0)]


async def test_until_then_the_officer_may_finish_and_who_answered_keeps_it(office: Office) -> None:
    process = office.process()
    chat = await served_at_five_to_five(office, process)
    office.clock.advance(4 * MINUTE)  # 16:59
    for number in range(3):
        await process.talk.do_say(WHO, chat.id, f"r{number}", "还有一个问题")
        await process.talk.settled()
        office.clock.advance(4 * MINUTE)
        await woken(process)
        assert (await process.queries.of_person(WHO, chat.id)).owner == OFFICER
        await process.talk.do_say_as(caller(OFFICER), chat.id, f"s{number}", "请讲")
    office.clock.advance(31 * MINUTE)
    await woken(process)
    # Nothing is owed: it has ended like any idle one.
    assert (await process.queries.of_person(WHO, chat.id)).closed_by == "system"


async def test_what_is_said_in_the_evening_is_asked_for_the_same_evening(office: Office) -> None:
    process = office.process()
    chat = await served_at_five_to_five(office, process)
    office.clock.advance(25 * MINUTE)  # 17:20
    await process.talk.do_say(WHO, chat.id, "r", "还有一个问题")
    await process.talk.settled()
    office.clock.advance(4 * MINUTE)
    await woken(process)
    assert (await process.queries.of_person(WHO, chat.id)).state == "with_staff"
    office.clock.advance(MINUTE)
    await woken(process)
    assert (await process.queries.of_person(WHO, chat.id)).state == "off_hours"
