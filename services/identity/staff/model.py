"""Staff accounts, their sessions, and the audit of their use.

Invariants: one account per username; an account that was disabled or whose password was changed has no session of
before; whoever administers accounts does not audit them.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

import msgspec
from msgspec import Struct

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
    """``username`` in lower case. ``centre``: the code of the centre of work, None for the whole city.

    ``generation`` grows whenever all sessions must end; a session belongs to the generation it was made in.
    """

    username: str
    password_hash: str
    roles: list[Role]
    centre: str | None = None
    generation: int = 1


class StaffView(Struct, frozen=True, kw_only=True):
    """An account as others see it."""

    staff_id: str
    username: str
    roles: list[Role]
    centre: str | None
    state: str


class StaffSession(Struct, frozen=True, kw_only=True):
    """A member of staff signed in, until ``expires_at`` at the latest: the idle limit may end it earlier."""

    staff_id: str
    username: str
    roles: list[Role]
    centre: str | None
    expires_at: datetime


class StaffSessionRecord(Struct, frozen=True, kw_only=True):
    """A session as stored, under the SHA-256 of its token. ``seen_at``: last use, within ``StaffRules.cache_for``."""

    id: str = msgspec.field(name="_id")
    staff_id: str
    generation: int
    created_at: datetime
    seen_at: datetime
    expires_at: datetime


class Result(StrEnum):
    """How a use of an account ended."""

    DONE = "done"
    WRONG_PASSWORD = "wrong_password"  # noqa: S105
    UNKNOWN_USER = "unknown_user"
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
