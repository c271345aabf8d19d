"""What happens to a conversation by itself and by its two sides, at the edges."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from kernel.errors import BanshiError, Code
from services.consultations.model import Draft, Kind, Satisfaction, Side
from services.consultations.ports import BotReply, BotTurn
from services.consultations.talk import MAX_TEXT
from tests.services.consultations.conftest import MINUTE, Office, caller, come


class BrokenBot:
    async def reply(self, turn: BotTurn) -> BotReply:
        raise BanshiError(Code.UNAVAILABLE)


async def code(work: Any) -> Code:
    with pytest.raises(BanshiError) as refused:
        await work
    return refused.value.code


async def test_a_person_has_one_open_conversation(office: Office) -> None:
    one, other = office.process(), office.process()
    first = await one.consultations.do_start("PR-1")
    assert (await other.consultations.do_start("PR-1")).id == first.id
    await one.consultations.do_close("PR-1", first.id)
    assert (await one.consultations.do_start("PR-1")).id != first.id


async def test_a_language_can_be_chosen_until_a_person_is_sought(office: Office) -> None:
    process = office.process()
    started = await process.consultations.do_start("PR-1")
    assert started.needs.language == "zh"
    for language, kept in (("sign", "sign"), ("", "sign"), ("ko", "ko")):
        assert (await process.consultations.do_start("PR-1", language)).needs.language == kept
    await process.consultations.do_hand_over("PR-1", started.id)
    assert (await process.consultations.do_start("PR-1", "en")).needs.language == "ko"
    stored = await process.queries.of_person("PR-1", started.id)
    assert (stored.state, stored.needs.language) == ("queued", "ko")
    assert await code(process.consultations.do_start("PR-1", "xx")) is Code.INVALID_INPUT


async def test_a_bot_that_fails_hands_over(office: Office) -> None:
    process = office.process(BrokenBot())
    started = await process.consultations.do_start("PR-1")
    await process.talk.do_say("PR-1", started.id, "a", "医保怎么报销")
    stored = await process.queries.of_person("PR-1", started.id)
    assert (stored.state, stored.reason) == ("queued", "bot_failed")


async def test_what_the_bot_owes_since_a_crash_is_answered_on_return_and_once(office: Office) -> None:
    process = office.process(BrokenBot())
    started = await process.consultations.do_start("PR-1")
    # The words were written, and the process died before the bot's turn.
    lost = Draft(side=Side.RESIDENT, sender="PR-1", client_msg_id="a", kind=Kind.TEXT, text="转人工")
    await process.entries.append(started.id, [lost])
    for _ in range(2):
        assert (await process.talk.do_catch_up("PR-1", started.id)).state == "queued"
    entries = await process.queries.entries_after(started.id, 0)
    assert [entry.data.get("event") for entry in entries if entry.data.get("event")] == ["conversation.queued"]


async def test_a_change_of_state_whose_process_died_gets_its_entry_from_the_relay_once(office: Office) -> None:
    process = office.process()
    started = await process.consultations.do_start("PR-1")
    event = started.outgoing[-1]
    await office.database["conversation_entries"].delete_many({"conversation": started.id})
    for _ in range(2):
        await office.process().consultations.do_announce(event)
    assert len(await process.queries.entries_after(started.id, 0)) == 1


async def test_who_still_waits_at_closing_time_is_asked_for_the_form(office: Office) -> None:
    process = office.process()
    waiting = await office.queued(process, "PR-1")
    office.clock.advance(timedelta(hours=3, minutes=30))  # half past twelve: they go on waiting over noon
    while await process.timers.do_wake_due():
        pass
    assert (await process.queries.of_person("PR-1", waiting.id)).state == "queued"
    office.clock.advance(timedelta(hours=4, minutes=30))  # five o'clock
    while await process.timers.do_wake_due():
        pass
    assert (await process.queries.of_person("PR-1", waiting.id)).state == "off_hours"


async def test_nobody_is_silent_over_noon(office: Office) -> None:
    process = office.process()
    await come(process, "ST-A")
    office.clock.advance(timedelta(hours=2, minutes=58))  # 11:58
    await process.officers.do_beat("ST-A")
    waiting = await office.queued(process, "PR-1")
    assert await process.desk.do_assign_waiting() == 1
    office.clock.advance(timedelta(hours=1))  # 12:58
    while await process.timers.do_wake_due():
        pass
    assert (await process.queries.of_person("PR-1", waiting.id)).owner == "ST-A"
    office.clock.advance(timedelta(minutes=6))  # two and four minutes of work have passed
    while await process.timers.do_wake_due():
        pass
    stored = await process.queries.of_person("PR-1", waiting.id)
    assert (stored.owner, stored.state, stored.avoid) == (None, "queued", ["ST-A"])


async def test_an_idle_conversation_ends_but_not_while_somebody_talks(office: Office) -> None:
    process = office.process()
    started = await process.consultations.do_start("PR-1")
    await process.talk.do_say("PR-1", started.id, "a", "你好")
    for _ in range(3):
        office.clock.advance(20 * MINUTE)
        await process.talk.do_say("PR-1", started.id, f"t{office.clock.now()}", "你好")
        while await process.timers.do_wake_due():
            pass
        assert (await process.queries.of_person("PR-1", started.id)).state == "bot"
    office.clock.advance(31 * MINUTE)
    while await process.timers.do_wake_due():
        pass
    stored = await process.queries.of_person("PR-1", started.id)
    assert (stored.state, stored.closed_by) == ("closed", "system")
    assert await code(process.talk.do_say("PR-1", started.id, "late", "在吗")) is Code.CONVERSATION_CLOSED
    # What was sent before the end and is sent again is still that message.
    assert (await process.talk.do_say("PR-1", started.id, "a", "你好")).seq == 2


@pytest.mark.parametrize(("seen", "unread"), [(True, False), (False, True)])
async def test_an_end_tells_whether_what_staff_said_was_left_unread(office: Office, seen: bool, unread: bool) -> None:
    process = office.process()
    await come(process, "ST-A")
    one = await office.queued(process, "PR-1")
    await process.desk.do_assign_waiting()
    said = await process.talk.do_say_as(caller("ST-A"), one.id, "a", "带上户口簿就能办")
    if seen:
        await process.talk.do_read(await process.queries.of_person("PR-1", one.id), Side.RESIDENT, said.seq)
    office.clock.advance(31 * MINUTE)
    while await process.timers.do_wake_due():
        pass
    ended = await process.queries.of_person("PR-1", one.id)
    assert (ended.outgoing[-1].name, ended.outgoing[-1].data["unread"]) == ("conversation.timed_out", unread)


async def test_who_ends_a_conversation_with_staff_is_not_told_of_it(office: Office) -> None:
    process = office.process()
    await come(process, "ST-A")
    one = await office.queued(process, "PR-1")
    await process.desk.do_assign_waiting()
    await process.talk.do_say_as(caller("ST-A"), one.id, "a", "您好")
    ended = await process.consultations.do_close("PR-1", one.id)
    assert "unread" not in ended.outgoing[-1].data


async def test_the_clocks_run_in_working_time_and_stop_with_the_first_answer(office: Office) -> None:
    process = office.process()
    await come(process, "ST-A")
    waiting = await office.queued(process, "PR-1")
    await process.desk.do_assign_waiting()
    office.clock.advance(timedelta(minutes=2, seconds=30))
    [first, _] = process.queries.clocks(await process.queries.of_person("PR-1", waiting.id))
    assert (first.name, first.colour, first.used) == ("first_answer", "yellow", 2.5)
    await process.talk.do_say_as(caller("ST-A"), waiting.id, "a", "您好")
    office.clock.advance(10 * MINUTE)
    stored = await process.queries.of_person("PR-1", waiting.id)
    assert (stored.first_answer, stored.waiting_since, stored.waited) == (2.5, None, 0.0)
    assert [(r.name, r.running) for r in process.queries.clocks(stored)] == [
        ("first_answer", False), ("resolution", True),
    ]  # fmt: skip
    await process.talk.do_say("PR-1", waiting.id, "b", "还有一个问题")
    await process.talk.settled()
    office.clock.advance(5 * MINUTE)
    stored = await process.queries.of_person("PR-1", waiting.id)
    assert [(r.name, r.colour) for r in process.queries.clocks(stored)][1] == ("next_answer", "red")


async def test_a_rating_is_given_once_after_the_end_with_known_tags(office: Office) -> None:
    process = office.process()
    started = await process.consultations.do_start("PR-1")
    rate = process.ratings.do_rate
    assert await code(rate("PR-1", started.id, Satisfaction.FAIR, [])) is Code.ACTION_NOT_ALLOWED
    await process.consultations.do_close("PR-1", started.id)
    assert await code(rate("PR-1", started.id, Satisfaction.FAIR, ["$where"])) is Code.INVALID_INPUT
    assert await code(rate("PR-2", started.id, Satisfaction.FAIR, [])) is Code.CONVERSATION_NOT_FOUND
    assert (await rate("PR-1", started.id, Satisfaction.FAIR, ["speed"])).state == "recorded"
    assert await code(rate("PR-1", started.id, Satisfaction.VERY_DISSATISFIED, [])) is Code.ALREADY_RATED
    assert await process.ratings.to_follow_up() == []


async def test_a_follow_up_is_late_by_working_time_and_told_once(office: Office) -> None:
    process = office.process()
    started = await process.consultations.do_start("PR-1")
    await process.consultations.do_close("PR-1", started.id)
    rating = await process.ratings.do_rate("PR-1", started.id, Satisfaction.DISSATISFIED, [])
    # Two days of seven and a half hours and one more, from Monday nine o'clock on.
    assert rating.due_at is not None
    assert rating.due_at - office.clock.now() > timedelta(days=2)
    office.clock.set(rating.due_at)
    assert await process.timers.do_wake_due() >= 1
    assert await process.timers.do_wake_due() == 0
    [late] = await process.ratings.to_follow_up()
    assert [entry.action for entry in late.history] == ["rate", "warn"]


async def test_too_long_an_empty_and_a_foreign_message_are_refused_by_name(office: Office) -> None:
    process = office.process()
    started = await process.consultations.do_start("PR-1")
    say: Any = process.talk.do_say
    assert await code(say("PR-1", started.id, "a", "字" * (MAX_TEXT + 1))) is Code.INVALID_INPUT
    assert await code(say("PR-1", started.id, "a", " \n")) is Code.INVALID_INPUT
    assert await code(say("PR-2", started.id, "a", "你好")) is Code.CONVERSATION_NOT_FOUND
    assert await code(process.talk.do_say_as(caller("ST-X"), started.id, "a", "你好")) is Code.CONVERSATION_NOT_FOUND
    assert len(await process.queries.entries_after(started.id, 0)) == 1
