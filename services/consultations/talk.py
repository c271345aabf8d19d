"""Saying, reading, recalling: what is written into a conversation without changing its state.

A message is one insert. What else follows from it (an owner owes an answer, the bot's reply) comes after, and is found
again by the conversation's timer should this process die in between.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import msgspec

from kernel.clock import Clock, local_day
from kernel.errors import ActionNotAllowed, BanshiError, Code, Conflict, InvalidInput, NotFound
from kernel.machine import Actor
from kernel.masking import scrub
from services.consultations import access
from services.consultations.access import StaffCaller
from services.consultations.actions import Consultations
from services.consultations.clocks import ConversationClocks
from services.consultations.data import ConsultationData
from services.consultations.entries import Entries, Turns
from services.consultations.machine import CONVERSATION
from services.consultations.model import SAID, Conversation, Draft, Entry, Kind, Limits, Side, State
from services.consultations.owing import Owing
from services.consultations.ports import Bot, BotReply, BotTurn, Images, Live
from services.consultations.store import ConversationStore, EntryStore, UnansweredStore

log = logging.getLogger("banshi.consultations")

MAX_TEXT = 2000
BOT_SECONDS = 5.0
# After so many questions in a row without an answer a person goes on, whatever bot it is.
MISSES = 2
# Of an unanswered question, what the statistics keep.
KEPT_TEXT = 100
# Residents' words that the bot has not answered, as far back as it looks after a crash.
CAUGHT_UP = 20


class Talk:
    def __init__(
        self,
        store: ConversationStore,
        entry_store: EntryStore,
        unanswered: UnansweredStore,
        entries: Entries,
        consultations: Consultations,
        bot: Bot,
        images: Images,
        live: Live,
        data: ConsultationData,
        clocks: ConversationClocks,
        clock: Clock,
        limits: Limits,
    ) -> None:
        self._store = store
        self._entry_store = entry_store
        self._unanswered = unanswered
        self._entries = entries
        self._consultations = consultations
        self._bot = bot
        self._images = images
        self._live = live
        self._data = data
        self._clocks = clocks
        self._clock = clock
        self._limits = limits
        self._turns = Turns()
        self._owing = Owing(store, entry_store, consultations.timing)

    async def settled(self) -> None:
        """Nothing is left to be written: for a process that ends."""
        await self._owing.settled()

    def heard(self, entry: Entry) -> None:
        """Another process has told of an entry: it spares look-ups here. Nothing depends on its being heard."""
        self._entries.heard(entry)
        if entry.side is Side.STAFF and entry.stands:
            self._owing.pay(entry)

    # -- residents ---------------------------------------------------------------------------------------------

    async def do_say(
        self, person: str, conversation_id: str, client_msg_id: str, text: str = "", file: str = ""
    ) -> Entry:
        """A text or an image of the resident's; sent again under the same ``client_msg_id`` it is the same entry.

        Raises NotFound, InvalidInput ($.text, $.file), Conflict CONVERSATION_CLOSED.
        """
        async with self._turns.turn(conversation_id):
            conversation = await access.of_person(self._store, person, conversation_id)
            draft = await self._draft(conversation_id, Side.RESIDENT, person, client_msg_id, text, file)
            if conversation.state == State.CLOSED:
                sent = await self._entry_store.of_sending(conversation_id, person, client_msg_id)
                if sent is None:
                    raise Conflict(Code.CONVERSATION_CLOSED)
                return sent
            entry = await self._append(conversation_id, draft)
            if conversation.state == State.BOT and entry.seq > conversation.bot_answered:
                await self._answer(conversation, [entry])
            elif conversation.state == State.WITH_STAFF and conversation.waiting_since is None:
                self._owing.owe(conversation, entry)
            return entry

    async def do_catch_up(self, person: str, conversation_id: str) -> Conversation:
        """Answers what the bot owes since a process died over it; usually nothing. Returns the conversation."""
        conversation = await access.of_person(self._store, person, conversation_id)
        if conversation.state != State.BOT:
            return conversation
        async with self._turns.turn(conversation_id):
            owed = _owed(await self._unanswered_by_bot(conversation))
            if not owed:
                return conversation
            again = await access.of_person(self._store, person, conversation_id)
            owed = [one for one in owed if one.seq > again.bot_answered]
            if owed and again.state == State.BOT:
                await self._answer(again, owed)
                again = await access.of_person(self._store, person, conversation_id)
            return again

    # -- staff -------------------------------------------------------------------------------------------------

    async def do_say_as(
        self,
        caller: StaffCaller,
        conversation_id: str,
        client_msg_id: str,
        text: str = "",
        file: str = "",
        card: dict[str, Any] | None = None,
    ) -> Entry:
        """An officer's text, image or card. Raises NotFound, NotAllowed, InvalidInput, ActionNotAllowed."""
        conversation = await access.for_answer(self._store, caller, conversation_id)
        if conversation.state != State.WITH_STAFF:
            raise ActionNotAllowed(conversation.state, "say", CONVERSATION.allowed(conversation.state, Actor.STAFF))
        draft = await self._draft(conversation_id, Side.STAFF, caller.staff_id, client_msg_id, text, file, card)
        entry = await self._append(conversation_id, draft)
        self._owing.pay(entry)
        if conversation.waiting_since is not None or conversation.first_answer_at is None:
            first: dict[str, Any] = {}
            if conversation.first_answer_at is None:
                begun = conversation.handed_at or entry.at
                first = {"first_answer_at": entry.at, "first_answer": self._clocks.minutes(begun, entry.at)}
            wake_at = self._consultations.timing.answered_wake(conversation, first, entry.at)
            await self._store.answered(conversation, first, wake_at or entry.at + self._limits.idle)
        return entry

    # -- both --------------------------------------------------------------------------------------------------

    async def do_recall(self, conversation: Conversation, sender: str, seq: int) -> Entry:
        """Empties one's own message within two minutes, for both sides. Returns the recall's entry; again, the same.

        Raises NotFound MESSAGE_NOT_FOUND, Conflict RECALL_TOO_LATE.
        """
        entry = await self._entry_store.one(conversation.id, seq)
        mine = entry is not None and entry.sender == sender and entry.kind in SAID
        # A left question is handed in: its answer needs it.
        if entry is None or not mine or entry.data.get("form"):
            raise NotFound(Code.MESSAGE_NOT_FOUND, seq=seq)
        if entry.recalled_at is None:
            if self._clock.now() - entry.at > self._limits.recall:
                raise Conflict(Code.RECALL_TOO_LATE, seq=seq)
            if await self._entry_store.recall(entry, self._clock.now()) and entry.kind is Kind.IMAGE:
                await self._images.release(str(entry.data["file"]), f"{conversation.id}/{entry.client_msg_id}")
        # Named after what it recalls: asked again after a crash between the two writes, it is told after all.
        draft = Draft(
            side=entry.side, sender=sender, client_msg_id=f"recall/{seq}", kind=Kind.RECALL, data={"seq": seq}
        )
        return await self._append(conversation.id, draft)

    async def do_read(self, conversation: Conversation, side: Side, seq: int) -> None:
        """Everything up to ``seq`` is read; an earlier mark changes nothing. Raises InvalidInput beyond the last."""
        field = "read_resident" if side is Side.RESIDENT else "read_staff"
        if seq <= getattr(conversation, field):
            return
        if await self._entry_store.one(conversation.id, seq) is None:
            raise InvalidInput(field="$.seq", reason="no such message")
        await self._store.mark_read(conversation.id, field, seq)
        await self._live.tell(conversation.id, {"type": "read", "side": side, "seq": seq})

    async def tell_typing(self, conversation_id: str, side: Side, sender: str) -> None:
        """Passing: nothing is kept."""
        await self._live.tell(conversation_id, {"type": "typing", "side": side, "sender": sender})

    # -- inside ------------------------------------------------------------------------------------------------

    async def _draft(
        self,
        conversation_id: str,
        side: Side,
        sender: str,
        client_msg_id: str,
        text: str,
        file: str,
        card: dict[str, Any] | None = None,
    ) -> Draft:
        if len(text) > MAX_TEXT:
            raise InvalidInput(field="$.text", reason=f"at most {MAX_TEXT} characters", limit=MAX_TEXT)
        given = [kind for kind, value in ((Kind.IMAGE, file), (Kind.CARD, card)) if value]
        if len(given) > 1 or (not given and not text.strip()):
            raise InvalidInput(field="$.text", reason="one of text, file, card")
        data: dict[str, Any] = dict(card or {})
        if file:
            await self._images.use(file, sender, f"{conversation_id}/{client_msg_id}")
            data["file"] = file
        kind = given[0] if given else Kind.TEXT
        return Draft(side=side, sender=sender, client_msg_id=client_msg_id, kind=kind, text=text, data=data)

    async def _append(self, conversation_id: str, draft: Draft) -> Entry:
        [(entry, fresh)] = await self._entries.append(conversation_id, [draft])
        if fresh:
            await self._live.tell(conversation_id, {"type": "entry", "entry": entry})
        return entry

    async def _answer(self, conversation: Conversation, said: list[Entry]) -> None:
        """The bot's turn. Its messages are named after what they answer: two processes at it at once say it once."""
        for entry in said:
            topic, reply = await self._ask_bot(conversation, entry)
            drafts = [
                Draft(
                    side=Side.BOT, sender="bot", client_msg_id=f"bot/{entry.seq}/{number}", kind=Kind(one.kind),
                    text=one.text, data=one.data,
                )
                for number, one in enumerate(reply.messages)
            ]  # fmt: skip
            for answer, fresh in await self._entries.append(conversation.id, drafts):
                if fresh:
                    await self._live.tell(conversation.id, {"type": "entry", "entry": answer})
            conversation.bot_state = reply.state
            conversation.bot_answered = entry.seq
            conversation.bot_misses = conversation.bot_misses + 1 if reply.unanswered else 0
            hand_over = reply.hand_over or ("failures" if conversation.bot_misses >= MISSES else None)
            changes = {
                "bot_state": reply.state, "matched": reply.state.get("matched", []),
                "bot_misses": conversation.bot_misses if hand_over is None else 0,
            }  # fmt: skip
            await self._store.save_bot(conversation.id, entry.seq, changes)
            if reply.unanswered and entry.text:
                day = local_day(entry.at).isoformat()
                await self._unanswered.count(day, scrub(" ".join(entry.text.split()))[:KEPT_TEXT])
            if hand_over is not None:
                await self._give_over(conversation, hand_over, topic)
                return

    async def _unanswered_by_bot(self, conversation: Conversation) -> list[Entry]:
        """The newest entries that the bot has not come to. Usually there is one page at most: only a conversation that
        came back from staff has more, and what staff heard is skipped."""
        newer = await self._entry_store.after(conversation.id, conversation.bot_answered, CAUGHT_UP)
        if len(newer) < CAUGHT_UP:
            return newer
        last = await self._entry_store.last_seq(conversation.id)
        return await self._entry_store.after(conversation.id, max(newer[-1].seq, last) - CAUGHT_UP, CAUGHT_UP)

    async def _give_over(self, conversation: Conversation, reason: str, topic: str) -> None:
        try:
            await self._consultations.do_give_over(conversation, reason, topic=topic)
        except ActionNotAllowed:
            # Another screen or process has handed it over or closed it meanwhile: that stands.
            log.info("hand-over came second", extra={"conversation": conversation.id})

    async def _ask_bot(self, conversation: Conversation, entry: Entry) -> tuple[str, BotReply]:
        """(topic, reply): whoever asks for a person gets one, and sensitive matters are no bot's."""
        state = dict(conversation.bot_state)
        sensitive = self._data.sensitive_topic(entry.text)
        if sensitive is not None:
            return sensitive.topic, BotReply(messages=[], state=state, hand_over="sensitive")
        if self._data.asks_for_person(entry.text):
            return "", BotReply(messages=[], state=state, hand_over="asked")
        photos = (str(entry.data["file"]),) if entry.kind is Kind.IMAGE and "file" in entry.data else ()
        if entry.kind is not Kind.TEXT and not photos:
            return "", BotReply(messages=[], state=state, hand_over="image")
        turn = BotTurn(
            person=conversation.person, conversation=conversation.id, state=state, text=entry.text, at=entry.at,
            photos=photos,
        )  # fmt: skip
        try:
            async with asyncio.timeout(BOT_SECONDS):
                return "", await self._bot.reply(turn)
        except (TimeoutError, BanshiError, msgspec.MsgspecError) as error:
            log.warning("the bot failed", extra={"error": repr(error)})
            return "", BotReply(messages=[], state=state, hand_over="bot_failed")


def _owed(entries: list[Entry]) -> list[Entry]:
    """What residents have said to the bot: not what was said to staff or in the queue, which a later change of state or
    word of staff's shows, and not what was taken back."""
    heard = [n for n, one in enumerate(entries, 1) if one.side is Side.STAFF or one.kind is Kind.SYSTEM]
    said = entries[heard[-1] if heard else 0 :]
    words = (Kind.TEXT, Kind.IMAGE)
    return [one for one in said if one.side is Side.RESIDENT and one.kind in words and one.recalled_at is None]
