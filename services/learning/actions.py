"""Taking signals, and making proposals of them."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Collection

from kernel.clock import Clock, local_day
from kernel.errors import InvalidInput, NotFound
from kernel.ids import Ids, Kind
from kernel.machine import Actor
from nlp.answer import Answer, Intent, Outcome, Why
from nlp.normalise import normalise
from services.ask.queries import Ask
from services.catalogue.queries import Catalogue
from services.learning.machine import PROPOSE
from services.learning.model import (
    Finding,
    LearningRules,
    Lesson,
    Proposal,
    ProposalKind,
    Signal,
    SignalKind,
    decide,
    key_of,
    kind_of,
    learnable,
    name_of,
    says,
)
from services.learning.store import ProposalStore, SignalStore
from services.learning.tokens import AnswerTokens
from services.store import Duplicate, Step

log = logging.getLogger("banshi.learning")

BATCH = 200
# Lessons on their way to the database; more are dropped: an answer never waits for what is learned from it.
MOST_PENDING = 200
_NOT_FOUND = (Why.WEAK_MATCH, Why.NO_MATCH, Why.OUT_OF_DOMAIN)


class Learning:
    """Signals in, proposals out. Changes nothing that residents see."""

    def __init__(
        self,
        signals: SignalStore,
        proposals: ProposalStore,
        catalogue: Catalogue,
        ask: Ask,
        tokens: AnswerTokens,
        clock: Clock,
        ids: Ids,
        rules: LearningRules,
    ) -> None:
        self._signals = signals
        self._proposals = proposals
        self._catalogue = catalogue
        self._ask = ask
        self._tokens = tokens
        self._clock = clock
        self._ids = ids
        self.rules = rules
        self._pending: set[asyncio.Task[bool]] = set()

    def token(self, caller: str, text: str, items: Collection[str]) -> str | None:
        """What the caller sends back with feedback on an answer; None for a text that nothing may be learned from."""
        if not learnable(text):
            return None
        return self._tokens.make(caller, text, list(items), self._clock.now())

    async def do_feedback(self, caller: str, token: str, kind: SignalKind, item: str) -> bool:
        """A resident's word on an answer; False when they have said something about this text today.

        Raises InvalidInput: FEEDBACK_REFUSED for a token that is not theirs, or naming ``item`` when it was not shown.
        """
        given = self._tokens.read(caller, token, self._clock.now())
        if kind is SignalKind.NONE_OF_THESE:
            item = ""
        elif item not in given.items:
            raise InvalidInput(field="$.item", reason="回答中没有这个事项")
        return await self.do_note(caller, Lesson(kind, given.text, item))

    def note(self, caller: str, lesson: Lesson) -> None:
        """Keeps a lesson without making anybody wait for it."""
        if not learnable(lesson.text):
            return
        if len(self._pending) >= MOST_PENDING:
            log.warning("a lesson was dropped")
            return
        task = asyncio.create_task(self._noted(caller, lesson))
        self._pending.add(task)
        task.add_done_callback(self._pending.discard)

    def note_unanswered(self, caller: str, answer: Answer) -> None:
        """The same for a question of ours that nothing was found for."""
        failed = answer.outcome in (Outcome.PERSON, Outcome.NONE) and answer.why in _NOT_FOUND
        if failed and answer.in_domain >= self.rules.domain_at:
            self.note(caller, Lesson(SignalKind.UNANSWERED, answer.text))

    async def settled(self) -> None:
        """Waits until all lessons noted so far are kept."""
        await asyncio.gather(*self._pending, return_exceptions=True)

    async def _noted(self, caller: str, lesson: Lesson) -> bool:
        try:
            return await self.do_note(caller, lesson)
        except Exception as error:  # a lesson lost is no reason to trouble anybody
            log.warning("a lesson was not kept", extra={"error": repr(error)})
            return False

    async def do_note(self, caller: str, lesson: Lesson) -> bool:
        """Keeps a signal; False for a second vote of the same caller on the same text and day."""
        if not learnable(lesson.text):
            return False
        now = self._clock.now()
        voter = self._tokens.voter(caller, now)
        # What we saw ourselves and what the resident said are two things.
        vote = "seen" if lesson.kind is SignalKind.UNANSWERED else "said"
        signal = Signal(
            id=f"{local_day(now).isoformat()}/{voter}/{name_of(lesson.text)}/{vote}", at=now,
            ends_at=now + self.rules.keep, kind=lesson.kind, text=lesson.text, key=key_of(lesson.text),
            item=lesson.item, voter=voter,
        )  # fmt: skip
        return await self._signals.add(signal)

    async def do_correct(self, officer: str, text: str, item: str) -> bool:
        """An officer says which item a resident's words mean; False for a second time today.

        Raises NotFound ITEM_NOT_FOUND, InvalidInput for words that nothing may be learned from.
        """
        self._catalogue.get(item)
        said = normalise(text).text
        if not learnable(said):
            raise InvalidInput(field="$.text", reason="2 到 60 字，不含证件号码、手机号等个人信息")
        return await self.do_note(officer, Lesson(SignalKind.CORRECTION, said, item))

    async def do_group(self) -> int:
        """Looks at the texts with new signals; returns how many signals were counted. Several workers may do this at
        once: an item and a text make one proposal."""
        fresh = await self._signals.fresh(self._clock.now(), BATCH)
        texts = {signal.key: signal.text for signal in fresh}
        for key, text in texts.items():
            found = decide(await self._signals.tally(key), self.rules)
            if found is not None and not await self._proposals.is_known(found.item, key):
                await self._propose(text, key, found)
        if fresh:
            await self._signals.counted([signal.id for signal in fresh])
        return len(fresh)

    async def _propose(self, text: str, key: str, found: Finding) -> None:
        name = self._name(text, key, found.item)
        if name is None:
            return
        now = self._clock.now()
        proposal = Proposal(
            id=self._ids.new(Kind.PROPOSAL), state="", created_at=now, updated_at=now,
            kind=kind_of(text) if found.item else ProposalKind.KNOWLEDGE, item=found.item, item_name=name, text=text,
            key=key, votes=found.votes, against=found.against, corrections=found.corrections,
        )  # fmt: skip
        step = Step(PROPOSE, Actor.SYSTEM, data={"kind": proposal.kind.value, "item": found.item})
        try:
            await self._proposals.create(proposal, step)
        except Duplicate:
            return

    def _name(self, text: str, key: str, item: str) -> str | None:
        """The item's name, "" for none; None when there is nothing to propose: the item is gone or says it already,
        or the text is answered rightly as it is."""
        answer = self._ask.ask(text)
        best = answer.candidates[0].code if answer.outcome is Outcome.ANSWER else ""
        if not item:
            return None if best or answer.intent in (Intent.PERSON, Intent.GREETING) else ""
        try:
            content = self._catalogue.get(item).content
        except NotFound:
            return None
        return None if best == item or says(content, key) else content.name
