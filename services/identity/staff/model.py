"""Staff accounts, their sessions, and the audit of their use.

Invariants: one account per username; an account that was disabled or whose password was changed has no session of
before; whoever administers accounts does not audit them; a one-time password is accepted once.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

import msgspec
from msgspec import Struct

from kernel.errors import InvalidInput
from services.store import Aggregate


class Role(StrEnum):
    """What a member of staff does; a route names the roles it is for."""

    AGENT = "agent"
    WINDOW_OFFICER = "window_officer"
    APPROVER = "approver"
    SUPERVISOR = "supervisor"
    CATALOGUE_EDITOR = "catalogue_editor"
    AUDITOR = "auditor"
    ADMINISTRATOR = "administrator"


class StaffAccount(Aggregate, kw_only=True):
    """``username`` in lower case. ``name``: as colleagues and residents see it. ``centre``: the code of the centre of
    work, None for the whole city. ``department``: as data/departments.json names it, None for none in particular.

    ``totp``: the encrypted secret of the second factor, None until a code has confirmed it; ``totp_pending``: one shown
    and not yet confirmed. ``totp_step``: the step of the last code accepted. ``recovery``: hashes of unused codes.

    ``generation`` grows whenever all sessions must end; a session belongs to the generation it was made in.
    """

    username: str
    password_hash: str
    roles: list[Role]
    name: str = ""
    centre: str | None = None
    department: str | None = None
    generation: int = 1
    totp: bytes | None = None
    totp_pending: bytes | None = None
    totp_step: int = 0
    recovery: list[str] = msgspec.field(default_factory=list)


class StaffView(Struct, frozen=True, kw_only=True):
    """An account as others see it."""

    staff_id: str
    username: str
    name: str
    roles: list[Role]
    centre: str | None
    department: str | None
    state: str
    second_factor: bool
    recovery_codes_left: int
    created_at: datetime


class StaffSession(Struct, frozen=True, kw_only=True):
    """A member of staff signed in, until ``expires_at`` at the latest: the idle limit may end it earlier.

    ``enrolment_due``: a second factor is asked for and the account has none; nothing but its enrolment is allowed.
    """

    staff_id: str
    username: str
    name: str = ""
    roles: list[Role]
    centre: str | None
    department: str | None = None
    enrolment_due: bool = False
    expires_at: datetime


class StaffSessionRecord(Struct, frozen=True, kw_only=True):
    """A session as stored, under the SHA-256 of its token. ``seen_at``: last use, within ``StaffRules.cache_for``."""

    id: str = msgspec.field(name="_id")
    staff_id: str
    generation: int
    created_at: datetime
    seen_at: datetime
    expires_at: datetime


# Characters of the reason for reading personal data in clear: enough to be one, to be read in a list of the audit.
REASON_LEAST, REASON_MOST = 4, 100


class Result(StrEnum):
    """How a use of an account ended."""

    DONE = "done"
    WRONG_PASSWORD = "wrong_password"  # noqa: S105
    UNKNOWN_USER = "unknown_user"
    SECOND_FACTOR_ASKED = "second_factor_asked"
    WRONG_SECOND_FACTOR = "wrong_second_factor"
    DISABLED = "disabled"
    LOCKED = "locked"


class AuditEntry(Struct, frozen=True, kw_only=True):
    """Who did what when from where, with which result (GB/T 22239-2019, 8.1.4.3).

    ``by``: a staff id, or the name of a command; empty for a username that nobody has. Such a username is not written
    down, because it is often a password typed into the wrong field.
    """

    id: str = msgspec.field(name="_id")
    at: datetime
    action: str
    staff_id: str | None = None
    by: str
    result: Result
    address: str


@dataclass(frozen=True, slots=True)
class StaffRules:
    """``wrong_passwords`` in a row lock a name for ``locked_for``. ``cache_for``: how long Valkey answers for MongoDB.

    Argon2id's parameters: memory in KiB. The defaults are the least that OWASP's Password Storage Cheat Sheet asks for
    (19 MiB, 2 iterations, 1 lane); ``hashing_threads`` bounds how many hashes one process computes at a time.
    """

    session_for: timedelta = timedelta(hours=12)
    idle_for: timedelta = timedelta(minutes=30)
    cache_for: timedelta = timedelta(seconds=60)
    wrong_passwords: int = 5
    locked_for: timedelta = timedelta(minutes=15)
    shortest_password: int = 12
    argon2_memory: int = 19_456
    argon2_iterations: int = 2
    argon2_lanes: int = 1
    hashing_threads: int = 2
    # GB/T 22239-2019, 8.1.4.1 d) asks level 3 for it; off, whoever has enrolled is still asked.
    second_factor_required: bool = True


@dataclass(frozen=True, slots=True)
class Enrolment:
    """What an authenticator app is given, once: the secret in base 32 and as the URI of a QR code."""

    secret: str
    uri: str


def check_roles(roles: Collection[Role]) -> list[Role]:
    """The roles in their order. Raises InvalidInput when there is none, or when one person would audit themselves."""
    if not roles:
        raise InvalidInput(detail="请至少选择一个角色。", field="$.roles", reason="empty")
    # GB/T 22239-2019, 8.1.5: the administrator of accounts and the auditor are different people.
    if Role.ADMINISTRATOR in roles and Role.AUDITOR in roles:
        raise InvalidInput(detail="系统管理员不能兼任审计员。", field="$.roles", reason="administrator_and_auditor")
    return [role for role in Role if role in roles]
