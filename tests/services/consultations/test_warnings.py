"""A late answer is warned of when it is late: once for each colour, whoever owes it and whoever waits again."""

from __future__ import annotations

from datetime import timedelta

from services.consultations.announcing import lateness
from services.consultations.model import Conversation
from tests.services.consultations.conftest import MINUTE, Office, Process, caller, come

WHO, OFFICER = "PR-1", "ST-A"
SECOND = timedelta(seconds=1)


async def served(office: Office, process: Process) -> Conversation:
    """With an officer who has answered once."""
    await come(process, OFFICER)
    waiting = await office.queued(process, WHO)
    await process.desk.do_assign_waiting()
    office.clock.advance(5 * SECOND)
    await process.talk.do_say_as(caller(OFFICER), waiting.id, "first", "您好")
    return await process.queries.of_person(WHO, waiting.id)


async def passing(office: Office, process: Process, chat: Conversation, seconds: int) -> list[tuple[int, str]]:
    """The warnings of this while, each with the second it came in: timers are looked at every second."""
    told: list[tuple[int, str]] = []
    before = (await process.queries.of_person(WHO, chat.id)).alarms
    for second in range(1, seconds + 1):
        office.clock.advance(SECOND)
        await process.timers.do_wake_due()
        stored = await process.queries.of_person(WHO, chat.id)
        told += [(second, alarm.rsplit("/", 1)[0]) for alarm in stored.alarms if alarm not in before]
        before = stored.alarms
    return told


async def test_a_next_answer_is_late_before_its_officer_loses_the_conversation(office: Office) -> None:
    process = office.process()
    chat = await served(office, process)
    await process.talk.do_say(WHO, chat.id, "r", "还要带什么")
    await process.talk.settled()
    told = await passing(office, process, chat, 302)
    assert told == [(240, "next_answer/yellow"), (300, "next_answer/red")]
    stored = await process.queries.of_person(WHO, chat.id)
    late = [event.data for event in stored.outgoing if event.name == "conversation.late"]
    assert [(one["clock"], one["colour"], one["title"], one["owner"]) for one in late] == [
        ("next_answer", "yellow", "网上咨询·后续答复", OFFICER), ("next_answer", "red", "网上咨询·后续答复", OFFICER),
    ]  # fmt: skip
    assert (stored.state, stored.avoid) == ("queued", [OFFICER])
    assert [entry.action for entry in stored.history][-3:] == ["warn", "warn", "requeue"]
    # The resident waits again: so does the clock, from then on.
    assert await passing(office, process, chat, 302) == [(239, "next_answer/yellow"), (299, "next_answer/red")]


async def test_an_answer_in_time_is_not_late_whatever_was_noted(office: Office) -> None:
    process = office.process()
    chat = await served(office, process)
    said = await process.talk.do_say(WHO, chat.id, "r", "还要带什么")
    office.clock.advance(SECOND)
    await process.talk.do_say_as(caller(OFFICER), chat.id, "s", "身份证")
    # The note of one process and the answer of another crossed.
    await process.store.owe(chat, said.at, office.clock.now() + MINUTE)
    assert await passing(office, process, chat, 302) == []
    assert (await process.queries.of_person(WHO, chat.id)).owner == OFFICER


async def test_who_is_transferred_waits_for_the_next_answer(office: Office) -> None:
    process = office.process()
    chat = await served(office, process)
    await process.desk.do_transfer(caller(OFFICER), chat.id, "请户籍答复", {"department": "市公安局"})
    assert await passing(office, process, chat, 302) == [(240, "next_answer/yellow"), (300, "next_answer/red")]
    await come(process, "ST-B")
    assert await process.desk.do_assign_waiting() == 1
    taken = await process.queries.of_person(WHO, chat.id)
    readings = {one.name: (one.colour, one.running) for one in process.queries.clocks(taken)}
    assert readings["next_answer"] == ("green", True)


async def test_an_answer_sets_no_timer_past_the_end_of_the_resolution(office: Office) -> None:
    process = office.process()
    chat = await served(office, process)
    for number in range(2):
        office.clock.advance(20 * MINUTE)
        await process.talk.do_say(WHO, chat.id, f"r{number}", "还有一个问题")
        await process.talk.settled()
        await process.talk.do_say_as(caller(OFFICER), chat.id, f"s{number}", "请讲")
    told = await passing(office, process, chat, 8 * 60)
    assert told == [(8 * 60 - 5, "resolution/yellow")]


def test_of_several_clocks_that_turn_at_once_a_red_one_is_told() -> None:
    alarms = ["resolution/yellow/1", "next_answer/red/2"]
    told = lateness(alarms)
    assert (told["clock"], told["colour"], told["alarms"]) == ("next_answer", "red", alarms)
