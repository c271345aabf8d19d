"""Bad ratings (差评) to call back about: who has to, what the calls brought, and those that are put right."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from msgspec import Meta, Struct

from handlers.base import Call
from handlers.routing import Idempotency, Limit, Route, staff
from kernel.clock import SHANGHAI
from kernel.errors import Code
from kernel.machine import Actor
from services.consultations.model import Rating


class FollowUpRequest(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    note: Annotated[str, Meta(min_length=1, max_length=500)]


class FollowUpsQuery(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``state``: open (to call back about, or to put right), or closed."""

    state: Literal["open", "closed"] = "open"


class FollowUpNote(Struct, kw_only=True):
    """What a step has brought. ``action``: call_back, close; ``by``: a member of staff's id."""

    action: str
    by: str
    note: str
    at: datetime


class FollowUp(Struct, kw_only=True):
    """A bad rating that is or was followed up. Who was rated is not told here, and who rated only to call back."""

    conversation: str
    person: str
    state: str
    level: str
    tags: list[str]
    words: str
    department: str
    rated_at: datetime
    due_at: datetime | None
    notes: list[FollowUpNote]


class FollowUps(Struct, kw_only=True):
    follow_ups: list[FollowUp]


async def follow_ups(call: Call, query: FollowUpsQuery) -> FollowUps:
    """Bad ratings to call back about, or those that are done with, but for one's own."""
    ratings = call.city.consultation_ratings
    found = await (ratings.to_follow_up() if query.state == "open" else ratings.followed_up())
    return FollowUps(follow_ups=[_follow_up(one) for one in found if one.officer != call.officer.staff_id])


async def call_back(call: Call, conversation_id: str, body: FollowUpRequest) -> FollowUp:
    args = (call.officer.staff_id, conversation_id, body.note)
    return _follow_up(await call.city.consultation_ratings.do_call_back(*args))


async def close_follow_up(call: Call, conversation_id: str, body: FollowUpRequest) -> FollowUp:
    args = (call.officer.staff_id, conversation_id, body.note)
    return _follow_up(await call.city.consultation_ratings.do_close_follow_up(*args))


def _follow_up(rating: Rating) -> FollowUp:
    return FollowUp(
        conversation=rating.id,
        person=rating.person,
        state=rating.state,
        level=rating.level,
        tags=rating.tags,
        words=rating.words,
        department=rating.department,
        rated_at=rating.created_at.astimezone(SHANGHAI),
        due_at=rating.due_at.astimezone(SHANGHAI) if rating.due_at is not None else None,
        notes=[
            FollowUpNote(action=one.action, by=one.by, note=one.note, at=one.at.astimezone(SHANGHAI))
            for one in rating.history
            if one.actor is Actor.STAFF
        ],
    )


_SUPERVISOR = staff("supervisor")
_STEP = (_SUPERVISOR, Limit.CHAT, Idempotency.NATURAL)
_ERRORS = (Code.CONVERSATION_NOT_FOUND, Code.ACTION_NOT_ALLOWED, Code.CONFLICT)

ROUTES = [
    Route(
        "GET", "/staff/follow-ups", follow_ups, _SUPERVISOR, Limit.READ, Idempotency.SAFE,
        "Bad ratings to call back about",
    ),
    Route("POST", "/staff/follow-ups/{conversation_id}/call-back", call_back, *_STEP, "Called back", _ERRORS),
    Route("POST", "/staff/follow-ups/{conversation_id}/close", close_follow_up, *_STEP, "Put right", _ERRORS),
]  # fmt: skip
