"""A turn of a dialogue: understand, step, carry out what the step wishes, step again until nothing is wished."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from datetime import datetime

from nlp.answer import Answer
from nlp.slots import Slots, fill
from services.ask.queries import Ask
from services.dialogue.advance import advance
from services.dialogue.model import DialogueRules, Facts, Reply, State, Step, Turn, Understanding, items_of
from services.dialogue.perform import Performer
from services.dialogue.world import CityWorld
from services.knowledge.queries import Knowledge
from services.learning.actions import Learning

# A turn carries out one change at most, and looks a few things up around it.
MAX_WISHES = 4
# What is no part of an item's name in a sentence that asks for a booking.
_AROUND = re.compile(
    r"预约|帮我|给我|帮忙|麻烦|请问|你好|您好|我想|我要|想要|想|要|约(?:个|一下|一个|好|到|在)?|挂(?:个)?号|取(?:个)?号|一下|能不能|可不可以|可以|不对|不是|错了|说错了|"
    r"改成|改到|换成|换到|应该是|号$|去|到|在|是|吗|吧|呢|啊|呀|[，。,.？?！!、~ ]|的(?=$|号)|^的|时间|那天|哪天|行|都"
)


class Dialogue:
    """Turns of residents. Holds nothing: the state goes in and comes out."""

    def __init__(
        self,
        world: CityWorld,
        ask: Ask,
        performer: Performer,
        rules: DialogueRules,
        knowledge: Knowledge,
        learning: Learning,
    ) -> None:
        self.world = world
        self._ask = ask
        self._performer = performer
        self._rules = rules
        self._knowledge = knowledge
        self._learning = learning
        # Texts that arrive together are understood one in each turn of the event loop, so that nobody waits for all.
        self._understanding = asyncio.Lock()

    async def do_turn(
        self,
        person: str | None,
        state: State,
        text: str,
        at: datetime,
        *,
        choice: str = "",
        photos: Sequence[str] = (),
        caller: str = "",
    ) -> Turn:
        """One turn of a resident, or of somebody not signed in (None), who may ask but change nothing.

        ``choice``: the value of a button. ``caller``: whose choices these are where nobody is signed in (an address).
        Never raises for any text; a service that refuses or is away is answered in
        words, with what can be done instead.
        """
        facts = Facts(self.world, at, person is not None, self._rules)
        async with self._understanding:
            heard = self.understand(text, at, choice, photos)
            await asyncio.sleep(0)
        step = advance(state, heard, facts)
        self._learn(person or caller, heard, step)
        replies: list[Reply] = list(step.replies)
        for _ in range(MAX_WISHES):
            if step.wish is None:
                break
            result = await self._performer.perform(person, step.wish)
            step = advance(step.state, result, facts)
            replies += step.replies
        items = dict.fromkeys(one["item"] for reply in replies for one in items_of(reply))
        return Turn(
            step.state, replies, step.hand_over, step.unanswered, heard.text if not choice else "", tuple(items)
        )

    def _learn(self, caller: str, heard: Understanding, step: Step) -> None:
        if not caller:
            return
        for lesson in step.lessons:
            self._learning.note(caller, lesson)
        if step.unanswered and not step.lessons:
            self._learning.note_unanswered(caller, heard.answer)

    def understand(self, text: str, at: datetime, choice: str = "", photos: Sequence[str] = ()) -> Understanding:
        """Item, intent, day, place, numbers of one sentence."""
        slots = fill(text, at, self.world.workdays, self.world.places)
        answer = self._ask.ask(text)
        rest = self._rest(answer, slots)
        return Understanding(
            answer=answer,
            rest=self._ask.ask(rest) if len(rest) >= 2 else None,
            slots=slots,
            choice=choice,
            photos=tuple(photos),
            known=next(iter(self._knowledge.suggest(text, 1)), None),
        )

    def _rest(self, answer: Answer, slots: Slots) -> str:
        text = answer.text
        for start, end, _ in reversed(self.world.places.find(text)):
            text = text[:start] + text[end:]
        text = re.sub(r"\s+", "", text)
        for word in sorted(slots.when.matched, key=len, reverse=True):
            text = text.replace(word, "")
        return _AROUND.sub("", text)
