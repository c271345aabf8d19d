"""What the bot still owes when a resident comes back: words said to it, and no others."""

from __future__ import annotations

from services.consultations.model import Conversation, Draft, Entry, Kind, Side
from services.consultations.ports import INTERRUPTED, BotMessage, BotReply, BotTurn
from services.consultations.talk import CAUGHT_UP
from tests.services.consultations.conftest import Office, Process, caller, come

WHO, OFFICER = "PR-1", "ST-A"


class Parrot:
    """A bot whose answers show what it was asked."""

    async def reply(self, turn: BotTurn) -> BotReply:
        return BotReply(messages=[BotMessage(kind="text", text=f"bot: {turn.text}")], state=turn.state)


async def lost(process: Process, conversation: Conversation, text: str) -> None:
    """Words that were written, and whose process died before the bot's turn."""
    draft = Draft(side=Side.RESIDENT, sender=WHO, client_msg_id=text, kind=Kind.TEXT, text=text)
    await process.entries.append(conversation.id, [draft])


async def resumed(process: Process, conversation: Conversation) -> list[str]:
    """What the bot has said after the resident's screen has come back, and once more."""
    for _ in range(2):
        await process.talk.do_catch_up(WHO, conversation.id)
    found: list[Entry] = []
    while page := await process.queries.entries_after(conversation.id, found[-1].seq if found else 0):
        found += page
    return [one.text for one in found if one.side is Side.BOT][1:]


async def served(office: Office, process: Process, words: int) -> Conversation:
    """Talked with an officer, and ended."""
    await come(process, OFFICER)
    waiting = await office.queued(process, WHO)
    await process.desk.do_assign_waiting()
    for number in range(words):
        await process.talk.do_say(WHO, waiting.id, f"r{number}", f"说给工作人员 {number}")
    await process.talk.do_say_as(caller(OFFICER), waiting.id, "s", "办好了")
    await process.talk.do_say(WHO, waiting.id, "thanks", "谢谢")
    return await process.desk.do_close(caller(OFFICER), waiting.id)


async def test_who_goes_on_with_a_conversation_gets_no_answer_to_what_was_said_to_staff(office: Office) -> None:
    for words in (1, CAUGHT_UP - 5, 2 * CAUGHT_UP):
        process = office.process(Parrot())
        closed = await served(office, process, words)
        await process.consultations.do_reopen(WHO, closed.id)
        assert await resumed(process, closed) == []
        # What is said to the bot now, and lost, is answered.
        await lost(process, closed, "再问一句")
        assert await resumed(process, closed) == ["bot: 再问一句"]
        await process.consultations.do_close(WHO, closed.id)


async def test_who_no_longer_waits_gets_no_answer_to_what_was_said_in_the_queue(office: Office) -> None:
    process = office.process(Parrot())
    waiting = await office.queued(process, WHO)
    for number in range(CAUGHT_UP):
        await process.talk.do_say(WHO, waiting.id, f"r{number}", f"有人吗 {number}")
    await process.consultations.do_return_to_bot(WHO, waiting.id)
    assert await resumed(process, waiting) == []
    await process.talk.do_say(WHO, waiting.id, "now", "落户")
    await lost(process, waiting, "再问一句")
    assert await resumed(process, waiting) == ["bot: 落户", "bot: 再问一句"]


async def test_the_bot_is_told_that_somebody_else_came_in_between(office: Office) -> None:
    seen: list[bool] = []

    class Forgetful(Parrot):
        async def reply(self, turn: BotTurn) -> BotReply:
            seen.append(bool(turn.state.get(INTERRUPTED)))
            return BotReply(messages=[], state={})

    process = office.process(Forgetful())
    waiting = await office.queued(process, WHO)
    await process.consultations.do_return_to_bot(WHO, waiting.id)
    for number in range(2):
        await process.talk.do_say(WHO, waiting.id, f"a{number}", "落户")
    await process.consultations.do_close(WHO, waiting.id)
    await process.consultations.do_reopen(WHO, waiting.id)
    for number in range(2):
        await process.talk.do_say(WHO, waiting.id, f"b{number}", "落户")
    assert seen == [True, False, True, False]


async def test_what_was_taken_back_is_no_question(office: Office) -> None:
    process = office.process(Parrot())
    started = await process.consultations.do_start(WHO)
    said = await process.talk.do_say(WHO, started.id, "a", "你好")
    await lost(process, started, "说错了")
    for seq in (said.seq, said.seq + 2):
        await process.talk.do_recall(started, WHO, seq)
    assert await resumed(process, started) == ["bot: 你好"]
    assert (await process.queries.of_person(WHO, started.id)).state == "bot"
