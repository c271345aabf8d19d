"""Who works here: names for the ids that screens show, and the officers whom something can be handed to."""

from __future__ import annotations

from msgspec import Struct

from handlers.base import Call
from handlers.routing import Idempotency, Limit, Route, staff
from services.identity.staff.model import Role

# More accounts than a city of this size has.
AT_MOST = 5000


class Colleague(Struct, kw_only=True):
    """``active``: may sign in; the name of somebody who has left is still shown where they acted."""

    staff_id: str
    name: str
    roles: list[Role]
    centre: str | None
    department: str | None
    active: bool


class Colleagues(Struct, kw_only=True):
    colleagues: list[Colleague]


async def colleagues(call: Call) -> Colleagues:
    """All accounts by username: names, roles and places, nothing about how they sign in."""
    return Colleagues(
        colleagues=[
            Colleague(
                staff_id=one.staff_id,
                name=one.name or one.username,
                roles=list(one.roles),
                centre=one.centre,
                department=one.department,
                active=one.state == "active",
            )
            for one in await call.city.staff_queries.accounts(limit=AT_MOST)
        ]
    )


# Whoever meets ids of staff on their screens: only editors of the catalogue do not.
_DESKS = staff("agent", "window_officer", "approver", "supervisor", "auditor", "administrator")

ROUTES = [Route("GET", "/staff/colleagues", colleagues, _DESKS, Limit.READ, Idempotency.SAFE, "Who works here")]
