"""Who the resident is: login through WeChat, phone, real name; what a screen shows of them is masked."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from msgspec import Meta, Struct

from handlers.base import Call, Done
from handlers.routing import ANYONE, RESIDENT, Idempotency, Limit, Route
from kernel.errors import Code, InvalidInput
from miniapp_api.views import local
from services.identity.model import Profile

LoginCode = Annotated[str, Meta(min_length=1, max_length=128)]


class LoginRequest(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``code`` of wx.login: usable once, for five minutes."""

    code: LoginCode


class LoginAnswer(Struct, kw_only=True):
    """``token`` goes into every later request: ``Authorization: Bearer <token>``."""

    token: str
    level: int
    expires_at: datetime


class PhoneRequest(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``code`` of the getPhoneNumber button."""

    code: LoginCode


class IdentityRequest(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Given once; 18 digits by GB 11643 (15 of the old kind are understood)."""

    name: Annotated[str, Meta(min_length=1, max_length=60)]
    id_number: Annotated[str, Meta(min_length=1, max_length=40)]


class PrivacyRequest(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The version of the privacy text that was agreed to."""

    version: Annotated[str, Meta(min_length=1, max_length=20)]


class CloseRequest(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``understood``: true, as the resident has ticked that the account and what it knows of them cannot come back."""

    understood: bool


async def login(call: Call, body: LoginRequest) -> LoginAnswer:
    """Signs in with a code from wx.login; the first time makes the account."""
    token, session = await call.city.identity.do_login(body.code)
    return LoginAnswer(token=token, level=int(session.level), expires_at=local(session.expires_at))


async def logout(call: Call) -> Done:
    await call.city.identity.do_logout(call.token)
    return Done()


async def me(call: Call) -> Profile:
    """What we know of the caller, masked."""
    return await call.city.identity_queries.profile(call.person)


async def bind_phone(call: Call, body: PhoneRequest) -> Profile:
    """Keeps the mobile number that WeChat has verified."""
    return await call.city.identity.do_bind_phone(call.person, body.code)


async def verify(call: Call, body: IdentityRequest) -> Profile:
    """Name and ID number, once; a second time with the same data changes nothing."""
    return await call.city.identity.do_verify(call.person, body.name, body.id_number)


async def agree(call: Call, body: PrivacyRequest) -> Profile:
    """Records that the privacy text was agreed to."""
    return await call.city.identity.do_consent(call.person, body.version)


async def withdraw(call: Call) -> Profile:
    """Takes back the agreement to the privacy text; it is asked for anew before the next booking or application."""
    return await call.city.identity.do_withdraw_consent(call.person)


async def close(call: Call, body: CloseRequest) -> Done:
    """Closes the account for good. ACCOUNT_IN_USE names what is still open: ``cases``, ``bookings``, ``bills``."""
    if not body.understood:
        raise InvalidInput(detail="请先勾选已了解注销的后果。", field="$.understood", reason="must be true")
    await call.city.leaving.do_close(call.person)
    return Done()


_LOGIN = (RESIDENT, Limit.LOGIN, Idempotency.NATURAL)
_IDENTITY = (Code.INVALID_ID_NUMBER, Code.IDENTITY_ALREADY_SET, Code.IDENTITY_TAKEN)

ROUTES = [
    Route(
        "POST", "/api/session", login, ANYONE, Limit.LOGIN, Idempotency.NATURAL, "Sign in with WeChat",
        (Code.INVALID_LOGIN_CODE, Code.HIGH_RISK_USER, Code.UPSTREAM_FAILED, Code.UNAVAILABLE), 201,
    ),
    Route("DELETE", "/api/session", logout, *_LOGIN, "Sign out"),
    Route("GET", "/api/me", me, RESIDENT, Limit.READ, Idempotency.SAFE, "My profile"),
    Route("PUT", "/api/me/phone", bind_phone, *_LOGIN, "Bind my phone", (Code.INVALID_PHONE, Code.UPSTREAM_FAILED)),
    Route("PUT", "/api/me/identity", verify, *_LOGIN, "Give my name and ID number", _IDENTITY),
    Route("PUT", "/api/me/privacy", agree, *_LOGIN, "Agree to the privacy text"),
    Route("DELETE", "/api/me/privacy", withdraw, *_LOGIN, "Withdraw that agreement"),
    Route("POST", "/api/me/close", close, *_LOGIN, "Close my account", (Code.ACCOUNT_IN_USE, Code.CONFLICT)),
]  # fmt: skip
