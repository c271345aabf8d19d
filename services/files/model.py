"""A file that somebody handed in, and the rules for files."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

import msgspec
from msgspec import Struct


class ContentType(StrEnum):
    """What is taken; decided by the bytes, never by the name or by what the sender says."""

    JPEG = "image/jpeg"
    PNG = "image/png"
    PDF = "application/pdf"


EXTENSIONS = {
    ContentType.JPEG: (".jpg", ".jpeg"),
    ContentType.PNG: (".png",),
    ContentType.PDF: (".pdf",),
}


class Purpose(StrEnum):
    """What a file was handed in as."""

    MATERIAL = "material"  # 申请材料
    RESULT = "result"  # 办理结果


class Flag(StrEnum):
    """What an officer should know before opening a PDF: no reason to refuse it (see services/files/content.py)."""

    ATTACHMENTS = "attachments"  # carries other files, as electronic vouchers do
    ENCRYPTED = "encrypted"  # cannot be looked into, perhaps asks for a password
    UNREADABLE = "unreadable"  # has parts that could not be looked into


class StoredFile(Struct, frozen=True, kw_only=True):
    """What is known of a file; its bytes lie in GridFS under the same id.

    ``owner`` is who handed it in (a resident's or an officer's id); ``name`` is for people and never names anything in
    a store; ``size`` in bytes; ``sha256`` of the bytes as kept, hexadecimal. ``uses`` are the ids of what refers to it,
    some with their version (``versioned_use``).

    Invariant: ``orphan_at``, the time after which it is removed, is set if and only if there is no use.
    """

    id: str
    owner: str
    name: str
    content_type: ContentType
    size: int
    sha256: str
    created_at: datetime
    purpose: Purpose
    flags: list[Flag] = msgspec.field(default_factory=list)
    uses: list[str] = msgspec.field(default_factory=list)
    orphan_at: datetime | None = None


@dataclass(frozen=True)
class FileRules:
    """``max_bytes`` of one file, ``per_day`` new files of one person, ``orphan_for``: how long an unused one stays.

    ``per_day_officer``: new files of an officer, who scans what many people bring.
    """

    max_bytes: int
    per_day: int
    orphan_for: timedelta
    per_day_officer: int = 2000
