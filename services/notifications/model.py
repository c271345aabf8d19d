"""Templates, consents and messages.

A message stores no phone number and no openid: those are asked of identity when it is sent, and only then. Its
values are names of items and places, times and numbers.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

import msgspec
from msgspec import Struct

from services.store import Aggregate


class ValueKind(StrEnum):
    """What a placeholder may hold."""

    TEXT = "text"
    DATETIME = "datetime"
    PHRASE = "phrase"  # at most five Chinese characters: fits WeChat's phrase field
    NUMBER = "number"


class ConsentKind(StrEnum):
    """One-time: one accept is one message. Long-term (government services may have it): open until closed."""

    ONE_TIME = "one_time"
    LONG_TERM = "long_term"


class Channel(StrEnum):
    WECHAT = "wechat"
    SMS = "sms"


class Value(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    name: str
    kind: ValueKind


class WechatField(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    kind: str
    value: str


class WechatPart(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``template_id`` is the mini-program's own; ``page`` is a mini-program path with placeholders."""

    template_id: str
    kind: ConsentKind
    page: str
    fields: dict[str, WechatField]


class SmsPart(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``text`` is the reviewed text with {1}, {2} …, kept for the register; the operator sends its own copy."""

    template_id: str
    params: list[str]
    text: str


class InboxPart(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    title: str
    body: str


class TemplateContent(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What ``data/templates.json`` holds. A version never changes; the highest one of a code is the current one.

    Placeholders: ``{name}``, for a datetime also ``{name:day}`` and ``{name:time}``. ``useless_at`` names the datetime
    after which the message tells nothing any more; ``useless_after_minutes`` counts from its making.
    """

    code: str
    version: int
    title: str
    values: list[Value]
    inbox: InboxPart
    # 「为什么收到」: why the resident gets this.
    reason: str
    urgent: bool = False
    useless_at: str | None = None
    useless_after_minutes: int | None = None
    wechat: WechatPart | None = None
    sms: SmsPart | None = None


class Template(TemplateContent, frozen=True, kw_only=True):
    """A stored version; ``_id`` is code/version."""

    id: str = msgspec.field(name="_id")
    imported_at: datetime


class ConsentEntryKind(StrEnum):
    ACCEPT = "accept"
    REJECT = "reject"
    USE = "use"
    RETURNED = "returned"  # the send it was taken for certainly did not happen
    EXHAUSTED = "exhausted"  # WeChat says 43101: it knows of no credit
    CLOSED = "closed"


class ConsentEntry(Struct, frozen=True, kw_only=True):
    """``ref``: a digest of the push event, or message id and attempt."""

    at: datetime
    kind: ConsentEntryKind
    ref: str


class Consent(Struct, frozen=True, kw_only=True):
    """What one person has allowed one WeChat template; ``_id`` is person/template_id.

    Invariant: credits >= 0, and each credit stands for at most one message. ``entries`` keeps the latest 200.
    """

    id: str = msgspec.field(name="_id")
    person: str
    template_id: str
    kind: ConsentKind
    credits: int = 0
    closed: bool = False
    # When the last accept was recorded here: a 43101 for a send that began earlier does not speak about it.
    accepted_at: datetime | None = None
    entries: list[ConsentEntry] = msgspec.field(default_factory=list)

    @property
    def open(self) -> bool:
        """Whether a WeChat message may be tried now."""
        if self.closed:
            return False
        return self.credits > 0 if self.kind is ConsentKind.ONE_TIME else self.accepted_at is not None


class Message(Aggregate, kw_only=True):
    """One message to one person for one cause.

    ``at`` is when it counts as told (inbox order). ``channel`` is the one of the latest attempt, ``channel_ref``
    WeChat's msgid or the SMS SerialNo. ``attempts`` counts claims, ``failures`` the sends that certainly did not
    happen, ``wechat_failures`` those of them by WeChat. ``closed`` are channels that will not take this
    message; ``ours`` says that at least one of them refused for a fault of ours.
    """

    person: str
    template: str
    template_version: int
    cause: str
    values: dict[str, Any]
    title: str
    body: str
    reason: str
    urgent: bool
    at: datetime
    useless_at: datetime | None = None
    # The page of the mini-program that it is about, "" for none: the inbox opens it too.
    page: str = ""
    channel: Channel | None = None
    channel_ref: str | None = None
    # The WeChat template of the latest attempt: finds the message of a sent event whose msgid we never learned.
    wechat_template: str | None = None
    attempts: int = 0
    failures: int = 0
    wechat_failures: int = 0
    closed: list[Channel] = msgspec.field(default_factory=list)
    ours: bool = False
    unread: bool | None = None
    read_at: datetime | None = None
    trouble: bool | None = None
    # The last word of the outside world, for people who look into it.
    last_error: str = ""
