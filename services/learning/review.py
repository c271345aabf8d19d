"""What reviewers do with proposals. Accepting writes the item's draft, and publishes it when asked to."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kernel.errors import BanshiError, Code, Conflict, InvalidInput, NotFound
from kernel.machine import Actor
from services.catalogue.actions import CatalogueActions
from services.catalogue.queries import Editorial
from services.knowledge.actions import KnowledgeActions
from services.learning.effects import Effects, EffectState, Measured
from services.learning.machine import MACHINE
from services.learning.model import Proposal, ProposalKind, says, with_text
from services.learning.store import ProposalStore
from services.store import Step


class Review:
    def __init__(
        self,
        store: ProposalStore,
        effects: Effects,
        catalogue_actions: CatalogueActions,
        editorial: Editorial,
        knowledge_actions: KnowledgeActions,
    ) -> None:
        self._store = store
        self._effects = effects
        self._catalogue_actions = catalogue_actions
        self._editorial = editorial
        self._knowledge_actions = knowledge_actions

    async def page(self, state: str, after: str, limit: int) -> list[Proposal]:
        return await self._store.page(state, after, limit)

    async def one(self, id_: str) -> Proposal:
        """Raises NotFound PROPOSAL_NOT_FOUND."""
        proposal = await self._store.get(id_)
        if proposal is None:
            raise NotFound(Code.PROPOSAL_NOT_FOUND)
        return proposal

    async def effect(self, id_: str) -> tuple[Proposal, Measured]:
        """What accepting would do to the evaluation. Raises InvalidInput for knowledge: no evaluation measures it."""
        proposal = await self.one(id_)
        if proposal.kind is ProposalKind.KNOWLEDGE:
            raise InvalidInput(field="proposal_id", reason="知识库问题不改变事项目录，没有评测影响")
        return proposal, await self._effects.of(proposal)

    async def do_accept(self, id_: str, by: str, reason: str, *, publish: bool) -> Proposal:
        """Writes the words into the item's draft (knowledge: proposes an entry), and publishes when asked.

        Raises Conflict: EFFECT_PENDING before the effect is measured, SCORE_FALLS when a score falls past the margin
        (or could not be measured) and no reason is given, DRAFT_PENDING when publishing would publish somebody else's
        draft; NotFound ITEM_NOT_FOUND for an item that is no longer offered.
        """
        proposal = await self.one(id_)
        MACHINE.step(proposal.state, "take", Actor.STAFF)
        if proposal.kind is not ProposalKind.KNOWLEDGE:
            await self._check_effect(proposal, reason)
        taken = await self._step(proposal, "take", by)
        try:
            changes = await self._apply(taken, by, reason, publish)
        except BanshiError as error:
            await self._step(taken, "release", by, error.code.name)
            raise
        return await self._step(taken, "accept", by, reason, changes)

    async def do_reject(self, id_: str, by: str, reason: str) -> Proposal:
        """The same words are not proposed for the item again."""
        return await self._step(await self.one(id_), "reject", by, reason)

    async def do_withdraw_settled(self, item: str) -> int:
        """Takes back what waits for an item that was withdrawn, or that says it now; returns how many."""
        waiting = await self._store.open_of(item)
        if not waiting:
            return 0
        record = await self._editorial.item(item)
        content = record.current.content if record.current is not None and record.state == "published" else None
        taken = 0
        for proposal in waiting:
            if content is not None and not says(content, proposal.key):
                continue
            edge = MACHINE.step(proposal.state, "withdraw", Actor.SYSTEM)
            note = "事项已停办" if content is None else "事项中已有这一说法"
            step = Step(edge, Actor.SYSTEM, note=note, data={"proposal": proposal.id, "item": item})
            taken += await self._store.step(proposal, step) is not None
        return taken

    async def _check_effect(self, proposal: Proposal, reason: str) -> None:
        measured = await self._effects.of(proposal)
        if measured.state is EffectState.RUNNING:
            raise Conflict(Code.EFFECT_PENDING)
        if reason.strip():
            return
        if measured.state is EffectState.FAILED or measured.effect is None:
            raise Conflict(Code.SCORE_FALLS, lowered=[], detail="影响评估没有完成，请写明理由后再采纳。")
        if measured.lowered:
            raise Conflict(Code.SCORE_FALLS, lowered=list(measured.lowered))

    async def _apply(self, proposal: Proposal, by: str, reason: str, publish: bool) -> dict[str, Any]:
        if proposal.kind is ProposalKind.KNOWLEDGE:
            entry = await self._knowledge_actions.do_propose(proposal.text, by, f"learning:{proposal.id}")
            return {"entry": entry.id}
        record = await self._editorial.item(proposal.item)
        if record.current is None or record.state != "published":
            raise NotFound(Code.ITEM_NOT_FOUND, item=proposal.item)
        current = record.current.content
        # What a crash after writing the draft left behind is our own.
        if publish and record.draft is not None and record.draft != with_text(current, proposal):
            raise Conflict(Code.DRAFT_PENDING, item=proposal.item)
        note = f"采纳学习建议 {proposal.id}" + (f"：{reason}" if reason else "")
        content = record.draft or current
        fresh = with_text(content, proposal)
        if fresh != content:
            record = await self._catalogue_actions.do_edit(fresh, by, seen=record.version, note=note)
        if publish and record.draft is not None:
            await self._catalogue_actions.do_publish(proposal.item, by, seen=record.version, note=note)
        return {"published": publish}

    async def _step(
        self, proposal: Proposal, action: str, by: str, note: str = "", changes: Mapping[str, Any] | None = None
    ) -> Proposal:
        edge = MACHINE.step(proposal.state, action, Actor.STAFF)
        data = {"proposal": proposal.id, "item": proposal.item}
        written = await self._store.step(proposal, Step(edge, Actor.STAFF, by, note, changes or {}, data))
        if written is None:
            raise Conflict
        return written
