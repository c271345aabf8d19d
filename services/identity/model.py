"""Residents' accounts and sessions.

Invariants: one account per openid and per ID number (unique indexes over deterministic encryption); name and ID number
are set together, once, and taken away together by staff, which alone lowers the level; no field of a stored record
holds personal data in clear.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import IntEnum

import msgspec
from msgspec import Struct

from services.store import Aggregate


class Level(IntEnum):
    """How sure we are who it is; higher includes lower."""

    WECHAT = 0  # somebody with this WeChat account
    PHONE = 1  # reached under a mobile number that WeChat has verified
    REAL_NAME = 2  # name and ID number given


class Consent(Struct, frozen=True, kw_only=True):
    """A privacy text agreed to: which version, when (PIPL, article 14: consent is given knowing the text)."""

    version: str
    at: datetime


class Person(Aggregate, kw_only=True):
    """One resident. The bytes are encrypted: see ``encryption.py`` for the key of each."""

    openid: bytes | None = None
    unionid: bytes | None = None
    phone: bytes | None = None
    name: bytes | None = None
    id_number: bytes | None = None
    level: Level = Level.WECHAT
    consents: list[Consent] = msgspec.field(default_factory=list)


@dataclass(frozen=True, slots=True)
class PersonalData:
    """The same in clear, for the moment it is needed. The repr shows nothing: it ends in tracebacks."""

    openid: str | None = field(default=None, repr=False)
    unionid: str | None = field(default=None, repr=False)
    phone: str | None = field(default=None, repr=False)
    name: str | None = field(default=None, repr=False)
    id_number: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Contact:
    """Where to reach a person: openid of the mini-program, 11-digit mobile number. For delivering messages only."""

    openid: str | None = field(default=None, repr=False)
    phone: str | None = field(default=None, repr=False)


class Profile(Struct, frozen=True, kw_only=True):
    """What a screen may show of a person: 张**, 371***********1233, 138****1234; None where nothing was given."""

    person_id: str
    level: Level
    name: str | None = None
    id_number: str | None = None
    phone: str | None = None
    consent_version: str | None = None


class Bearer(Struct, frozen=True, kw_only=True):
    """Who bears an ID number here: the masked profile, and since when the number stands on the account."""

    profile: Profile
    verified_at: datetime | None


class Session(Struct, frozen=True, kw_only=True):
    """A resident signed in until ``expires_at``."""

    person_id: str
    level: Level
    expires_at: datetime


class SessionRecord(Struct, frozen=True, kw_only=True):
    """A session as stored, under the SHA-256 of its token. The level is the person's, not the session's."""

    id: str = msgspec.field(name="_id")
    person_id: str
    created_at: datetime
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class IdentityRules:
    """``session_for``: absolute life of a session. ``cache_for``: how long Valkey may answer for MongoDB, which is also
    how long a sign-out can go unnoticed when Valkey was away at that moment."""

    session_for: timedelta = timedelta(days=30)
    cache_for: timedelta = timedelta(seconds=60)
