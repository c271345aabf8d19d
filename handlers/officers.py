"""Who is there to answer residents, and what supervisors say that each of them knows."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

from handlers.base import Call
from handlers.routing import Idempotency, Limit, Route, staff
from handlers.staff_views import OfficerView, officer_view
from kernel.errors import Code, InvalidInput
from services.consultations.model import Presence
from services.consultations.presence import MOST_CAPACITY
from services.identity.staff.model import Role

Short = Annotated[str, Meta(max_length=40)]


class PresenceRequest(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    status: Presence


class SkillsRequest(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Empty lists of departments and topics: all of them."""

    departments: Annotated[list[Short], Meta(max_length=100)]
    topics: Annotated[list[Short], Meta(max_length=50)]
    languages: Annotated[list[Short], Meta(min_length=1, max_length=10)]
    capacity: Annotated[int, Meta(ge=1, le=MOST_CAPACITY)]


class OfficerList(Struct, kw_only=True):
    """``languages``, ``topics``: what an officer may be said to know, by code, with the words for it."""

    officers: list[OfficerView]
    languages: dict[str, str]
    topics: dict[str, str]


async def presence(call: Call) -> OfficerView:
    return officer_view(await call.city.officers.one(call.officer.staff_id))


async def set_presence(call: Call, body: PresenceRequest) -> OfficerView:
    """Online or away; also a sign of life, needed once a minute where no WebSocket is open."""
    await call.city.officers.do_beat(call.officer.staff_id, body.status)
    return officer_view(await call.city.officers.one(call.officer.staff_id))


async def officers(call: Call) -> OfficerList:
    """Who is there: for transfers, and for supervisors."""
    known = call.city.officers
    return OfficerList(
        officers=[officer_view(one) for one in await known.all()], languages=known.languages, topics=known.topics
    )


async def set_skills(call: Call, staff_id: str, body: SkillsRequest) -> OfficerView:
    """What somebody who answers knows, and how many conversations they have at once; from the next one on."""
    account = await call.city.staff_queries.account(staff_id)
    if not {Role.AGENT, Role.SUPERVISOR} & set(account.roles):
        raise InvalidInput(detail="这个账号不是咨询员或主管，不接待居民。", field="staff_id", reason="answers nobody")
    args = (staff_id, body.departments, body.topics, body.languages, body.capacity)
    officer = await call.city.officers.do_set_skills(*args)
    await call.city.staff.do_note(f"officer.skills {staff_id}", call.officer.staff_id, call.address)
    return officer_view(officer)


_AGENT, _SUPERVISOR = staff("agent", "supervisor"), staff("supervisor")
_READ = (_AGENT, Limit.READ, Idempotency.SAFE)

ROUTES = [
    Route("GET", "/staff/presence", presence, *_READ, "Whether one is there"),
    Route("PUT", "/staff/presence", set_presence, _AGENT, Limit.CHAT, Idempotency.NATURAL, "Come and go"),
    Route("GET", "/staff/officers", officers, *_READ, "Who is there"),
    Route(
        "PUT", "/staff/officers/{staff_id}", set_skills, _SUPERVISOR, Limit.CHAT, Idempotency.NATURAL,
        "What an officer knows", (Code.NOT_FOUND,),
    ),
]  # fmt: skip
