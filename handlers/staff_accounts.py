"""Administration of staff accounts (administrators), and the audit of their use (auditors): two different people."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from typing import Annotated

from msgspec import Meta, Struct

from handlers.base import Call, Done
from handlers.routing import Idempotency, Limit, Route, staff
from kernel.clock import SHANGHAI, local_day, local_instant
from kernel.errors import Code, InvalidInput, NotFound
from kernel.ids import Kind, normalise
from services.identity.staff.model import AuditEntry, Role, StaffView

Password = Annotated[str, Meta(min_length=1, max_length=200)]
# The law asks for six months of audit (网络安全法, article 21); a longer question is asked in parts.
LONGEST_DAYS = 92


class AccountsQuery(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``after``: the last username of the page before."""

    after: Annotated[str, Meta(max_length=32)] = ""
    limit: Annotated[int, Meta(ge=1, le=200)] = 50


class Accounts(Struct, kw_only=True):
    """``next``: what to give as ``after`` for the next page; None on the last."""

    accounts: list[StaffView]
    next: str | None


class AccountProfile(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    name: Annotated[str, Meta(max_length=40)] = ""
    roles: Annotated[list[Role], Meta(max_length=10)]
    centre: Annotated[str, Meta(max_length=40)] | None = None
    department: Annotated[str, Meta(max_length=60)] | None = None


class NewAccount(AccountProfile, frozen=True, kw_only=True, forbid_unknown_fields=True):
    username: Annotated[str, Meta(min_length=1, max_length=64)]
    password: Password


class PasswordRequest(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    password: Password


class AuditQuery(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Days in Weihai, both included; the last week when none is given. ``before``: the last entry seen."""

    start: date | None = None
    end: date | None = None
    staff_id: Annotated[str, Meta(max_length=40)] | None = None
    before: Annotated[str, Meta(max_length=40)] | None = None
    limit: Annotated[int, Meta(ge=1, le=200)] = 50


class AuditLine(Struct, kw_only=True):
    """``by``: a staff id, or the name of a command; empty where nobody has the name that was tried."""

    id: str
    at: datetime
    action: str
    staff_id: str | None
    by: str
    result: str
    address: str


class Audit(Struct, kw_only=True):
    """``next``: what to give as ``before`` for the next page; None on the last."""

    start: date
    end: date
    entries: list[AuditLine]
    next: str | None


async def accounts(call: Call, query: AccountsQuery) -> Accounts:
    """All accounts, disabled ones too, in the order of their names."""
    found = await call.city.staff_queries.accounts(query.after, query.limit + 1)
    shown = found[: query.limit]
    return Accounts(accounts=shown, next=shown[-1].username if len(found) > query.limit else None)


async def create(call: Call, body: NewAccount) -> StaffView:
    """An account; its holder enrols a second factor at the first sign-in."""
    _check_centre(call, body.centre)
    return await call.city.staff.do_create_staff(
        body.username,
        body.password,
        body.roles,
        by=call.officer.staff_id,
        name=body.name,
        centre=body.centre or None,
        department=body.department or None,
        address=call.address,
    )


async def set_profile(call: Call, staff_id: str, body: AccountProfile) -> Done:
    """Who somebody is and what they may do; their sessions end."""
    _check_centre(call, body.centre)
    await call.city.staff.do_set_profile(
        _staff_id(staff_id),
        body.roles,
        by=call.officer.staff_id,
        name=body.name,
        centre=body.centre or None,
        department=body.department or None,
        address=call.address,
    )
    return Done()


async def set_password(call: Call, staff_id: str, body: PasswordRequest) -> Done:
    """For somebody who has forgotten theirs: ends their sessions and any lock."""
    by = call.officer.staff_id
    await call.city.staff.do_set_password(_staff_id(staff_id), body.password, by=by, address=call.address)
    return Done()


async def disable(call: Call, staff_id: str) -> Done:
    await call.city.staff.do_disable(_staff_id(staff_id), by=call.officer.staff_id, address=call.address)
    return Done()


async def enable(call: Call, staff_id: str) -> Done:
    await call.city.staff.do_enable(_staff_id(staff_id), by=call.officer.staff_id, address=call.address)
    return Done()


async def reset_second_factor(call: Call, staff_id: str) -> Done:
    """For somebody who has lost their telephone and their recovery codes: they enrol anew."""
    await call.city.staff.do_reset_second_factor(_staff_id(staff_id), by=call.officer.staff_id, address=call.address)
    return Done()


async def audit(call: Call, query: AuditQuery) -> Audit:
    """What accounts were used for, the newest first."""
    today = local_day(call.city.clock.now())
    end = query.end or query.start or today
    start = query.start or end - timedelta(days=6)
    if not timedelta(0) <= end - start < timedelta(days=LONGEST_DAYS):
        raise InvalidInput(field="start", reason=f"0 to {LONGEST_DAYS - 1} days before end")
    staff_id = None if query.staff_id is None else _staff_id(query.staff_id)
    first, last = local_instant(start, time(0)), local_instant(end, time(0)) + timedelta(days=1)
    found = await call.city.staff_queries.audit_page(first, last, staff_id, query.before, query.limit + 1)
    shown = found[: query.limit]
    more = shown[-1].id if len(found) > query.limit else None
    return Audit(start=start, end=end, entries=[_line(entry) for entry in shown], next=more)


def _line(entry: AuditEntry) -> AuditLine:
    return AuditLine(
        id=entry.id,
        at=entry.at.astimezone(SHANGHAI),
        action=entry.action,
        staff_id=entry.staff_id,
        by=entry.by,
        result=entry.result,
        address=entry.address,
    )


def _staff_id(text: str) -> str:
    staff_id = normalise(text, Kind.STAFF)
    if staff_id is None:
        raise NotFound(staff_id=text)
    return staff_id


def _check_centre(call: Call, centre: str | None) -> None:
    if centre:
        call.city.centres.get(centre)


_ADMINISTRATOR, _AUDITOR = staff("administrator"), staff("auditor")
_WRITE = (_ADMINISTRATOR, Limit.WRITE, Idempotency.KEY)
_STEP = (Code.NOT_FOUND, Code.ACTION_NOT_ALLOWED, Code.CONFLICT)
_ONE = "/staff/accounts/{staff_id}"

ROUTES = [
    Route("GET", "/staff/accounts", accounts, _ADMINISTRATOR, Limit.READ, Idempotency.SAFE, "Staff accounts"),
    Route(
        "POST", "/staff/accounts", create, *_WRITE, "New staff account",
        (Code.USERNAME_TAKEN, Code.CENTRE_NOT_FOUND), 201,
    ),
    Route("PUT", f"{_ONE}/profile", set_profile, *_WRITE, "Name, roles, place", (*_STEP, Code.CENTRE_NOT_FOUND)),
    Route("POST", f"{_ONE}/password", set_password, *_WRITE, "Set a password", _STEP),
    Route("POST", f"{_ONE}/disable", disable, *_WRITE, "No more sign-in", _STEP),
    Route("POST", f"{_ONE}/enable", enable, *_WRITE, "Sign-in again", _STEP),
    Route("POST", f"{_ONE}/second-factor/reset", reset_second_factor, *_WRITE, "Reset the second factor", _STEP),
    Route("GET", "/staff/audit", audit, _AUDITOR, Limit.READ, Idempotency.SAFE, "Audit of accounts"),
]  # fmt: skip
