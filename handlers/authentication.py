"""Who calls, by the token they send, and whether the route's right is theirs."""

from __future__ import annotations

import hmac
from typing import TYPE_CHECKING

from handlers.routing import Caller
from kernel.errors import Code, NotAllowed, NotAuthenticated

if TYPE_CHECKING:
    from handlers.base import Call, Frame


async def authenticate(call: Call, frame: Frame) -> None:
    """Fills in the session that the token names. Raises NotAuthenticated or NotAllowed when the right asks for more."""
    right, city = call.right, call.city
    if right.caller is Caller.OPERATOR:
        _check_operator(call, frame)
    elif right.caller is Caller.STAFF:
        call.staff = await city.staff_queries.session(call.token, used=not call.background) if call.token else None
        if call.staff is None:
            raise NotAuthenticated
        if call.staff.enrolment_due and not right.enrolling:
            raise NotAllowed(Code.ENROLMENT_REQUIRED)
        if right.roles and not right.roles.intersection(call.staff.roles):
            raise NotAllowed(roles=sorted(right.roles))
    elif right.caller in (Caller.RESIDENT, Caller.ANYONE) and call.token:
        call.session = await city.identity_queries.session(call.token)
    if right.caller is Caller.RESIDENT:
        if call.session is None:
            raise NotAuthenticated
        if call.session.level < right.level:
            raise NotAllowed(Code.IDENTITY_REQUIRED)


def _check_operator(call: Call, frame: Frame) -> None:
    if frame.metrics_token:
        if not hmac.compare_digest(call.token.encode(), frame.metrics_token.encode()):
            raise NotAuthenticated
    elif call.address not in ("127.0.0.1", "::1"):
        raise NotAllowed
