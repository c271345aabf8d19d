"""Proposals made of what residents and officers did with answers, and officers' corrections."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from msgspec import Meta, Struct

from handlers.base import Call
from handlers.routing import Idempotency, Limit, Route, staff
from handlers.staff_views import staff_caller
from kernel.clock import SHANGHAI
from kernel.errors import Code, InvalidInput
from kernel.machine import Actor
from nlp.effect import Changed, Scores
from services.consultations.model import Side
from services.learning.effects import Measured
from services.learning.machine import MACHINE
from services.learning.model import Proposal, State

Reason = Annotated[str, Meta(max_length=200)]


class ProposalsQuery(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``after``: the last id of the page before."""

    state: State = State.PROPOSED
    after: Annotated[str, Meta(max_length=20)] = ""
    limit: Annotated[int, Meta(ge=1, le=200)] = 50


class AcceptRequest(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``publish``: at once, otherwise the words wait in the item's draft. ``reason``: needed where a score falls."""

    publish: bool = False
    reason: Reason = ""


class RejectRequest(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    reason: Annotated[str, Meta(min_length=1, max_length=200)]


class CorrectionRequest(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The right item for a resident's words: ``conversation`` and ``seq`` of the message, or ``text``."""

    item: Annotated[str, Meta(min_length=1, max_length=12)]
    conversation: Annotated[str, Meta(max_length=40)] = ""
    seq: Annotated[int, Meta(ge=0)] = 0
    text: Annotated[str, Meta(max_length=2000)] = ""


class CorrectionAnswer(Struct, kw_only=True):
    """``counted``: false when the caller has corrected the same words today."""

    counted: bool


class ProposalChange(Struct, kw_only=True):
    """One entry of a proposal's history. ``by``: a staff id, empty for the system."""

    at: datetime
    action: str
    by: str
    note: str


class ProposalView(Struct, kw_only=True):
    """``kind``: alias, question (of ``item``) or knowledge. ``votes`` for and ``against`` when it was made, and how
    many officers among them (each counts for several). ``entry``: the knowledge entry that it became."""

    id: str
    state: str
    kind: str
    item: str
    item_name: str
    text: str
    votes: int
    against: int
    corrections: int
    entry: str
    published: bool
    actions: list[str]
    created_at: datetime
    updated_at: datetime
    history: list[ProposalChange]


class ProposalList(Struct, kw_only=True):
    """``next``: what to give as ``after`` for the next page; None on the last."""

    proposals: list[ProposalView]
    next: str | None


class EffectNumbers(Struct, kw_only=True):
    """``trials`` of ``questions`` were asked: a sample where fewer. ``lowered``: scores that fall past the margin."""

    trials: int
    questions: int
    sampled: bool
    before: Scores
    after: Scores
    lowered: list[str]
    better: int
    worse: int
    changed: list[Changed]
    text: Changed
    seconds: float


class EffectView(Struct, kw_only=True):
    """``state``: running (ask again in a second), ready, failed. ``edition``: of the catalogue that was measured."""

    proposal: str
    state: str
    edition: str
    margin: float
    effect: EffectNumbers | None


async def proposals(call: Call, query: ProposalsQuery) -> ProposalList:
    """Proposals of one state."""
    found = await call.city.learning_review.page(query.state, query.after, query.limit + 1)
    shown = found[: query.limit]
    return ProposalList(
        proposals=[_view(one) for one in shown], next=shown[-1].id if len(found) > query.limit else None
    )


async def effect(call: Call, proposal_id: str) -> EffectView:
    """The evaluation without and with the proposal; begins it when nobody has."""
    proposal, measured = await call.city.learning_review.effect(proposal_id)
    return EffectView(
        proposal=proposal.id,
        state=measured.state.value,
        edition=measured.edition,
        margin=call.city.learning.rules.margin,
        effect=_numbers(measured),
    )


async def accept(call: Call, proposal_id: str, body: AcceptRequest) -> ProposalView:
    """Writes the words into the item's draft, or proposes the knowledge entry. The effect has to be measured first."""
    by = call.officer.staff_id
    return _view(await call.city.learning_review.do_accept(proposal_id, by, body.reason, publish=body.publish))


async def reject(call: Call, proposal_id: str, body: RejectRequest) -> ProposalView:
    """The same words are not proposed for the item again."""
    return _view(await call.city.learning_review.do_reject(proposal_id, call.officer.staff_id, body.reason))


async def correct(call: Call, body: CorrectionRequest) -> CorrectionAnswer:
    """An officer links a resident's words to the right item; counts as many votes as make a proposal."""
    text = await _said(call, body)
    return CorrectionAnswer(counted=await call.city.learning.do_correct(call.officer.staff_id, text, body.item))


async def _said(call: Call, body: CorrectionRequest) -> str:
    """The words meant, of a conversation that the officer may see."""
    if bool(body.text) == bool(body.conversation):
        raise InvalidInput(field="$.text", reason="请给出原话，或会话编号和消息序号，二者选一")
    if body.text:
        return body.text
    queries = call.city.consultation_queries
    conversation = await queries.for_staff(staff_caller(call.officer, call.address), body.conversation)
    entry = await queries.entry(conversation.id, body.seq)
    if entry is None or entry.side is not Side.RESIDENT or entry.recalled_at is not None or not entry.text:
        raise InvalidInput(field="$.seq", reason="这条消息不是群众的原话，或已撤回")
    return entry.text


def _numbers(measured: Measured) -> EffectNumbers | None:
    found = measured.effect
    if found is None:
        return None
    return EffectNumbers(
        trials=found.trials, questions=found.questions, sampled=found.sampled, before=found.before, after=found.after,
        lowered=list(measured.lowered), better=found.better, worse=found.worse, changed=found.changed, text=found.text,
        seconds=found.seconds,
    )  # fmt: skip


def _view(proposal: Proposal) -> ProposalView:
    return ProposalView(
        id=proposal.id, state=proposal.state, kind=proposal.kind.value, item=proposal.item,
        item_name=proposal.item_name, text=proposal.text, votes=proposal.votes, against=proposal.against,
        corrections=proposal.corrections, entry=proposal.entry, published=proposal.published,
        # "take" and "release" are steps inside accepting.
        actions=["accept"] if proposal.state == State.ACCEPTING else _actions(proposal),
        created_at=proposal.created_at.astimezone(SHANGHAI), updated_at=proposal.updated_at.astimezone(SHANGHAI),
        history=[
            ProposalChange(at=h.at.astimezone(SHANGHAI), action=h.action, by=h.by, note=h.note)
            for h in proposal.history
        ],
    )  # fmt: skip


def _actions(proposal: Proposal) -> list[str]:
    allowed = MACHINE.allowed(proposal.state, Actor.STAFF)
    return sorted("accept" if action == "take" else action for action in allowed)


_ANSWERS = staff("agent", "window_officer", "supervisor", "catalogue_editor")
_REVIEWS = staff("catalogue_editor", "supervisor")
_WRITE = (Limit.WRITE, Idempotency.KEY)
_ONE = "/staff/learning/proposals/{proposal_id}"
_STEP = (Code.PROPOSAL_NOT_FOUND, Code.ACTION_NOT_ALLOWED, Code.CONFLICT)

ROUTES = [
    Route(
        "GET", "/staff/learning/proposals", proposals, _REVIEWS, Limit.READ, Idempotency.SAFE, "Proposals to learn from"
    ),
    Route(
        "GET", f"{_ONE}/effect", effect, _REVIEWS, Limit.READ, Idempotency.SAFE, "What a proposal would change",
        (Code.PROPOSAL_NOT_FOUND,),
    ),
    Route(
        "POST", f"{_ONE}/accept", accept, _REVIEWS, *_WRITE, "Accept a proposal",
        (*_STEP, Code.ITEM_NOT_FOUND, Code.EFFECT_PENDING, Code.SCORE_FALLS, Code.DRAFT_PENDING),
    ),
    Route("POST", f"{_ONE}/reject", reject, _REVIEWS, *_WRITE, "Reject a proposal", _STEP),
    Route(
        "POST", "/staff/learning/corrections", correct, _ANSWERS, *_WRITE, "Link words to the right item",
        (Code.ITEM_NOT_FOUND, Code.CONVERSATION_NOT_FOUND), 201,
    ),
]  # fmt: skip
