"""Staff and their own account: sign in with two factors, who am I, enrolment, recovery codes, password."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import segno
from msgspec import Meta, Struct

from handlers.base import Call, Done
from handlers.routing import ANYONE, ENROLLING_STAFF, Idempotency, Limit, Route, staff
from kernel.clock import SHANGHAI
from kernel.errors import Code

Password = Annotated[str, Meta(min_length=1, max_length=200)]
SecondFactorCode = Annotated[str, Meta(min_length=6, max_length=30)]


class SignInRequest(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``code``: six digits of the authenticator app, or a recovery code; asked for by SECOND_FACTOR_REQUIRED."""

    username: Annotated[str, Meta(min_length=1, max_length=64)]
    password: Password
    code: SecondFactorCode | None = None


class StaffSessionView(Struct, kw_only=True):
    """``enrolment_due``: nothing but the enrolment of a second factor is allowed yet."""

    token: str
    staff_id: str
    username: str
    name: str
    roles: list[str]
    centre: str | None
    department: str | None
    enrolment_due: bool
    expires_at: datetime


class StaffMe(Struct, kw_only=True):
    """The account that calls. The session ends at ``expires_at``, or after ``idle_minutes`` without a request."""

    staff_id: str
    username: str
    name: str
    roles: list[str]
    centre: str | None
    centre_name: str
    department: str | None
    second_factor: bool
    second_factor_required: bool
    recovery_codes_left: int
    enrolment_due: bool
    expires_at: datetime
    idle_minutes: int


class EnrolmentRequest(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``code``: of the second factor in force, where there is one."""

    password: Password
    code: SecondFactorCode | None = None


class EnrolmentView(Struct, kw_only=True):
    """Told once. ``qr``: an SVG picture of ``uri`` as a data URI."""

    secret: str
    uri: str
    qr: str


class CodeRequest(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    code: SecondFactorCode


class RecoveryCodesRequest(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    password: Password
    code: SecondFactorCode


class RecoveryCodes(Struct, kw_only=True):
    """Told once; each is good for one sign-in without the authenticator app."""

    codes: list[str]


class PasswordChange(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``code``: of the second factor, where there is one."""

    password: Password
    new_password: Password
    code: SecondFactorCode | None = None


async def sign_in(call: Call, body: SignInRequest) -> StaffSessionView:
    """Raises WRONG_CREDENTIALS for a wrong name and a wrong password alike, SECOND_FACTOR_REQUIRED and
    WRONG_SECOND_FACTOR once the password is right, ACCOUNT_LOCKED after too many attempts."""
    token, session = await call.city.staff.do_sign_in(body.username, body.password, call.address, body.code)
    return StaffSessionView(
        token=token,
        staff_id=session.staff_id,
        username=session.username,
        name=session.name,
        roles=sorted(session.roles),
        centre=session.centre,
        department=session.department,
        enrolment_due=session.enrolment_due,
        expires_at=session.expires_at.astimezone(SHANGHAI),
    )


async def sign_out(call: Call) -> Done:
    await call.city.staff.do_sign_out(call.token, call.address)
    return Done()


async def me(call: Call) -> StaffMe:
    """Who calls, what they may do, and until when."""
    officer, queries = call.officer, call.city.staff_queries
    account = await queries.account(officer.staff_id)
    return StaffMe(
        staff_id=officer.staff_id,
        username=officer.username,
        name=officer.name,
        roles=sorted(officer.roles),
        centre=officer.centre,
        centre_name=call.city.centres.get(officer.centre).name if officer.centre else "",
        department=officer.department,
        second_factor=account.second_factor,
        second_factor_required=queries.rules.second_factor_required,
        recovery_codes_left=account.recovery_codes_left,
        enrolment_due=officer.enrolment_due,
        expires_at=officer.expires_at.astimezone(SHANGHAI),
        idle_minutes=int(queries.rules.idle_for.total_seconds() // 60),
    )


async def begin_enrolment(call: Call, body: EnrolmentRequest) -> EnrolmentView:
    """A secret for the authenticator app; in force once a code of it is confirmed."""
    made = await call.city.staff.do_begin_enrolment(call.officer.staff_id, body.password, body.code, call.address)
    return EnrolmentView(secret=made.secret, uri=made.uri, qr=segno.make(made.uri, error="m").svg_data_uri(scale=5))


async def confirm_enrolment(call: Call, body: CodeRequest) -> RecoveryCodes:
    """The second factor is in force; all other sessions of the account end."""
    args = (call.officer.staff_id, body.code, call.token, call.address)
    return RecoveryCodes(codes=await call.city.staff.do_confirm_enrolment(*args))


async def renew_recovery_codes(call: Call, body: RecoveryCodesRequest) -> RecoveryCodes:
    """Ten new ones; the old ones are void."""
    args = (call.officer.staff_id, body.password, body.code, call.address)
    return RecoveryCodes(codes=await call.city.staff.do_renew_recovery_codes(*args))


async def change_password(call: Call, body: PasswordChange) -> Done:
    """Of one's own account: all its sessions end, this one too."""
    args = (call.officer.staff_id, body.password, body.new_password, body.code, call.address)
    await call.city.staff.do_change_password(*args)
    return Done()


_PROOF = (Code.WRONG_CREDENTIALS, Code.SECOND_FACTOR_REQUIRED, Code.WRONG_SECOND_FACTOR, Code.ACCOUNT_LOCKED)
# Their answers are told once, so they are not kept for repeats; each asks for the password or a fresh code anyway.
_OWN = (ENROLLING_STAFF, Limit.LOGIN, Idempotency.NATURAL)

ROUTES = [
    Route(
        "POST", "/staff/session", sign_in, ANYONE, Limit.LOGIN, Idempotency.NATURAL, "Sign in as staff", _PROOF, 201,
    ),
    Route("DELETE", "/staff/session", sign_out, ENROLLING_STAFF, Limit.WRITE, Idempotency.NATURAL, "Sign out"),
    Route("GET", "/staff/me", me, ENROLLING_STAFF, Limit.READ, Idempotency.SAFE, "Who am I"),
    Route(
        "POST", "/staff/me/second-factor", begin_enrolment, *_OWN, "Begin to enrol a second factor",
        (*_PROOF, Code.CONFLICT),
    ),
    Route(
        "POST", "/staff/me/second-factor/confirm", confirm_enrolment, *_OWN, "Put the second factor in force",
        (Code.WRONG_SECOND_FACTOR, Code.ACTION_NOT_ALLOWED, Code.CONFLICT),
    ),
    Route(
        "POST", "/staff/me/recovery-codes", renew_recovery_codes, staff(), Limit.LOGIN, Idempotency.NATURAL,
        "New recovery codes", (*_PROOF, Code.ACTION_NOT_ALLOWED, Code.CONFLICT),
    ),
    Route("PUT", "/staff/me/password", change_password, *_OWN, "Change one's password", (*_PROOF, Code.CONFLICT)),
]  # fmt: skip
