"""A question left while nobody is there: what its resident, its answer and its clock do meanwhile."""

from __future__ import annotations

from datetime import timedelta

import pytest

from kernel.errors import ActionNotAllowed, BanshiError, Code
from services.consultations.model import Check, Conversation, Side
from tests.services.consultations.conftest import MINUTE, Office, Process, caller

WHO, OFFICER = "PR-1", "ST-A"
QUESTION = "周末能办护照吗"
NOON = timedelta(hours=3, minutes=10)  # ten past twelve: between the two periods of the day


async def woken(process: Process) -> None:
    while await process.timers.do_wake_due():
        pass


async def asked(office: Office, process: Process) -> Conversation:
    """At noon, somebody who is asked for the form."""
    office.clock.advance(NOON)
    started = await process.consultations.do_start(WHO)
    return await process.consultations.do_hand_over(WHO, started.id)


async def left(office: Office, process: Process) -> Conversation:
    one = await asked(office, process)
    return await process.consultations.do_leave_form(WHO, one.id, QUESTION, "")


async def test_who_has_left_a_form_begins_another_conversation_at_once(office: Office) -> None:
    process = office.process()
    form = await left(office, process)
    assert (form.state, form.open) == ("deferred", False)
    other = await process.consultations.do_start(WHO)
    assert (other.state, other.id != form.id) == ("bot", True)
    # The form is still listed and answered; the other one goes on.
    assert [one.id for one in await process.queries.forms()] == [form.id]
    office.clock.advance(60 * MINUTE)  # ten past one
    answered = await process.desk.do_answer_form(caller(OFFICER), form.id, "周末不办")
    assert (answered.state, answered.first_answer) == ("closed", 10.0)
    current = await process.queries.current(WHO)
    assert current is not None
    assert current.id == other.id


async def test_a_form_not_answered_in_working_time_is_warned_of_once_for_each_colour(office: Office) -> None:
    process = office.process()
    form = await left(office, process)
    office.clock.advance(50 * MINUTE + 47 * MINUTE)  # 13:47
    await woken(process)
    assert (await process.queries.of_person(WHO, form.id)).alarms == []
    for minutes in (2, 20, 600):
        office.clock.advance(minutes * MINUTE)
        await woken(process)
    late = await process.queries.of_person(WHO, form.id)
    assert [alarm.rsplit("/", 1)[0] for alarm in late.alarms] == ["resolution/yellow", "resolution/red"]
    assert [entry.action for entry in late.history][-2:] == ["warn", "warn"]
    assert (late.state, late.wake_at) == ("deferred", None)


async def test_nobody_is_asked_for_while_nobody_is_there(office: Office) -> None:
    process = office.process()
    shut = await asked(office, process)
    assert shut.state == "off_hours"
    assert "hand_over" not in process.consultations.actions(shut)
    again = await process.consultations.do_hand_over(WHO, shut.id)
    assert (again.state, again.version) == ("off_hours", shut.version)
    office.clock.advance(25 * MINUTE)
    assert "hand_over" not in process.consultations.actions(shut)
    office.clock.advance(30 * MINUTE)  # 13:05
    assert "hand_over" in process.consultations.actions(shut)
    assert (await process.consultations.do_hand_over(WHO, shut.id)).state == "queued"


async def said(process: Process, conversation: Conversation) -> list[tuple[Side, str]]:
    """What people have said, and the changes of state around the form."""
    entries = await process.queries.entries_after(conversation.id, 0)
    kept = [one for one in entries if one.side in (Side.RESIDENT, Side.STAFF) or "form" in str(one.data.get("event"))]
    return [(one.side, one.text) for one in kept]


async def test_a_left_question_is_said_checked_and_there_for_good(office: Office) -> None:
    process = office.process()
    form = await left(office, process)
    entries = await process.queries.entries_after(form.id, 0)
    assert [(one.side, one.text) for one in entries][-2:] == [
        (Side.RESIDENT, QUESTION), (Side.SYSTEM, "您的留言已收到，答复后会通知您。"),
    ]  # fmt: skip
    question = entries[-2]
    assert (question.sender, question.check, question.client_msg_id) == (WHO, Check.PENDING, form.outgoing[-1].id)
    with pytest.raises(BanshiError) as refused:
        await process.talk.do_recall(form, WHO, question.seq)
    assert refused.value.code is Code.MESSAGE_NOT_FOUND
    office.clock.advance(60 * MINUTE)
    await process.desk.do_answer_form(caller(OFFICER), form.id, "周末不办")
    again = await process.consultations.do_reopen(WHO, form.id)
    # The form is done with, and its clock; the words stay. The bot takes none of them for a question to it.
    assert (again.left_form, process.queries.clocks(again)) == (None, [])
    assert (await process.talk.do_catch_up(WHO, form.id)).bot_answered == 0
    assert (Side.RESIDENT, QUESTION) in await said(process, form)
    handed = await process.consultations.do_hand_over(WHO, form.id)
    assert [reading.name for reading in process.queries.clocks(handed)] == ["first_answer", "resolution"]


async def test_an_answer_whose_process_died_is_told_by_the_relay_once_even_when_the_resident_went_on(
    office: Office,
) -> None:
    process = office.process()
    form = await left(office, process)
    before = len(await process.queries.entries_after(form.id, 0))
    office.clock.advance(60 * MINUTE)
    answered = await process.desk.do_answer_form(caller(OFFICER), form.id, "周末不办")
    whole = await said(process, form)
    assert whole[-2:] == [(Side.SYSTEM, "您的留言已答复。"), (Side.STAFF, "周末不办")]
    # As if it had died between the step and the entries.
    await office.database["conversation_entries"].delete_many({"conversation": form.id, "seq": {"$gt": before}})
    other = office.process()
    await office.database["conversations"].update_one({"_id": form.id}, {"$set": {"state": "bot", "handed_at": None}})
    for _ in range(2):
        await other.consultations.do_announce(answered.outgoing[-1])
    assert await said(other, form) == whole


async def test_the_same_answer_again_stands_and_another_is_refused(office: Office) -> None:
    process = office.process()
    form = await left(office, process)
    answered = await process.desk.do_answer_form(caller(OFFICER), form.id, "周末不办")
    again = await office.process().desk.do_answer_form(caller(OFFICER), form.id, "周末不办")
    assert (again.id, again.version) == (answered.id, answered.version)
    for officer, text in ((OFFICER, "周末也办"), ("ST-B", "周末不办")):
        with pytest.raises(ActionNotAllowed):
            await process.desk.do_answer_form(caller(officer), form.id, text)
    assert [text for side, text in await said(process, form) if side is Side.STAFF] == ["周末不办"]
