"""A question left while nobody is there: what its resident, its answer and its clock do meanwhile."""

from __future__ import annotations

from datetime import timedelta

from services.consultations.model import Conversation
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
